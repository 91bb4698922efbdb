"""What the events say so far: open executions, completions, who is ready. For live decisions only.

The verdict never comes from here; it is made afterwards from the history.
"""

from __future__ import annotations

from collections import Counter

from worker_child.protocol import (
    ChildEvent,
    ChildReady,
    JobCompleted,
    JobDiscarded,
    JobFailed,
    JobStarted,
)

Incarnation = tuple[int, int]
"""(slot, incarnation)"""


class Tracker:
    """Folds events as they arrive; one instance per run."""

    def __init__(self) -> None:
        self.open: dict[Incarnation, dict[int, JobStarted]] = {}
        """Open executions of each incarnation, by execution number."""
        self.completions: Counter[str] = Counter()
        """How many job_completed each job has."""
        self.discarded: set[str] = set()
        self.ready: dict[Incarnation, ChildReady] = {}
        self.job_of_inbox_id: dict[str, str] = {}
        self.started = 0
        self.duplicates = 0
        self.seen: set[str] = set()
        """Every job that was ever started."""

    def observe(self, event: ChildEvent) -> None:
        """Take in one event."""
        if isinstance(event, JobStarted):
            self._start(event)
        elif isinstance(event, JobCompleted):
            self._complete(event)
        elif isinstance(event, JobFailed):
            self.open[event.slot, event.incarnation].pop(event.execution, None)
        elif isinstance(event, JobDiscarded):
            self.discarded.add(event.job_id)
        elif isinstance(event, ChildReady):
            self.ready[event.slot, event.incarnation] = event

    @property
    def open_executions(self) -> int:
        """Executions that are open, in dead incarnations too."""
        return sum(map(len, self.open.values()))

    @property
    def completed(self) -> int:
        """Jobs with at least one job_completed."""
        return len(self.completions)

    def _start(self, event: JobStarted) -> None:
        key = event.slot, event.incarnation
        if key not in self.open:
            self.open[key] = {}
        self.open[key][event.execution] = event
        self.started += 1
        self.seen.add(event.job_id)
        if event.inbox_id is not None:
            self.job_of_inbox_id[event.inbox_id] = event.job_id

    def _complete(self, event: JobCompleted) -> None:
        self.open[event.slot, event.incarnation].pop(event.execution, None)
        self.completions[event.job_id] += 1
        if self.completions[event.job_id] == 2:
            self.duplicates += 1

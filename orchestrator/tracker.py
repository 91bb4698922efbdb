"""What the events say so far: open executions, completions, who is ready. For live decisions only.

The verdict never comes from here; it is made afterwards from the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from worker_child.protocol import (
    ChildEvent,
    ChildReady,
    JobCompleted,
    JobDiscarded,
    JobEnqueued,
    JobFailed,
    JobStarted,
)

Incarnation = tuple[int, int]
"""(slot, incarnation)"""


class Tracker:
    """Folds events as they arrive; one instance per run."""

    def __init__(self, on_finished: Callable[[str], None] | None = None) -> None:
        """`on_finished` is called with a job's id at each of its completions and discards."""
        self._on_finished = on_finished
        self.open: dict[Incarnation, dict[int, JobStarted]] = {}
        """Open executions of each incarnation, by execution number."""
        self.completions: Counter[str] = Counter()
        """How many job_completed each job has."""
        self.discarded: set[str] = set()
        self.enqueued: set[str] = set()
        """What jobs have said that they enqueued: inbox ids, or job ids where there is none."""
        self.ready: dict[Incarnation, ChildReady] = {}
        self.job_of_inbox_id: dict[str, str] = {}
        self.duplicates = 0
        self._seen_without_row: set[str] = set()

    def observe(self, incarnation: Incarnation, events: Sequence[ChildEvent]) -> None:
        """Take in some events of one incarnation, in their order.

        This runs for every event of every child: the two frequent kinds stand first and in line.
        """
        open_ = self.open.setdefault(incarnation, {})
        completions, job_of_inbox_id = self.completions, self.job_of_inbox_id
        for event in events:
            # Not isinstance(): a struct's metaclass makes every "no" of it expensive.
            if type(event) is JobStarted:
                open_[event.execution] = event
                if event.inbox_id is not None:
                    job_of_inbox_id[event.inbox_id] = event.job_id
                else:
                    self._seen_without_row.add(event.job_id)
            elif type(event) is JobCompleted:
                open_.pop(event.execution, None)
                count = completions.get(event.job_id, 0) + 1
                completions[event.job_id] = count
                self.duplicates += count == 2
            elif type(event) is JobFailed:
                open_.pop(event.execution, None)
            else:
                self._observe_rare(incarnation, event)
        if self._on_finished is not None:
            self._tell_finished(events, self._on_finished)

    @property
    def open_executions(self) -> int:
        """Executions that are open, in dead incarnations too."""
        return sum(map(len, self.open.values()))

    @property
    def completed(self) -> int:
        """Jobs with at least one job_completed."""
        return len(self.completions)

    @property
    def seen(self) -> set[str]:
        """Every job that some event names."""
        return {*self.job_of_inbox_id.values(), *self._seen_without_row}

    def unsaid(self, rows: Iterable[tuple[str | None, str]]) -> set[str]:
        """Fanned-out jobs that ran, or stand in one of `rows` (inbox id, job id), although no
        coordinator has said that it enqueued that row."""
        ran = [*self.job_of_inbox_id.items(), *((None, job) for job in self._seen_without_row)]
        return {
            job_id
            for inbox_id, job_id in (*ran, *rows)
            if "/" in job_id and self.enqueued.isdisjoint((inbox_id, job_id))
        }

    def _observe_rare(self, incarnation: Incarnation, event: ChildEvent) -> None:
        if type(event) is JobDiscarded:
            self.discarded.add(event.job_id)
        elif type(event) is JobEnqueued:
            self.enqueued.add(event.inbox_id or event.job_id)
            if event.inbox_id is not None:
                self.job_of_inbox_id[event.inbox_id] = event.job_id
        elif type(event) is ChildReady:
            self.ready[incarnation] = event

    def _tell_finished(
        self, events: Iterable[ChildEvent], on_finished: Callable[[str], None]
    ) -> None:
        for event in events:
            if type(event) is JobCompleted or type(event) is JobDiscarded:
                on_finished(event.job_id)

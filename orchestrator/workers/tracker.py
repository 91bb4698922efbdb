"""What the events say so far: open executions, completions, who is ready. For live decisions only.

The verdict never comes from here; it is made afterwards from the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from orchestrator.workers.event_reader import Event
from worker_child.protocol import ChildReady, JobStarted

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
        self.fanned_out: set[str] = set()
        """Ids of the jobs that jobs have said that they enqueued, however often."""
        self.ready: dict[Incarnation, ChildReady] = {}
        self.duplicates = 0
        self._seen_without_row: set[str] = set()
        self._job_of_inbox_id: dict[str, str] = {}
        self._new_inbox_ids: list[str] = []
        self._new_jobs: list[str] = []
        """Of each new inbox_id, the job: a dictionary is only made of them when somebody asks."""

    def observe(self, incarnation: Incarnation, events: Sequence[Event]) -> None:
        """Take in some events of one incarnation, in their order.

        This runs for every event of every child: the two frequent kinds stand first and in line.
        """
        open_ = self.open.setdefault(incarnation, {})
        completions = self.completions
        inbox_ids, jobs = self._new_inbox_ids, self._new_jobs
        for event in events:
            if event.kind == "job_started":
                started = event.fields
                open_[started.execution] = started
                if started.inbox_id is not None:
                    inbox_ids.append(started.inbox_id)
                    jobs.append(started.job_id)
                else:
                    self._seen_without_row.add(started.job_id)
            elif event.kind == "job_completed":
                began = open_.pop(event.fields.execution, None)
                job_id = event.fields.job_id
                if job_id in completions:
                    self.duplicates += completions[job_id] == 1
                    completions[job_id] += 1
                elif began is not None and began.job_id == job_id:
                    # An equal text that is kept anyway: no fresh memory is held for another.
                    completions[began.job_id] = 1
                else:
                    completions[job_id] = 1
            elif event.kind == "job_failed":
                open_.pop(event.fields.execution, None)
            else:
                self._observe_rare(incarnation, event)
        if self._on_finished is not None:
            self._tell_finished(events, self._on_finished)

    @property
    def job_of_inbox_id(self) -> dict[str, str]:
        """The job of every row that some event names. For the thread that observes alone."""
        self._job_of_inbox_id.update(zip(self._new_inbox_ids, self._new_jobs, strict=True))
        self._new_inbox_ids.clear()
        self._new_jobs.clear()
        return self._job_of_inbox_id

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
        coordinator has said that it enqueued that row. A job that has no row any more, and so no
        inbox id, is another matter: any word of it will do.
        """
        ran = [*self.job_of_inbox_id.items(), *((None, job) for job in self._seen_without_row)]
        return {
            job_id
            for inbox_id, job_id in (*ran, *rows)
            if "/" in job_id
            and self.enqueued.isdisjoint((inbox_id, job_id))
            and (inbox_id is not None or job_id not in self.fanned_out)
        }

    def _observe_rare(self, incarnation: Incarnation, event: Event) -> None:
        if event.kind == "job_discarded":
            self.discarded.add(event.fields.job_id)
        elif event.kind == "job_enqueued":
            enqueued = event.fields
            self.enqueued.add(enqueued.inbox_id or enqueued.job_id)
            self.fanned_out.add(enqueued.job_id)
            if enqueued.inbox_id is not None:
                self._new_inbox_ids.append(enqueued.inbox_id)
                self._new_jobs.append(enqueued.job_id)
        elif event.kind == "child_ready":
            self.ready[incarnation] = event.fields

    def _tell_finished(self, events: Iterable[Event], on_finished: Callable[[str], None]) -> None:
        for event in events:
            if event.kind == "job_completed" or event.kind == "job_discarded":
                on_finished(event.fields.job_id)

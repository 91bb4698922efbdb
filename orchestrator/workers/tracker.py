"""What the events say so far: open executions, completions, who is ready. For live decisions only.

The verdict never comes from here; it is made afterwards from the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from orchestrator.workers.event_reader import Event
from worker_child.protocol import ChildReady, JobDying, JobStarted

Incarnation = tuple[int, int]
"""(slot, incarnation)"""


class Completions:
    """How many job_completed each job has; nearly all have one, and those cost least."""

    def __init__(self) -> None:
        self._jobs: set[str] = set()
        self._further: Counter[str] = Counter()
        """Of a job with several: how many after the first."""

    def add(self, job_ids: Sequence[str]) -> None:
        """Count one more for each."""
        known = len(self._jobs)
        if not self._jobs.isdisjoint(job_ids):
            self._further.update(job_id for job_id in job_ids if job_id in self._jobs)
            job_ids = [job_id for job_id in job_ids if job_id not in self._jobs]
        self._jobs.update(job_ids)
        if len(self._jobs) - known < len(job_ids):
            self._further.update(Counter(job_ids) - Counter(set(job_ids)))

    @property
    def duplicates(self) -> int:
        """Jobs with more than one."""
        return len(self._further)

    def keys(self) -> AbstractSet[str]:
        """The jobs with at least one."""
        return self._jobs

    def clear(self) -> None:
        """Forget all."""
        self._jobs.clear()
        self._further.clear()

    def __getitem__(self, job_id: str) -> int:
        return (job_id in self._jobs) + self._further[job_id]

    def __len__(self) -> int:
        return len(self._jobs)


class RowNames:
    """Which job each row of the inbox is, by its inbox id.

    Every start adds a pair and hardly anybody ever asks: until then the ids of a batch are kept as
    one text, which takes a tenth of the memory of as many small ones, and a dictionary is only
    made of them when somebody asks.
    """

    def __init__(self) -> None:
        self._job_of_inbox_id: dict[str, str] = {}
        self._kept: list[tuple[bytes, bytes]] = []
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(list[str]).decode

    def add(self, inbox_ids: Sequence[str], job_ids: Sequence[str]) -> None:
        """Take some pairs, in two columns."""
        self._kept.append((self._encode(inbox_ids), self._encode(job_ids)))

    def by_inbox_id(self) -> dict[str, str]:
        """All pairs; a later one stands in an earlier one's place."""
        kept, self._kept = self._kept, []
        for inbox_ids, job_ids in kept:
            pairs = zip(self._decode(inbox_ids), self._decode(job_ids), strict=True)
            self._job_of_inbox_id.update(pairs)
        return self._job_of_inbox_id


class Tracker:
    """Folds events as they arrive; one instance per run."""

    def __init__(self, on_finished: Callable[[str], None] | None = None) -> None:
        """`on_finished` is called with a job's id at each of its completions and discards."""
        self._on_finished = on_finished
        self.open: dict[Incarnation, dict[int, JobStarted]] = {}
        """Open executions of each incarnation, by execution number."""
        self.completions = Completions()
        self.discarded: set[str] = set()
        self.enqueued: set[str] = set()
        """What jobs have said that they enqueued: inbox ids, or job ids where there is none."""
        self.fanned_out: set[str] = set()
        """Ids of the jobs that jobs have said that they enqueued, however often."""
        self.dying: dict[Incarnation, list[JobDying]] = {}
        """By incarnation: the jobs that have announced that they kill it."""
        self.ready: dict[Incarnation, ChildReady] = {}
        self.seen_in_queue: set[str] = set()
        """Jobs of which a row was seen while it was not known whether the queue had taken them."""
        self._seen_without_row: set[str] = set()
        self._rows = RowNames()

    def observe(self, incarnation: Incarnation, events: Sequence[Event]) -> None:
        """Take in some events of one incarnation, in their order.

        This runs for every event of every child: the two frequent kinds stand first and in line.
        """
        open_ = self.open.setdefault(incarnation, {})
        begun: list[JobStarted] = []
        done: list[str] = []
        for event in events:
            if event.kind == "job_started":
                started = event.fields
                open_[started.execution] = started
                begun.append(started)
            elif event.kind == "job_completed":
                completed = event.fields
                open_.pop(completed.execution, None)
                done.append(completed.job_id)
            elif event.kind == "job_failed":
                open_.pop(event.fields.execution, None)
            else:
                self._observe_rare(incarnation, event)
        if begun:
            self._name_rows(begun)
        if done:
            self.completions.add(done)
        if self._on_finished is not None:
            self._tell_finished(events, self._on_finished)

    @property
    def job_of_inbox_id(self) -> dict[str, str]:
        """The job of every row that some event names. For the thread that observes alone."""
        return self._rows.by_inbox_id()

    @property
    def duplicates(self) -> int:
        """Jobs with more than one job_completed."""
        return self.completions.duplicates

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

    def _name_rows(self, begun: Sequence[JobStarted]) -> None:
        inbox_ids = [started.inbox_id for started in begun if started.inbox_id is not None]
        if len(inbox_ids) < len(begun):
            self._seen_without_row.update(s.job_id for s in begun if s.inbox_id is None)
            begun = [started for started in begun if started.inbox_id is not None]
        if begun:
            self._rows.add(inbox_ids, [started.job_id for started in begun])

    def _observe_rare(self, incarnation: Incarnation, event: Event) -> None:
        if event.kind == "job_discarded":
            self.discarded.add(event.fields.job_id)
        elif event.kind == "job_enqueued":
            enqueued = event.fields
            self.enqueued.add(enqueued.inbox_id or enqueued.job_id)
            self.fanned_out.add(enqueued.job_id)
            if enqueued.inbox_id is not None:
                self._rows.add([enqueued.inbox_id], [enqueued.job_id])
        elif event.kind == "job_dying":
            self.dying.setdefault(incarnation, []).append(event.fields)
        elif event.kind == "child_ready":
            self.ready[incarnation] = event.fields

    def _tell_finished(self, events: Iterable[Event], on_finished: Callable[[str], None]) -> None:
        for event in events:
            if event.kind == "job_completed" or event.kind == "job_discarded":
                on_finished(event.fields.job_id)

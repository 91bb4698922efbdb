"""The tables of a history: what each column holds, and how a block of lines fills it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from analysis.history.columns import (
    ABSENT,
    Column,
    Interner,
    Ints,
    LabelColumn,
    Labels,
    NumberColumns,
    Values,
    all_equal,
    digests,
    execution_keys,
    keys_of_children,
    pack,
    worker_keys,
)
from analysis.history.job_ids import JobIds, RawJobIds
from worker_child.protocol import RowState

STATES: tuple[RowState, ...] = ("queued", "retrying", "claimed", "dead", "done", "absent")
"""States of a row, the least settled first."""
STATE_CODES = {state: code for code, state in enumerate(STATES)}
QUOTED = 200
"""So many characters of an exception's text are kept."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length, one entry a line."""

    job: Ints
    """The job's number in the history's list of ids."""

    def __len__(self) -> int:
        return len(self.job)


@dataclass(frozen=True, slots=True)
class Ends(Table):
    """`job_completed` lines."""

    key: Ints
    t_ns: Ints
    n: Ints
    inbox: Ints
    """A digest of the inbox_id."""


@dataclass(frozen=True, slots=True)
class Failures(Ends):
    """`job_failed` lines."""

    error_class: Labels
    message: Labels
    """The exceptions' texts, as far as they are quoted."""


@dataclass(frozen=True, slots=True)
class Starts(Ends):
    """`job_started` lines."""

    library_attempt: Ints
    """The library's own count; `ABSENT` where it has none."""


@dataclass(frozen=True, slots=True)
class Enqueues(Table):
    """`job_enqueued` lines. `worker` and `n` are `ABSENT` where the parent wrote the line."""

    worker: Ints
    n: Ints
    t_ns: Ints
    length_us: Ints
    intended_ns: Ints
    sent_ns: Ints
    acknowledged_ns: Ints
    recovered: Ints
    inbox: Ints
    """A digest of the inbox_id, as in `Starts`."""
    kind: Labels
    job_class: Labels
    by_child: Ints
    """Of the lines that have a worker, in their order: the key of the execution that enqueued;
    `ABSENT` where none is named."""
    tenant: Labels
    """Without a label: the system's own jobs."""


@dataclass(frozen=True, slots=True)
class Rows(Table):
    """Lines of the final `row_read`, the closing one apart."""

    t_ns: Ints
    state: Ints
    """The place in `STATES`: the least settled first."""
    claimant: Ints
    """A number for the identity that holds the row."""
    picked_after_done: Ints
    failures: Ints
    claimed_ns: Ints
    """When it was claimed, by the queue's word; `ABSENT` = it does not say."""
    inbox: Ints
    """A digest of the inbox_id, as in `Starts`."""


@dataclass(frozen=True, slots=True)
class Effects(Table):
    """Effect rows of the final `row_read`."""

    key: Ints


class EnqueueColumns:
    """Takes `lines.Enqueued` and makes a table of them."""

    def __init__(self, jobs: RawJobIds) -> None:
        """`jobs` numbers the job ids."""
        self._jobs = jobs
        self.raw_job = Column(np.int32)
        self._worker = Column(np.int32)
        self._recovered = Column(np.int8)
        self._inbox = Column()
        self._by_child = Column()
        self._labels = {name: LabelColumn() for name in ("kind", "job_class", "tenant")}
        self._numbers = NumberColumns(
            n=np.int32,
            t_ns=np.int64,
            length_us=np.int64,
            intended_ns=np.int64,
            sent_ns=np.int64,
            acknowledged_ns=np.int64,
        )

    def extend(self, values: Values) -> None:
        """Take some lines' fields. Raises OverflowError."""
        self.raw_job.extend_by(self._jobs.numbers(values["job_id"]))
        outcomes = values["outcome"]
        self._worker.spread(worker_keys(values), len(outcomes))
        if all_equal(outcomes):
            self._recovered.repeat(outcomes[0] == "recovered", len(outcomes))
        else:
            self._recovered.extend([outcome == "recovered" for outcome in outcomes], len(outcomes))
        self._inbox.extend_by(digests(values["inbox_id"]))
        self._by_child.extend_by(keys_of_children(values))
        for name, column in self._labels.items():
            column.extend(values[name])
        self._numbers.extend(values)

    def table(self, ids: JobIds) -> Enqueues:
        """All that was taken."""
        n, t_ns, length_us, intended_ns, sent_ns, acknowledged_ns = self._numbers.arrays()
        return Enqueues(
            job=ids.settle(self.raw_job.array()),
            worker=self._worker.array(),
            n=n,
            t_ns=t_ns,
            length_us=length_us,
            intended_ns=intended_ns,
            sent_ns=sent_ns,
            acknowledged_ns=acknowledged_ns,
            recovered=self._recovered.array(),
            inbox=self._inbox.array(),
            by_child=self._by_child.array(),
            **{name: column.labels() for name, column in self._labels.items()},
        )


class EndColumns:
    """Takes `lines.Ended` and makes a table of them."""

    def __init__(self, jobs: RawJobIds) -> None:
        self._jobs = jobs
        self.raw_job = Column(np.int32)
        self._key = Column()
        self._inbox = Column()
        self._numbers = NumberColumns(n=np.int32, t_ns=np.int64)

    def extend(self, values: Values) -> None:
        """Take some lines' fields. Raises OverflowError."""
        self.raw_job.extend_by(self._jobs.numbers(values["job_id"]))
        self._key.spread(execution_keys(values), len(values["execution"]))
        self._inbox.extend_by(digests(values["inbox_id"]))
        self._numbers.extend(values)

    def table(self, ids: JobIds) -> Ends:
        """All that was taken."""
        n, t_ns = self._numbers.arrays()
        job = ids.settle(self.raw_job.array())
        inbox = self._inbox.array()
        return Ends(job=job, key=self._key.array(), t_ns=t_ns, n=n, inbox=inbox)


class FailureColumns(EndColumns):
    """Takes `lines.Failed` and makes a table of them."""

    def __init__(self, jobs: RawJobIds) -> None:
        super().__init__(jobs)
        self._error_class = LabelColumn()
        self._message = LabelColumn()

    def extend(self, values: Values) -> None:
        """Take some lines' fields. Raises OverflowError."""
        super().extend(values)
        self._error_class.extend(values["error_class"])
        self._message.extend([message[:QUOTED] for message in values["message"]])

    def table(self, ids: JobIds) -> Failures:
        """All that was taken."""
        ends = super().table(ids)
        return Failures(
            job=ends.job,
            key=ends.key,
            t_ns=ends.t_ns,
            n=ends.n,
            inbox=ends.inbox,
            error_class=self._error_class.labels(),
            message=self._message.labels(),
        )


class StartColumns(EndColumns):
    """Takes `lines.Started` and makes a table of them."""

    def __init__(self, jobs: RawJobIds) -> None:
        super().__init__(jobs)
        self._attempts = NumberColumns(library_attempt=np.int32)

    def extend(self, values: Values) -> None:
        """Take some lines' fields. Raises OverflowError."""
        super().extend(values)
        self._attempts.extend(values)

    def table(self, ids: JobIds) -> Starts:
        """All that was taken."""
        ends = super().table(ids)
        (attempts,) = self._attempts.arrays()
        return Starts(
            job=ends.job,
            key=ends.key,
            t_ns=ends.t_ns,
            n=ends.n,
            inbox=ends.inbox,
            library_attempt=attempts,
        )


class RowColumns:
    """Takes the lines of the final read, and makes tables of the rows and of the effects."""

    def __init__(self, jobs: RawJobIds, identities: Interner) -> None:
        """`identities` numbers those that hold a row."""
        self._jobs = jobs
        self._identities = identities
        self.raw_job = Column(np.int32)
        self._state = Column(np.int8)
        self._claimant = Column(np.int32)
        self._numbers = NumberColumns(
            t_ns=np.int64, picked_after_done=np.int8, failures=np.int32, claimed_ns=np.int64
        )
        self._inbox = Column()
        self._effect_counts = Column(np.int32)
        self._effects = Column()

    def extend(self, values: Values) -> None:
        """Take some lines' fields, each with a job_id. Raises OverflowError."""
        self.raw_job.extend_by(self._jobs.numbers(values["job_id"]))
        effects = values["effects"]
        count = len(effects)
        self._state.extend([STATE_CODES[state or "absent"] for state in values["state"]], count)
        held_by = values["claimed_by"]
        if all_equal(held_by):
            self._claimant.repeat(self._identity(held_by[0]), count)
        else:
            self._claimant.extend(map(self._identity, held_by), count)
        self._numbers.extend(values)
        self._inbox.extend_by(digests(values["inbox_id"]))
        counts = list(map(len, effects))
        if all_equal(counts):
            self._effect_counts.repeat(counts[0], count)
        else:
            self._effect_counts.extend(counts, count)
        parts = chain.from_iterable(chain.from_iterable(effects))
        slot, incarnation, execution = (
            np.fromiter(parts, np.int64, 3 * sum(counts)).reshape(-1, 3).T
        )
        self._effects.extend_by(pack(slot, incarnation, execution))

    def _identity(self, claimed_by: str | None) -> int:
        return ABSENT if claimed_by is None else self._identities[claimed_by]

    def rows(self, ids: JobIds) -> Rows:
        """All rows that were taken."""
        t_ns, picked_after_done, failures, claimed_ns = self._numbers.arrays()
        return Rows(
            job=ids.settle(self.raw_job.array()),
            t_ns=t_ns,
            state=self._state.array(),
            claimant=self._claimant.array(),
            picked_after_done=picked_after_done,
            failures=failures,
            claimed_ns=claimed_ns,
            inbox=self._inbox.array(),
        )

    def effects(self, ids: JobIds) -> Effects:
        """All effects that were taken."""
        jobs, counts = ids.settle(self.raw_job.array()), self._effect_counts.array()
        if not (counts == 1).all():
            jobs = np.repeat(jobs, counts)
        return Effects(job=jobs, key=self._effects.array())

"""Folds the lines about a job into its executions and rows: the evidence that the ledger weighs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from analysis.evidence.incarnations import Incarnation, Incarnations
from analysis.history.columns import ABSENT, Bools, Ints, unpack
from analysis.history.history import History
from analysis.history.tables import STATES, Table
from worker_child.protocol import JobDiscarded, JobRetried, RowState

FAR_FUTURE_NS = 1 << 62

Phase = Literal[
    "claimed", "started", "effect_done", "finished_unacknowledged", "failed_unacknowledged"
]
"""Where a death found a job in flight."""


@dataclass(slots=True)
class Execution:
    """One entry into the job's handler. Instants are nanoseconds; None = no such event."""

    slot: int
    incarnation: int
    number: int
    """The child's own counter."""
    started_ns: int | None = None
    completed_ns: int | None = None
    failed_ns: int | None = None
    effect: bool = False
    """Its effect row stands in the final read."""
    inbox: int | None = None
    """A digest of the inbox_id that it was started for."""
    error_class: str | None = None
    """Of one that failed: with what."""
    gone_ns: int | None = None
    """When its process was gone, where that is known."""
    ordinals: dict[str, int] = field(default_factory=dict)
    """By what happened (started, completed, failed): the line's n."""

    @property
    def identity(self) -> tuple[int, int, int]:
        """(slot, incarnation, the child's own counter)"""
        return self.slot, self.incarnation, self.number

    @property
    def done(self) -> bool:
        """The ledger's C counts it: a job_completed or an effect."""
        return self.completed_ns is not None or self.effect

    @property
    def ended_ns(self) -> int | None:
        """When it completed or failed; None = it never did."""
        return self.completed_ns if self.completed_ns is not None else self.failed_ns

    @property
    def over_ns(self) -> int:
        """From when on it was surely not running."""
        ends = [t for t in (self.ended_ns, self.gone_ns) if t is not None]
        return min(ends, default=FAR_FUTURE_NS)

    @property
    def place_in_time(self) -> tuple[int, int, int, int]:
        """The order of facts: by the first thing that is known of it."""
        first = self.started_ns if self.started_ns is not None else self.ended_ns
        return (first if first is not None else FAR_FUTURE_NS, *self.identity)


@dataclass(frozen=True, slots=True)
class Row:
    """What the final read says of one row of the job."""

    state: RowState
    t_ns: int
    claimed_by: str | None
    holder: Incarnation | None
    """Who announced `claimed_by`; None where nobody did, or where several did and it is not known
    whose the claim is."""
    picked_after_done: bool = False
    of_one_of_several: bool = False
    """Several incarnations announced `claimed_by`, and it is not known whose the claim is."""

    @property
    def held(self) -> bool:
        """The queue still counts it as claimed."""
        return self.state == "claimed"


@dataclass(frozen=True, slots=True)
class Enqueue:
    """One job_enqueued line. `worker` and `n` are None where the parent wrote it."""

    t_ns: int
    length_us: int
    intended_ns: int
    sent_ns: int | None = None
    acknowledged_ns: int | None = None
    recovered: bool = False
    worker: int | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A job was in flight when an incarnation died, and where it was found."""

    victim: Incarnation
    phase: Phase


@dataclass(slots=True)
class Evidence:
    """Everything that is known of one job. Executions stand in the order of time."""

    job_id: str
    planned: bool = True
    enqueues: list[Enqueue] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    completed_lines: int = 0
    retries: list[JobRetried] = field(default_factory=list)
    discards: list[JobDiscarded] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    failures: int = 0
    """Planned failures that were committed."""
    found: list[Found] = field(default_factory=list)
    """One for each death that found it in flight, in the order of time."""
    coordinations: int = 0
    """Of a coordinator's child that was done from several rows: how often its coordinator was
    executed."""

    @property
    def done(self) -> list[Execution]:
        """The executions that the ledger's C counts."""
        return [execution for execution in self.executions if execution.done]

    @property
    def enqueued_again(self) -> bool:
        """A child of a coordinator that enqueued it more than once, said so or not."""
        by_child = sum(enqueue.worker is not None for enqueue in self.enqueues)
        return by_child > 1 or (self.coordinations > 1 and bool(self.enqueues))

    @property
    def rows_done(self) -> int:
        """From how many rows of the queue it was done."""
        return len({execution.inbox for execution in self.done} - {None})

    @property
    def row_state(self) -> RowState:
        """R: of several rows the least settled one's state; without a row ``absent``."""
        return min((row.state for row in self.rows), key=STATES.index, default="absent")

    @property
    def first_completed_ns(self) -> int | None:
        """The first job_completed."""
        times = [e.completed_ns for e in self.executions if e.completed_ns is not None]
        return min(times, default=None)

    @property
    def length_us(self) -> int:
        """The planned length; nought where no line tells it."""
        return max((enqueue.length_us for enqueue in self.enqueues), default=0)


class _Fold:
    """Takes the tables one after the other; each adds to the evidence of the wanted jobs."""

    def __init__(self, history: History, incarnations: Incarnations, wanted: Bools) -> None:
        self._history = history
        self._crew = incarnations
        self._wanted = wanted
        numbers = np.flatnonzero(wanted).tolist()
        self.evidence = {job: Evidence(history.jobs.name(job)) for job in numbers}
        self._executions: dict[int, tuple[int, Execution]] = {}

    def run(self) -> None:
        """Fold everything."""
        self._enqueues()
        self._events("started")
        self._events("completed")
        self._events("failed")
        self._error_classes()
        self._effects()
        self._rows()
        self._coordinations()
        self._hand_over()
        for retry in self._history.records.of(JobRetried):
            if (evidence := self._of(retry.job_id)) is not None:
                evidence.retries.append(retry)
        for discard in self._history.records.of(JobDiscarded):
            if (evidence := self._of(discard.job_id)) is not None:
                evidence.discards.append(discard)

    def _of(self, job_id: str) -> Evidence | None:
        number = self._history.jobs.number(job_id)
        return None if number is None else self.evidence.get(number)

    def _picked(self, table: Table, *columns: Ints) -> Iterable[tuple[int, ...]]:
        mask = self._wanted[table.job]
        return zip(table.job[mask].tolist(), *(c[mask].tolist() for c in columns), strict=True)

    def _enqueues(self) -> None:
        t = self._history.enqueues
        columns = (t.t_ns, t.length_us, t.intended_ns, t.sent_ns, t.acknowledged_ns, t.recovered)
        for job, at, length, intended, sent, acknowledged, recovered, worker, n in self._picked(
            t, *columns, t.worker, t.n
        ):
            self.evidence[job].enqueues.append(
                Enqueue(
                    t_ns=at,
                    length_us=length,
                    intended_ns=intended,
                    sent_ns=None if sent == ABSENT else sent,
                    acknowledged_ns=None if acknowledged == ABSENT else acknowledged,
                    recovered=bool(recovered),
                    worker=None if worker == ABSENT else worker,
                    n=None if n == ABSENT else n,
                )
            )

    def _execution(self, job: int, key: int) -> Execution:
        known = self._executions.get(key)
        if known is not None and known[0] == job:
            return known[1]
        slot, number, counter = unpack(key)
        member = self._crew.get(slot, number)
        execution = Execution(slot, number, counter, gone_ns=member.gone_ns if member else None)
        self._executions[key] = (job, execution)
        self.evidence[job].executions.append(execution)
        return execution

    def _events(self, what: str) -> None:
        history = self._history
        table = {
            "started": history.starts,
            "completed": history.completions,
            "failed": history.failures,
        }[what]
        inbox = history.starts.inbox if what == "started" else table.n
        for job, key, t_ns, n, inbox_number in self._picked(
            table, table.key, table.t_ns, table.n, inbox
        ):
            if what == "completed":
                self.evidence[job].completed_lines += 1
            execution = self._execution(job, key)
            if n >= execution.ordinals.get(what, FAR_FUTURE_NS):
                continue
            execution.ordinals[what] = n
            setattr(execution, f"{what}_ns", t_ns)
            if what == "started" and inbox_number != ABSENT:
                execution.inbox = inbox_number

    def _error_classes(self) -> None:
        failures = self._history.failures
        for job, key, code in self._picked(failures, failures.key, failures.error_class.code):
            self._execution(job, key).error_class = failures.error_class.names[code]

    def _coordinations(self) -> None:
        """Children's ids hold their coordinator's."""
        keys = self._history.starts.key
        several = (evidence for evidence in self.evidence.values() if evidence.rows_done > 1)
        for evidence in several:
            coordinator, is_child, _ = evidence.job_id.rpartition("/")
            number = self._history.jobs.number(coordinator) if is_child else None
            if number is not None:
                mine = keys[self._history.starts.job == number]
                evidence.coordinations = int(np.unique(mine).size)

    def _effects(self) -> None:
        for job, key in self._picked(self._history.effects, self._history.effects.key):
            self._execution(job, key).effect = True

    def _rows(self) -> None:
        t = self._history.rows
        columns = (t.t_ns, t.state, t.claimant, t.picked_after_done, t.failures, t.claimed_ns)
        for job, t_ns, state, claimant, picked, failures, claimed_ns in self._picked(t, *columns):
            identity = None if claimant == ABSENT else self._history.identities[claimant]
            held_ns = None if claimed_ns == ABSENT else claimed_ns
            could = () if identity is None else self._crew.holders(identity, t_ns, held_ns)
            holder = could[0] if len(could) == 1 else None
            evidence = self.evidence[job]
            evidence.rows.append(
                Row(STATES[state], t_ns, identity, holder, bool(picked), len(could) > 1)
            )
            evidence.failures += failures

    def _hand_over(self) -> None:
        for evidence in self.evidence.values():
            evidence.executions.sort(key=lambda execution: execution.place_in_time)
            evidence.enqueues.sort(key=lambda enqueue: (enqueue.t_ns, enqueue.worker or ABSENT))


def fold(
    history: History, incarnations: Incarnations, wanted: Bools, found: Mapping[int, list[Found]]
) -> list[Evidence]:
    """The evidence of every job that `wanted` marks by its number, in the order of their ids.

    `found` = by a job's number, the deaths that found it in flight.
    """
    folding = _Fold(history, incarnations, wanted)
    folding.run()
    for job, deaths in found.items():
        if job in folding.evidence:
            folding.evidence[job].found = deaths
    return sorted(folding.evidence.values(), key=lambda evidence: evidence.job_id)

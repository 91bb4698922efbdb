"""Workers that a fault told to leave: whether they drained, how long it took, what they left."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from analysis.checks.forms.form import Certificate
from analysis.checks.forms.kill import KillCertificate
from analysis.history.columns import EXECUTION_BITS, Ints, unpack, worker_key
from analysis.history.history import History
from analysis.metrics.of_one_worker import count_after, open_at
from analysis.section import Section, seconds
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.targets import WorkerTarget
from orchestrator.history.worker_faults import Departure
from worker_child.protocol import ChildReady

TERMINATES = "terminate"
"""The fault that sends SIGTERM; the other one tells a worker to stop in the wire's own way."""
MOST_LISTED = 100
"""So many taken jobs of one departure are listed."""


DepartureOutcome = Literal["drained", "abandoned", "died", "killed", "unknown"]


class TakenLive(Section, frozen=True, kw_only=True):
    """An execution that went on while its worker drained, or had lost its first process, and the
    first one of another worker that began meanwhile. Instants are CLOCK_MONOTONIC nanoseconds;
    null = it never came."""

    job: str
    """Whose executions they are."""
    execution: tuple[int, int, int]
    """That one: slot, incarnation, and the child's own counter."""
    started_ns: int
    """When it had started."""
    completed_ns: int | None
    """When it was completed all the same."""
    other: tuple[int, int, int]
    """The other one."""
    other_started_ns: int
    """When that started."""
    other_completed_ns: int | None
    """When that was completed."""


class DepartureFound(Section, frozen=True, kw_only=True):
    """One worker that a fault told to leave."""

    fault: int
    """The fault's number, from 0."""
    what: str
    """Which sort it was: the scenario's word for it."""
    slot: int
    """The worker's slot."""
    incarnation: int
    """Which process of the slot it was, from 0."""
    told_ns: int | None
    """When it was told to leave, CLOCK_MONOTONIC nanoseconds; null = it was not."""
    outcome: DepartureOutcome
    """``drained`` = it left by itself, with exit code 0 or by our SIGTERM, and nothing open;
    ``abandoned`` = the same with executions open; ``died`` = it left by itself in another way;
    ``killed`` = it had not left when its grace was over; ``unknown`` = its end was not seen."""
    left_s: float | None
    """From when it was told until it was gone, by itself or killed, seconds."""
    open: int
    """Executions that were open in it when it was told."""
    completed: int
    """Executions that it completed after that."""
    begun: int
    """Executions that it began after that."""
    left_open: int
    """Executions that were open in it when it was gone."""
    rows_held: int
    """Jobs whose rows bore its identity when they were read after its end, so many at least."""
    taken: int
    """Jobs that it was at and that another worker started before it was gone."""
    taken_live: tuple[TakenLive, ...]
    """Those taken, by the job; a hundred at most."""
    certificate: KillCertificate
    """What shows that it was told to leave, and is gone."""


def departures(
    history: History, certificates: Mapping[int, Certificate]
) -> tuple[DepartureFound, ...]:
    """Every one, in the order of time."""
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    return tuple(
        _found(history, sent, worker, end, certificates[sent.fault])
        for sent in history.records.of(FaultInjected)
        for worker in sent.target.workers
        if isinstance(end := _end(sent, ended.get(sent.fault)), Departure)
    )


def _end(sent: FaultInjected, seen: FaultEnded | None) -> object:
    return seen.after if seen is not None and seen.what == sent.what else None


def _found(
    history: History,
    sent: FaultInjected,
    target: WorkerTarget,
    end: Departure,
    certificate: Certificate,
) -> DepartureFound:
    assert isinstance(certificate, KillCertificate), f"fault {sent.fault} lets nobody go"
    worker = worker_key(target.slot, target.incarnation)
    told_ns = sent.t_ns if end.told_ns is None else end.told_ns
    gone_ns = history.end.t_ns if end.reaped_ns is None and history.end else end.reaped_ns
    until_ns = np.iinfo(np.int64).max if gone_ns is None else gone_ns
    at_its_end = open_at(history, worker, until_ns)
    taken = sorted(taken_meanwhile(history, worker, told_ns, until_ns), key=lambda one: one.job)
    return DepartureFound(
        fault=sent.fault,
        what=sent.what,
        slot=target.slot,
        incarnation=target.incarnation,
        told_ns=end.told_ns,
        outcome=_outcome(sent, end, len(at_its_end)),
        left_s=None
        if end.reaped_ns is None or end.told_ns is None
        else seconds(end.reaped_ns - end.told_ns),
        open=len(open_at(history, worker, told_ns)),
        completed=count_after(history.completions.key, history.completions.t_ns, worker, told_ns),
        begun=count_after(history.starts.key, history.starts.t_ns, worker, told_ns),
        left_open=len(at_its_end),
        rows_held=_rows_held(history, sent.fault, target),
        taken=len(taken),
        taken_live=tuple(taken[:MOST_LISTED]),
        certificate=certificate,
    )


def _outcome(sent: FaultInjected, end: Departure, left_open: int) -> DepartureOutcome:
    if end.killed_ns is not None:
        return "killed"
    if end.reaped_ns is None or end.told_ns is None:
        return "unknown"
    by_ours = sent.what == TERMINATES and end.signal == signal.SIGTERM
    if end.exit_code != 0 and not by_ours:
        return "died"
    return "abandoned" if left_open else "drained"


def _rows_held(history: History, fault: int, target: WorkerTarget) -> int:
    """By the read after its end."""
    names = {
        one.identity
        for one in history.records.of(ChildReady)
        if (one.slot, one.incarnation) == (target.slot, target.incarnation)
    }
    return len(
        {
            read.job_id
            for read in history.kill_reads
            if read.fault == fault and read.state == "claimed" and read.claimed_by in names
        }
    )


def taken_meanwhile(
    history: History, worker: int, told_ns: int, gone_ns: int
) -> Iterator[TakenLive]:
    """Executions that were open in it at some time from when it was told, and whose job another
    worker started while they were."""
    starts = history.starts
    mine = ((starts.key >> EXECUTION_BITS) == worker) & (starts.t_ns <= gone_ns)
    others = ((starts.key >> EXECUTION_BITS) != worker) & (starts.t_ns > told_ns)
    others &= starts.t_ns < gone_ns
    for place in np.flatnonzero(mine & np.isin(starts.job, starts.job[others])).tolist():
        key, job = int(starts.key[place]), int(starts.job[place])
        over_ns = _over_ns(history, key)
        meanwhile = others & (starts.job == job) & (starts.t_ns > starts.t_ns[place])
        if over_ns is not None:
            meanwhile &= starts.t_ns < over_ns
        places = np.flatnonzero(meanwhile)
        if not places.size:
            continue
        other = int(places[np.argmin(starts.t_ns[places])])
        yield TakenLive(
            job=history.jobs.name(job),
            execution=unpack(key),
            started_ns=int(starts.t_ns[place]),
            completed_ns=_first_ns(history.completions.key, history.completions.t_ns, key),
            other=unpack(int(starts.key[other])),
            other_started_ns=int(starts.t_ns[other]),
            other_completed_ns=_first_ns(
                history.completions.key, history.completions.t_ns, int(starts.key[other])
            ),
        )


def _over_ns(history: History, key: int) -> int | None:
    """When an execution was over, as its worker told it."""
    ends = [_first_ns(t.key, t.t_ns, key) for t in (history.completions, history.failures)]
    return min((end for end in ends if end is not None), default=None)


def _first_ns(keys: Ints, times: Ints, key: int) -> int | None:
    found = times[keys == key]
    return int(found.min()) if found.size else None

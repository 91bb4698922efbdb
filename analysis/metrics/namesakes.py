"""Workers that came back under their predecessor's name: what they took of its jobs, and of
others'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.checks.forms.form import Certificate
from analysis.checks.forms.kill import KillCertificate
from analysis.evidence.deaths import Death
from analysis.history.columns import EXECUTION_BITS, worker_key
from analysis.history.history import History
from analysis.ledger.case import Case
from analysis.section import Section, duration
from orchestrator.history.worker_faults import NamesakeEnd


class NamesakeFound(Section, frozen=True, kw_only=True):
    """One worker that was killed, and whose slot's next one bore its name. *Taken* is a job by its
    first start after the kill."""

    fault: int
    """The fault's number, from 0."""
    slot: int
    """The slot of both."""
    incarnation: int
    """Which process of the slot was killed, from 0."""
    successor: int | None
    """Which came back under its name; null = none was ready."""
    identity: str | None
    """That name, as the rows have it; null = it had announced none."""
    held: int
    """Jobs that were in the victim's hands: its executions were open, or its rows, when they were
    read after its end, were claimed by it. Where another worker could have taken some by then, so
    many at least."""
    taken_back: int
    """Of these: taken by the worker that bore its name next."""
    taken_back_early: int | None
    """Of these: before the time at which the queue frees the row for anybody, so by the name."""
    taken_back_early_why: str | None = None
    first_taken_back_s: float | None
    """From when that worker was ready until the first of these, seconds."""
    first_taken_back_s_why: str | None = None
    taken_by_others: int
    """Of what the victim held: taken by another worker."""
    not_taken: int
    """Of what the victim held: not started again; the ledger says what became of it."""
    taken_from_others: int
    """Jobs that a third worker, which lived, was at and that the one of the victim's name started
    meanwhile."""
    certificate: KillCertificate
    """What shows that the victim is gone, and that the name came back."""


def namesakes(case: Case, certificates: Mapping[int, Certificate]) -> tuple[NamesakeFound, ...]:
    """Every one, in the order of time."""
    found = []
    for death in case.deaths:
        fault, seen = death.victim.fault, death.victim.end
        if fault is not None and isinstance(seen, NamesakeEnd):
            certificate = certificates[fault.fault]
            assert isinstance(certificate, KillCertificate), f"fault {fault.fault} kills nobody"
            found.append(_found(case, death, fault.fault, seen, certificate))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Taken:
    """The first start of a job after a kill."""

    job: int
    worker: int
    t_ns: int


def _found(
    case: Case, death: Death, fault: int, seen: NamesakeEnd, certificate: KillCertificate
) -> NamesakeFound:
    victim = death.victim
    heir = None if seen.successor is None else worker_key(victim.slot, seen.successor)
    held = set(death.phases)
    taken = list(_taken(case.history, held, victim.died_ns))
    back = [one for one in taken if one.worker == heir]
    early = _early(case, fault, back)
    first_ns = min((one.t_ns for one in back), default=None)
    ready_ns = seen.successor_ready_ns
    first = duration(ready_ns, first_ns, "it took none of them")
    return NamesakeFound(
        fault=fault,
        slot=victim.slot,
        incarnation=victim.number,
        successor=seen.successor,
        identity=seen.identity,
        held=len(held),
        taken_back=len(back),
        taken_back_early=early,
        taken_back_early_why=None
        if early is not None
        else "the queue does not say when it frees the row of each of them",
        first_taken_back_s=first.s,
        first_taken_back_s_why=first.why,
        taken_by_others=len(taken) - len(back),
        not_taken=len(held) - len(taken),
        taken_from_others=0 if heir is None else len(_from_others(case, heir, victim.key)),
        certificate=certificate,
    )


def _taken(history: History, held: set[int], since_ns: int) -> Iterator[_Taken]:
    """The first start after the kill of each of these jobs, where there is one."""
    starts = history.starts
    later = np.flatnonzero((starts.t_ns > since_ns) & np.isin(starts.job, list(held)))
    order = later[np.argsort(starts.t_ns[later], kind="stable")]
    seen: set[int] = set()
    for place in order.tolist():
        job = int(starts.job[place])
        if job not in seen:
            seen.add(job)
            worker = int(starts.key[place]) >> EXECUTION_BITS
            yield _Taken(job, worker, int(starts.t_ns[place]))


def _early(case: Case, fault: int, back: list[_Taken]) -> int | None:
    """How many were taken before the queue frees their rows for anybody; None = of some it is not
    known when that is. A preset that never rescues never does."""
    if case.history.start.rescue is None:
        return len(back)
    frees: dict[int, int] = {}
    for read in case.history.kill_reads:
        number = None if read.job_id is None else case.history.jobs.number(read.job_id)
        if read.fault == fault and number is not None and read.claimable_ns is not None:
            frees[number] = max(read.claimable_ns, frees.get(number, 0))
    if any(one.job not in frees for one in back):
        return None
    return sum(one.t_ns < frees[one.job] for one in back)


def _from_others(case: Case, heir: int, victim: int) -> set[int]:
    """Jobs that it started while another living worker was at them."""
    starts = case.history.starts
    workers = starts.key >> EXECUTION_BITS
    mine = np.flatnonzero(workers == heir)
    theirs = np.flatnonzero((workers != heir) & (workers != victim))
    theirs = theirs[np.isin(starts.job[theirs], starts.job[mine])]
    found: set[int] = set()
    for place in theirs.tolist():
        job, began_ns = int(starts.job[place]), int(starts.t_ns[place])
        until_ns = _over_ns(case, int(starts.key[place]))
        again = mine[starts.job[mine] == job]
        meanwhile = (starts.t_ns[again] > began_ns) & (starts.t_ns[again] < until_ns)
        if meanwhile.any():
            found.add(job)
    return found


def _over_ns(case: Case, key: int) -> int:
    """When an execution was over, or its worker dead, or gone: one that left when told to may have
    left it open."""
    ends = [
        int(table.t_ns[table.key == key].min())
        for table in (case.history.completions, case.history.failures)
        if (table.key == key).any()
    ]
    worker = case.incarnations.by_key(key >> EXECUTION_BITS)
    if worker is not None and worker.dead:
        ends.append(worker.died_ns)
    if worker is not None and worker.gone_ns is not None:
        ends.append(worker.gone_ns)
    return min(ends, default=int(np.iinfo(np.int64).max))

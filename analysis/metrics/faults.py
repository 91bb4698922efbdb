"""Each fault, of whatever sort: how long it lasted, and what the queue did during it and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from analysis.checks.forms.form import Certificate
from analysis.evidence.deaths import Death
from analysis.evidence.executions import FAR_FUTURE_NS
from analysis.evidence.fault_spans import FaultSpan
from analysis.history.columns import EXECUTION_BITS, INCARNATION_BITS, Bools, Ints
from analysis.history.history import History
from analysis.ledger.case import Case, last_ns
from analysis.metrics.idleness import Idleness
from analysis.metrics.kill_cost import attempts_between, attempts_used_up
from analysis.metrics.latency import Instants, Percentiles
from analysis.metrics.pickup_around import Around, pickup_around
from analysis.section import Section, duration, seconds, why_none

CostsAttempt = Literal["yes", "no", "not_told"]


class FaultFound(Section, frozen=True, kw_only=True):
    """One fault."""

    fault: int
    """Its number in the run, from 0."""
    what: str
    """Which sort it was: the scenario's word for it."""
    slots: tuple[int, ...]
    """Whose workers it hit; empty = nobody's in particular."""
    began_ns: int
    """When it began, CLOCK_MONOTONIC nanoseconds."""
    lasted_s: float | None
    """Until it was over, seconds: healed, or, where it ends a process, its slot filled again."""
    lasted_s_why: str | None = None
    complete: bool
    """Its certificate is: the fault may be concluded from."""
    first_work_s: float | None
    """From its end until a worker of its slots started a job; where it hit nobody in particular, or
    its slot stays empty, any worker, seconds."""
    first_work_s_why: str | None = None
    alive_and_idle_s: float | None
    """From its beginning until the next fault's, or the end of the run: how long a worker lived and
    had a place free while a job waited, and took none; stretches of more than a second, seconds."""
    alive_and_idle_s_why: str | None = None
    live_taken: int | None
    """Jobs that a worker of its slots was at work on, held up or told to stop and not dead, and
    that another worker started meanwhile."""
    live_taken_why: str | None = None
    attempts_used_up: int | None
    """Attempts that these jobs, or a dead worker's orphans, lost by the library's own count."""
    attempts_used_up_why: str | None = None
    rescue_costs_attempt: CostsAttempt
    """Whether being rescued or taken counts as an attempt; ``not_told`` = the library counts none,
    or no job was started again."""
    pickup_before: Percentiles
    """From the intended enqueue to the first start, of jobs that were intended before it, after the
    warm-up and whatever fault was over before."""
    pickup_after: Percentiles
    """The same of jobs that were intended after it was over, and before the next."""


def faults_found(
    case: Case, certificates: Mapping[int, Certificate], idle: Idleness, times: Instants
) -> tuple[FaultFound, ...]:
    """Every fault, in the order of time."""
    around = pickup_around(case.spans, times)
    ends_ns = [*(span.began_ns for span in case.spans[1:]), last_ns(case.history)]
    return tuple(
        _found(case, span, certificates[span.fault], idle, until_ns, around[span.fault])
        for span, until_ns in zip(case.spans, ends_ns, strict=False)
    )


def _found(
    case: Case,
    span: FaultSpan,
    certificate: Certificate,
    idle: Idleness,
    until_ns: int,
    around: Around,
) -> FaultFound:
    lasted = duration(span.began_ns, span.healed_ns, "it was not seen to be over")
    work = duration(span.healed_ns, _first_start_ns(case, span), "nobody started a job after it")
    idle_s = None if idle.why else seconds(idle.within_ns(span.began_ns, until_ns))
    taken = None if not span.workers else list(_taken(case, span))
    used_up, no_count = _attempts(case, span, taken or [])
    return FaultFound(
        fault=span.fault,
        what=span.what,
        slots=tuple(sorted(span.slots)),
        began_ns=span.began_ns,
        lasted_s=lasted.s,
        lasted_s_why=lasted.why,
        complete=certificate.complete,
        first_work_s=work.s,
        first_work_s_why=work.why,
        alive_and_idle_s=idle_s,
        alive_and_idle_s_why=idle.why,
        live_taken=None if taken is None else len({job for job, _ in taken}),
        live_taken_why=why_none(taken, "it hit no worker in particular"),
        attempts_used_up=used_up,
        attempts_used_up_why=no_count,
        rescue_costs_attempt=costs_attempt([used_up]),
        pickup_before=around.before,
        pickup_after=around.after,
    )


def costs_attempt(used_up: Sequence[int | None]) -> CostsAttempt:
    """Whether rescues cost attempts, by how many each fault's jobs lost; None = not known."""
    known = [count for count in used_up if count is not None]
    return "not_told" if not known else "yes" if any(known) else "no"


def _first_start_ns(case: Case, span: FaultSpan) -> int | None:
    if span.healed_ns is None:
        return None
    starts = case.history.starts
    after: Bools = starts.t_ns > span.healed_ns
    stays_empty = span.ends_process and span.healed_ns == span.began_ns
    if span.slots and not stays_empty:
        slots = starts.key >> (EXECUTION_BITS + INCARNATION_BITS)
        after &= np.isin(slots, list(span.slots))
    times = starts.t_ns[after]
    return int(times.min()) if times.size else None


def _taken(case: Case, span: FaultSpan) -> Iterator[tuple[int, int]]:
    """(number of a job, key of the worker that it was taken from), while that one was at it."""
    starts = case.history.starts
    for worker in sorted(span.workers):
        member = case.incarnations.by_key(worker)
        gone_ns = FAR_FUTURE_NS if member is None or member.gone_ns is None else member.gone_ns
        leaves = span.ends_process or span.lets_go
        told_ns = None if member is None or not span.lets_go else member.told_ns
        since_ns = span.began_ns if told_ns is None else told_ns
        until_ns = gone_ns if leaves else min(gone_ns, span.healed_ns or gone_ns)
        mine = (starts.key >> EXECUTION_BITS) == worker
        at_work = mine & (starts.t_ns <= until_ns)
        at_work &= ~np.isin(starts.key, _ended_keys(case.history, worker, since_ns))
        theirs = ~mine & np.isin(starts.job, starts.job[at_work])
        theirs &= (starts.t_ns > since_ns) & (starts.t_ns <= until_ns)
        for place in np.flatnonzero(at_work).tolist():
            key, job, begun_ns = (int(c[place]) for c in (starts.key, starts.job, starts.t_ns))
            others = theirs & (starts.job == job) & (starts.t_ns > begun_ns)
            firsts = starts.t_ns[others]
            if firsts.size and key not in _ended_keys(case.history, worker, int(firsts.min())):
                yield job, worker


def _ended_keys(history: History, worker: int, by_ns: int) -> Ints:
    """The keys of a worker's executions that had ended by an instant."""
    ended = [
        table.key[((table.key >> EXECUTION_BITS) == worker) & (table.t_ns <= by_ns)]
        for table in (history.completions, history.failures)
    ]
    return np.concatenate(ended)


def _attempts(
    case: Case, span: FaultSpan, taken: Sequence[tuple[int, int]]
) -> tuple[int | None, str | None]:
    """Of a death's orphans, and of jobs that were taken from a worker that lived."""
    counts = [attempts_used_up(case.history, death) for death in _deaths(case, span)]
    for worker in sorted({worker for _, worker in taken}):
        jobs = [job for job, holder in taken if holder == worker]
        counts.append(attempts_between(case.history, jobs, worker, span.began_ns))
    known = [count for count, _ in counts if count is not None]
    if known:
        return sum(known), None
    return None, counts[0][1] if counts else "nothing was rescued or taken"


def _deaths(case: Case, span: FaultSpan) -> Iterator[Death]:
    for death in case.deaths:
        if death.victim.fault is not None and death.victim.fault.fault == span.fault:
            yield death

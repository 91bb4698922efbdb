"""Pauses: what others took of a worker that was stopped, and what that one did when it went on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from analysis.checks.forms.form import Certificate
from analysis.history.columns import EXECUTION_BITS, Bools, Ints, unpack, worker_key
from analysis.history.history import History
from analysis.metrics.of_one_worker import open_at
from analysis.section import Section, seconds
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.worker_faults import PauseEnd

MOST_LISTED = 100
"""So many executions of one pause are listed."""


class TakenOver(Section, frozen=True, kw_only=True):
    """An execution that a pause had cut in two, and the first one of another worker that began
    meanwhile. Instants are CLOCK_MONOTONIC nanoseconds; null = it never came."""

    job: str
    """Whose executions they are."""
    execution: tuple[int, int, int]
    """The paused one: slot, incarnation, and the child's own counter."""
    started_ns: int
    """When it had started."""
    completed_ns: int | None
    """When it was completed after all: from here on two workers had done the job."""
    other: tuple[int, int, int]
    """The other one."""
    other_started_ns: int
    """When that started."""
    other_completed_ns: int | None
    """When that was completed."""
    overlapped: bool
    """The paused execution was not over when the other one began, and went on after the pause."""


class PauseFound(Section, frozen=True, kw_only=True):
    """One pause."""

    fault: int
    """The fault's number, from 0."""
    slot: int
    """The paused worker's slot."""
    incarnation: int
    """Which process of the slot it was, from 0."""
    paused_ns: int
    """When SIGSTOP was sent, CLOCK_MONOTONIC nanoseconds."""
    paused_s: float | None
    """From SIGSTOP until SIGCONT, seconds; null = it was not seen to go on."""
    open: int
    """Executions that were open in it."""
    taken: int
    """Of these: of how many another worker had started the job before it went on."""
    completed_late: int
    """Of those taken: how many the paused worker completed all the same, once it went on."""
    done_again: int
    """Jobs that it had completed before, and that another worker started before it went on: what it
    had not acknowledged."""
    begun_late: int
    """Jobs that another worker had started before it went on, and that it started itself after
    that: what it had claimed and not begun. Jobs that ever failed are not among them."""
    taken_over: tuple[TakenOver, ...]
    """Those taken, by the job; a hundred at most."""
    lived: bool
    """The worker's process was there when it went on."""
    certificate: Certificate
    """What shows that it was stopped."""


def pauses(history: History, certificates: Mapping[int, Certificate]) -> tuple[PauseFound, ...]:
    """Every pause, in the order of time."""
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    return tuple(
        _found(history, sent, _end(sent, ended.get(sent.fault)), certificates[sent.fault])
        for sent in history.records.of(FaultInjected)
        if sent.what == "pause"
    )


def _end(sent: FaultInjected, seen: FaultEnded | None) -> PauseEnd:
    after = seen.after if seen is not None and seen.what == sent.what else None
    return after if isinstance(after, PauseEnd) else PauseEnd()


def _found(
    history: History, sent: FaultInjected, end: PauseEnd, certificate: Certificate
) -> PauseFound:
    (victim,) = sent.target.workers
    worker = worker_key(victim.slot, victim.incarnation)
    open_keys = open_at(history, worker, sent.t_ns)
    by_others = _by_others(history, worker, sent.t_ns, end.continued_ns)
    taken = sorted(_taken(history, open_keys, by_others), key=lambda one: one.job)
    elsewhere = history.starts.job[by_others]
    return PauseFound(
        fault=sent.fault,
        slot=victim.slot,
        incarnation=victim.incarnation,
        paused_ns=sent.t_ns,
        paused_s=None if end.continued_ns is None else seconds(end.continued_ns - sent.t_ns),
        open=len(open_keys),
        taken=len(taken),
        completed_late=sum(one.completed_ns is not None for one in taken),
        done_again=_done_again(history, worker, sent.t_ns, elsewhere),
        begun_late=_begun_late(history, worker, end.continued_ns, elsewhere),
        taken_over=tuple(taken[:MOST_LISTED]),
        lived=end.lived,
        certificate=certificate,
    )


def _by_others(history: History, worker: int, paused_ns: int, continued_ns: int | None) -> Bools:
    """Which starts other workers made during the pause."""
    starts = history.starts
    mask: Bools = ((starts.key >> EXECUTION_BITS) != worker) & (starts.t_ns > paused_ns)
    return mask if continued_ns is None else mask & (starts.t_ns < continued_ns)


def _done_again(history: History, worker: int, paused_ns: int, elsewhere: Ints) -> int:
    done = history.completions
    mine = ((done.key >> EXECUTION_BITS) == worker) & (done.t_ns <= paused_ns)
    return int(np.intersect1d(done.job[mine], elsewhere).size)


def _begun_late(history: History, worker: int, continued_ns: int | None, elsewhere: Ints) -> int:
    if continued_ns is None:
        return 0
    starts = history.starts
    mine = ((starts.key >> EXECUTION_BITS) == worker) & (starts.t_ns > continued_ns)
    jobs = np.intersect1d(starts.job[mine], elsewhere)
    return int(np.setdiff1d(jobs, history.failures.job).size)


def _taken(history: History, open_keys: Ints, by_others: Bools) -> Iterator[TakenOver]:
    starts = history.starts
    for key in open_keys.tolist():
        place = int(np.flatnonzero(starts.key == key)[0])
        others = np.flatnonzero(by_others & (starts.job == starts.job[place]))
        if not others.size:
            continue
        other = int(others[np.argmin(starts.t_ns[others])])
        completed_ns = _completed_ns(history, key)
        yield TakenOver(
            job=history.jobs.name(int(starts.job[place])),
            execution=unpack(key),
            started_ns=int(starts.t_ns[place]),
            completed_ns=completed_ns,
            other=unpack(int(starts.key[other])),
            other_started_ns=int(starts.t_ns[other]),
            other_completed_ns=_completed_ns(history, int(starts.key[other])),
            overlapped=completed_ns is not None or _failed(history, key),
        )


def _completed_ns(history: History, key: int) -> int | None:
    times = history.completions.t_ns[history.completions.key == key]
    return int(times.min()) if times.size else None


def _failed(history: History, key: int) -> bool:
    return bool(np.any(history.failures.key == key))

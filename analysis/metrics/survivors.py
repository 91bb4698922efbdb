"""What lived on of workers whose first process a fault killed, and what it did without that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from analysis.checks.forms.form import Certificate
from analysis.checks.forms.kill import KillCertificate
from analysis.history.columns import EXECUTION_BITS, Ints, worker_key
from analysis.history.history import History
from analysis.metrics.departures import MOST_LISTED, TakenLive, taken_meanwhile
from analysis.metrics.of_one_worker import count_after, open_at
from analysis.section import Section, seconds
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.targets import WorkerTarget
from orchestrator.history.worker_faults import LeaderEnd

SurvivorsOutcome = Literal["killed", "ended", "none", "unknown"]


class SurvivorsFound(Section, frozen=True, kw_only=True):
    """One worker whose first process was killed alone."""

    fault: int
    """The fault's number, from 0."""
    slot: int
    """The worker's slot."""
    incarnation: int
    """Which process of the slot it was, from 0."""
    leader_killed_ns: int
    """When its first process was killed, CLOCK_MONOTONIC nanoseconds."""
    pids: tuple[int, ...]
    """Its processes that were seen alive after that."""
    outcome: SurvivorsOutcome
    """``killed`` = they lived until the end of their time, and were killed; ``ended`` = they had
    ended by themselves before; ``none`` = nobody was seen to live on; ``unknown`` = their end was
    not seen."""
    gone_s: float | None
    """From the first one's death until they were killed, or seen to be gone, seconds."""
    open: int
    """Executions that were open in it when its first process died."""
    begun: int
    """Executions that they began after that."""
    completed: int
    """Executions that they completed after that."""
    effects: int | None
    """Executions that were open then, or begun later, whose effect was committed."""
    effects_why: str | None = None
    """Why that is not known."""
    left_open: int
    """Executions that were open in them when they were gone."""
    unacknowledged: int | None
    """Jobs that they completed after their leader's death and whose rows were claimed still when
    the rows were read after their end; the others had been acknowledged by then."""
    unacknowledged_why: str | None = None
    """Why that is not known."""
    taken: int
    """Jobs that they were at and that another worker started before they were gone."""
    taken_live: tuple[TakenLive, ...]
    """Those taken, by the job; a hundred at most."""
    certificate: KillCertificate
    """What shows that the first process was killed, that others lived on, and that they are
    gone."""


def survivors(
    history: History, certificates: Mapping[int, Certificate]
) -> tuple[SurvivorsFound, ...]:
    """Every one, in the order of time."""
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    return tuple(
        _found(history, sent, worker, seen.after, certificates[sent.fault])
        for sent in history.records.of(FaultInjected)
        for worker in sent.target.workers
        if (seen := ended.get(sent.fault)) is not None
        and seen.what == sent.what
        and isinstance(seen.after, LeaderEnd)
    )


def _found(
    history: History,
    sent: FaultInjected,
    target: WorkerTarget,
    end: LeaderEnd,
    certificate: Certificate,
) -> SurvivorsFound:
    assert isinstance(certificate, KillCertificate), f"fault {sent.fault} kills nobody"
    worker = worker_key(target.slot, target.incarnation)
    last_ns = history.end.t_ns if history.end else np.iinfo(np.int64).max
    until_ns = end.alone_ns or last_ns
    taken = sorted(taken_meanwhile(history, worker, sent.t_ns, until_ns), key=lambda one: one.job)
    gone_ns = end.killed_ns or end.alone_ns
    completions = history.completions
    unread = "the rows were not read" if end.rows_read_ns is None else None
    invisible = None if _claims_show(history) else "this queue does not show who holds a row"
    without = None if history.start.scenario.effects else "the run had no effects"
    return SurvivorsFound(
        fault=sent.fault,
        slot=target.slot,
        incarnation=target.incarnation,
        leader_killed_ns=sent.t_ns,
        pids=tuple(end.lived_on),
        outcome=_outcome(end),
        gone_s=None if gone_ns is None else seconds(gone_ns - sent.t_ns),
        open=len(open_at(history, worker, sent.t_ns)),
        begun=count_after(history.starts.key, history.starts.t_ns, worker, sent.t_ns),
        completed=count_after(completions.key, completions.t_ns, worker, sent.t_ns),
        effects=None if without else len(_with_effect(history, worker, sent.t_ns)),
        effects_why=without,
        left_open=len(open_at(history, worker, until_ns)),
        unacknowledged=None
        if unread or invisible
        else len(_completed_and_claimed(history, worker, sent)),
        unacknowledged_why=unread or invisible,
        taken=len(taken),
        taken_live=tuple(taken[:MOST_LISTED]),
        certificate=certificate,
    )


def _outcome(end: LeaderEnd) -> SurvivorsOutcome:
    if not end.lived_on:
        return "none"
    if end.killed_ns is not None:
        return "killed"
    return "unknown" if end.alone_ns is None else "ended"


def _with_effect(history: History, worker: int, since_ns: int) -> Ints:
    """Of its executions that ended, if at all, after an instant: those whose effect is there."""
    before = [t.key[t.t_ns <= since_ns] for t in (history.completions, history.failures)]
    mine = history.effects.key[(history.effects.key >> EXECUTION_BITS) == worker]
    return np.unique(mine[~np.isin(mine, np.concatenate(before))])


def _claims_show(history: History) -> bool:
    """Whether any read of the run names a claimant."""
    at_kills = any(read.claimed_by is not None for read in history.kill_reads)
    return at_kills or bool(history.identities)


def _completed_and_claimed(history: History, worker: int, sent: FaultInjected) -> set[str]:
    completions = history.completions
    late = ((completions.key >> EXECUTION_BITS) == worker) & (completions.t_ns > sent.t_ns)
    done = {history.jobs.name(job) for job in completions.job[late].tolist()}
    claimed = {
        read.job_id
        for read in history.kill_reads
        if read.fault == sent.fault and read.state == "claimed" and read.job_id is not None
    }
    return done & claimed

"""Stalls: a worker's connections stood still, and what another worker did meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis.checks.forms.form import Certificate
from analysis.evidence.run_spec import planned_by_number
from analysis.history.columns import ABSENT, EXECUTION_BITS, Bools, worker_key
from analysis.history.history import History
from analysis.section import Section, seconds
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.worker_faults import StallEnd
from orchestrator.scenario.faults import Stall
from orchestrator.scenario.triggered import PointSide


class RescuerFound(Section, frozen=True, kw_only=True):
    """A rescuer that was to be held until the stalled worker's request had been answered."""

    statement: str
    """At which round trip it was to be held: its SQL, literals replaced by ?."""
    side: PointSide
    """On which side of the server."""
    held_s: float | None
    """When it was held, seconds from the stall; null = it never came there."""
    went_on_s: float | None = None
    """When it went on, seconds from the stall."""
    rows: int | None = None
    """How many rows it had returned or changed by then; left out before the answer."""


class StallFound(Section, frozen=True, kw_only=True):
    """One stall."""

    fault: int
    """The fault's number, from 0."""
    slot: int
    """The stalled worker's slot."""
    incarnation: int
    """Which process of the slot it was, from 0."""
    stalled_ns: int
    """When its connections began to stand still, CLOCK_MONOTONIC nanoseconds."""
    stalled_s: float | None
    """How long they did, seconds; null = it was not seen."""
    taken: tuple[str, ...]
    """Jobs of the last wave before the stall that another worker started in the meantime."""
    contested: bool
    """Another worker took a job that the stalled one had started; where it had started none, any
    job."""
    lived: bool
    """The stalled worker's process was there to the end of the stall."""
    certificate: Certificate
    """What shows that nothing passed."""
    rescuer: RescuerFound | None = None
    """The other worker, where it was to be held in its turn."""


def stalls(history: History, certificates: Mapping[int, Certificate]) -> tuple[StallFound, ...]:
    """Every stall, in the order of time."""
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    return tuple(
        _found(history, sent, ended.get(sent.fault), certificates[sent.fault])
        for sent in history.records.of(FaultInjected)
        if sent.what == "stall"
    )


def _found(
    history: History, sent: FaultInjected, seen: FaultEnded | None, certificate: Certificate
) -> StallFound:
    end = seen.after if seen is not None and seen.what == sent.what else StallEnd()
    released_ns = end.released_ns
    (victim,) = sent.target.workers
    mine = (history.starts.key >> EXECUTION_BITS) == worker_key(victim.slot, victim.incarnation)
    at_ns, until_ns = history.starts.t_ns, released_ns or sent.t_ns
    in_wave = _of_the_last_wave(history, sent.t_ns)[history.starts.job]
    by_others = ~mine & (at_ns > sent.t_ns) & (at_ns < until_ns) & in_wave
    taken = set(history.starts.job[by_others].tolist())
    started = set(history.starts.job[mine & (at_ns <= sent.t_ns) & in_wave].tolist())
    return StallFound(
        fault=sent.fault,
        slot=victim.slot,
        incarnation=victim.incarnation,
        stalled_ns=sent.t_ns,
        stalled_s=None if released_ns is None else seconds(released_ns - sent.t_ns),
        taken=tuple(sorted(history.jobs.name(job) for job in taken)),
        contested=bool(taken & started if started else taken),
        lived=end.lived,
        certificate=certificate,
        rescuer=_rescuer(history, sent, end),
    )


def _rescuer(history: History, sent: FaultInjected, end: StallEnd) -> RescuerFound | None:
    entry = planned_by_number(history).get(sent.fault)
    point = entry.rescuer_at if isinstance(entry, Stall) else None
    if point is None or point.statement is None:
        return None
    held = end.rescuer
    return RescuerFound(
        statement=point.statement,
        side=point.side,
        held_s=None if held is None else seconds(held.freeze.frozen_ns - sent.t_ns),
        went_on_s=None if held is None else seconds(held.went_on_ns - sent.t_ns),
        rows=None if held is None else held.at_point.rows,
    )


def _of_the_last_wave(history: History, before_ns: int) -> Bools:
    """By a job's number: whether it was enqueued with the last jobs that the parent had sent by
    then, or after them by one of them."""
    lines = history.enqueues
    earlier = lines.intended_ns <= before_ns
    by_parent = lines.intended_ns[earlier & (lines.worker == ABSENT)]
    marked = np.zeros(len(history.jobs), np.bool_)
    if by_parent.size:
        marked[lines.job[earlier & (lines.intended_ns >= by_parent.max())]] = True
    return marked

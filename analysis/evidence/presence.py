"""When each worker could have taken a job, and when it had none: the evidence of idleness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.evidence.fault_spans import FaultSpan
from analysis.evidence.incarnations import Incarnation, Incarnations
from analysis.history.columns import EXECUTION_BITS, Ints
from analysis.history.history import History

Stretch = tuple[int, int]
"""From one instant to another, CLOCK_MONOTONIC nanoseconds."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A stretch in which a worker lived, was ready, was held up by no fault and not yet told to
    stop."""

    worker: int
    """The incarnation's key."""
    from_ns: int
    to_ns: int


def presences(
    incarnations: Incarnations, spans: Sequence[FaultSpan], stop_ns: int | None, end_ns: int
) -> list[Presence]:
    """Every worker's, in the order of slot, incarnation and time.

    `stop_ns` = when the run asked its workers to stop, `end_ns` = when its history ends.
    """
    last_ns = end_ns if stop_ns is None else stop_ns
    return [
        Presence(member.key, *stretch)
        for member in incarnations
        if member.ready_ns is not None
        for stretch in without(
            (member.ready_ns, min(last_ns, _left_ns(member, last_ns))),
            [
                (span.began_ns, span.healed_ns or last_ns)
                for span in spans
                if span.hits(member.key) and not span.lets_go
            ],
        )
    ]


def told_to_stop_ns(member: Incarnation, stop_ns: int | None) -> int | None:
    """When a worker was told to stop: by a fault, or with all others; None = never, or nobody
    knows. One that was killed outright was told nothing."""
    if member.told_ns is not None:
        return member.told_ns
    if member.dead:
        return None
    if member.exited is not None and member.left_early:
        return member.exited.t_ns
    return stop_ns


def _left_ns(member: Incarnation, last_ns: int) -> int:
    """When it died, or was told to stop, or left."""
    known = [last_ns]
    told_ns = told_to_stop_ns(member, None)
    if told_ns is not None:
        known.append(told_ns)
    if member.leaderless_ns is not None:
        known.append(member.leaderless_ns)
    if member.dead:
        known.append(member.died_ns)
    if member.exited is not None:
        known.append(member.exited.t_ns)
    return min(known)


def without(whole: Stretch, holes: Sequence[Stretch]) -> Iterator[Stretch]:
    """What is left of a stretch beside its holes, in the order of time."""
    begin_ns, end_ns = whole
    for hole_begins_ns, hole_ends_ns in sorted(holes):
        if begin_ns < min(hole_begins_ns, end_ns):
            yield begin_ns, min(hole_begins_ns, end_ns)
        begin_ns = max(begin_ns, hole_ends_ns)
    if begin_ns < end_ns:
        yield begin_ns, end_ns


@dataclass(frozen=True, slots=True)
class Executions:
    """What one worker started and ended, by time."""

    started_ns: Ints
    """Ascending."""
    ended_ns: Ints
    """Ascending: of each execution that has one, its completion or else its failure."""

    def open_at(self, t_ns: int) -> int:
        """How many were open just after an instant."""
        begun = np.searchsorted(self.started_ns, t_ns, side="right")
        return int(begun - np.searchsorted(self.ended_ns, t_ns, side="right"))


def executions_of(history: History, worker: int) -> Executions:
    """One worker's executions."""
    starts, completions, failures = history.starts, history.completions, history.failures
    completed = (completions.key >> EXECUTION_BITS) == worker
    ends = completions.t_ns[completed]
    failed = (failures.key >> EXECUTION_BITS) == worker
    if failed.any():
        failed &= ~np.isin(failures.key, completions.key[completed])
        ends = np.concatenate([ends, failures.t_ns[failed]])
    started = starts.t_ns[(starts.key >> EXECUTION_BITS) == worker]
    return Executions(np.sort(started), np.sort(ends))


def idle_stretches(history: History, found: Sequence[Presence], at_least_ns: int) -> list[Stretch]:
    """Where some worker was present and had no execution open, each at least so long."""
    stretches: list[Stretch] = []
    of_worker: dict[int, list[Stretch]] = {}
    for presence in found:
        if presence.worker not in of_worker:
            executions = executions_of(history, presence.worker)
            of_worker[presence.worker] = list(nothing_open(executions, at_least_ns))
        for begin_ns, end_ns in of_worker[presence.worker]:
            begin_ns, end_ns = max(begin_ns, presence.from_ns), min(end_ns, presence.to_ns)
            if end_ns - begin_ns >= at_least_ns:
                stretches.append((begin_ns, end_ns))
    return sorted(stretches)


def nothing_open(executions: Executions, at_least_ns: int) -> Iterator[Stretch]:
    """Where none is open, over all time."""
    times = np.concatenate([executions.started_ns, executions.ended_ns])
    steps = np.repeat(
        np.array([1, -1], np.int64), [executions.started_ns.size, executions.ended_ns.size]
    )
    order = np.lexsort((steps, times))
    times, open_ = times[order], np.cumsum(steps[order])
    begins = np.concatenate([[np.iinfo(np.int64).min // 2], times])
    ends = np.concatenate([times, [np.iinfo(np.int64).max // 2]])
    free = np.concatenate([[0], open_]) <= 0
    long = free & (ends - begins >= at_least_ns)
    yield from zip(begins[long].tolist(), ends[long].tolist(), strict=True)

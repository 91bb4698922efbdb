"""The queue itself at 1 Hz: its rows by state, what was left of the load, and how it recovered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from analysis.evidence.backlog import band, five_running, in_the_end, waiting
from analysis.evidence.hiccups import SECOND_NS
from analysis.ledger.case import Case
from analysis.metrics.latency import NEVER, Instants
from analysis.metrics.throughput import Window
from analysis.section import Duration, Section, duration, why_none
from orchestrator.history.records import QueueSnapshot
from orchestrator.scenario.types import Burst, WorkloadSettings

DRAINED: Final = "agreed"
"""What run_end.drain says where nothing was left in the queue."""
NO_SAMPLE = "no sample tells it"


class QueueLevel(Section, frozen=True, kw_only=True):
    """One count of the queue at 1 Hz."""

    max: int | None
    """The greatest since T = 0."""
    max_why: str | None = None
    n: int
    """Samples while the load was on."""
    mean: float | None
    """Their mean."""
    mean_why: str | None = None


class DisturbanceRecovery(Section, frozen=True, kw_only=True):
    """How the backlog came back to normal after a burst or a time of errors."""

    what: Literal["burst", "errors"]
    """What disturbed the load."""
    from_s: float
    """When it began, seconds from T = 0."""
    to_s: float
    """When it ended, seconds from T = 0."""
    band: int
    """The greatest backlog that was normal before it, jobs."""
    saturated: bool
    """Whether the backlog lay above that band for five samples running meanwhile."""
    recovered_s: float | None
    """From its end until the backlog was back in that band: for five samples running, or to the
    end of a run that drained; seconds."""
    recovered_s_why: str | None = None


class Queue(Section, frozen=True, kw_only=True):
    """The queue's own rows at 1 Hz, and what was left of the load."""

    samples: int
    """How many there are since T = 0."""
    queued: QueueLevel
    """Rows that wait for their first worker."""
    claimed: QueueLevel
    """Rows that a worker holds."""
    retrying: QueueLevel
    """Rows that wait for another attempt."""
    dead: QueueLevel
    """Rows that the library gave up."""
    table_bytes: QueueLevel
    """The size of the queue's tables, bytes."""
    backlog: QueueLevel
    """queued + retrying: rows that wait for a worker."""
    backlog_at_end_of_load: int | None
    """The backlog at the load's last sample, jobs."""
    backlog_at_end_of_load_why: str | None = None
    drain_s: float | None
    """From the last intended enqueue to the last job's first completion, seconds."""
    drain_s_why: str | None = None
    recovery: list[DisturbanceRecovery]
    """One a burst or a time of errors that the scenario plans."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A stretch of the load that is unlike the rest; seconds from T = 0."""

    what: Literal["burst", "errors"]
    from_s: float
    to_s: float


def queue_section(case: Case, times: Instants, window: Window | str) -> Queue:
    """Rows by state: the most since T = 0, and the mean while the load was on.

    `window` = when it was on, or why it never was.
    """
    since_ns = case.started_ns if case.started_ns is not None else case.history.start.t_ns
    samples = [s for s in case.history.records.of(QueueSnapshot) if s.t_ns >= since_ns]
    backlog, why_no_backlog = _backlog_at_end(samples, window)
    drain = _drain(times, window)
    return Queue(
        samples=len(samples),
        queued=_level([(s.t_ns, s.queued) for s in samples], window),
        claimed=_level([(s.t_ns, s.claimed) for s in samples], window),
        retrying=_level([(s.t_ns, s.retrying) for s in samples], window),
        dead=_level([(s.t_ns, s.dead) for s in samples], window),
        table_bytes=_level([(s.t_ns, s.table_bytes) for s in samples], window),
        backlog=_level([(s.t_ns, waiting(s)) for s in samples], window),
        backlog_at_end_of_load=backlog,
        backlog_at_end_of_load_why=why_none(backlog, why_no_backlog),
        drain_s=drain.s,
        drain_s_why=drain.why,
        recovery=[
            _recovery(case, since_ns, disturbance)
            for disturbance in disturbances(case.scenario.workload)
            if case.started_ns is not None
        ],
    )


def _level(values: list[tuple[int, int | None]], window: Window | str) -> QueueLevel:
    known = [(t_ns, value) for t_ns, value in values if value is not None]
    most = max((value for _, value in known), default=None)
    if isinstance(window, str):
        inside, why = [], window
    else:
        inside, why = [v for t, v in known if window.from_ns <= t <= window.to_ns], NO_SAMPLE
    mean = round(sum(inside) / len(inside), 3) if inside else None
    return QueueLevel(
        max=most,
        max_why=why_none(most, NO_SAMPLE),
        n=len(inside),
        mean=mean,
        mean_why=why_none(mean, why),
    )


def _backlog_at_end(samples: list[QueueSnapshot], window: Window | str) -> tuple[int | None, str]:
    """What was waiting at the last sample of the load, and why that would not be known."""
    if isinstance(window, str):
        return None, window
    last = [waiting(s) for s in samples if s.t_ns <= window.to_ns]
    return (last[-1] if last else None), NO_SAMPLE


def _drain(times: Instants, window: Window | str) -> Duration:
    """From the last intended enqueue to the last job's first completion."""
    if isinstance(window, str):
        return Duration(None, window)
    completed = times.completed[times.completed != NEVER]
    end_ns = max(int(np.max(completed)), window.to_ns) if completed.size else None
    return duration(window.to_ns, end_ns, "no job was completed")


def disturbances(workload: WorkloadSettings) -> Iterator[Disturbance]:
    """The bursts and the times of errors that the scenario plans, where they end by plan."""
    curve = workload.curve
    if isinstance(curve, Burst):
        yield Disturbance("burst", curve.from_s, curve.from_s + curve.length_s)
    for errors in workload.errors:
        if errors.to_s is not None:
            yield Disturbance("errors", errors.from_s or 0.0, errors.to_s)


def _recovery(case: Case, origin_ns: int, disturbance: Disturbance) -> DisturbanceRecovery:
    history = case.history
    from_ns, to_ns = (
        origin_ns + round(at_s * SECOND_NS) for at_s in (disturbance.from_s, disturbance.to_s)
    )
    limit = band(history, from_ns)
    back_ns = five_running(history, to_ns, lambda backlog: backlog <= limit)
    if back_ns is None and history.end is not None and history.end.drain == DRAINED:
        back_ns = in_the_end(history, to_ns, lambda backlog: backlog <= limit)
    above_ns = five_running(history, from_ns, lambda backlog: backlog > limit)
    why = "five samples running in the band were never seen after it"
    recovered = duration(to_ns, back_ns, why)
    return DisturbanceRecovery(
        what=disturbance.what,
        from_s=disturbance.from_s,
        to_s=disturbance.to_s,
        band=limit,
        saturated=above_ns is not None and (back_ns is None or above_ns < back_ns),
        recovered_s=recovered.s,
        recovered_s_why=recovered.why,
    )

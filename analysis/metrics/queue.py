"""The queue itself at 1 Hz: its rows by state, what was left of the load, and how it recovered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.evidence.backlog import band, five_running, in_the_end, waiting
from analysis.evidence.hiccups import SECOND_NS
from analysis.figures import Figures, put, put_since
from analysis.ledger.case import Case
from analysis.metrics.latency import NEVER, Instants
from analysis.metrics.window import Window
from orchestrator.history.records import QueueSnapshot
from orchestrator.scenario.types import Burst, WorkloadSettings

COUNTS: Final = ("queued", "claimed", "retrying", "dead", "table_bytes")
DRAINED: Final = "agreed"
"""What run_end.drain says where nothing was left in the queue."""
NO_SAMPLE = "no sample tells it"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A stretch of the load that is unlike the rest; seconds from T = 0."""

    what: str
    """``burst`` or ``errors``."""
    from_s: float
    to_s: float


def queue_block(case: Case, times: Instants, window: Window | str) -> Figures:
    """Rows by state: the most since T = 0, and the mean while the load was on."""
    since_ns = case.started_ns if case.started_ns is not None else case.history.start.t_ns
    samples = [s for s in case.history.records.of(QueueSnapshot) if s.t_ns >= since_ns]
    figures: Figures = {"samples": len(samples)}
    for name in COUNTS:
        values = [(s.t_ns, getattr(s, name)) for s in samples]
        _put_level(figures, name, values, window)
    _put_level(figures, "backlog", [(s.t_ns, waiting(s)) for s in samples], window)
    _put_end_of_load(figures, samples, times, window)
    figures["recovery"] = [
        _recovery(case, since_ns, disturbance)
        for disturbance in disturbances(case.scenario.workload)
        if case.started_ns is not None
    ]
    return figures


def _put_level(
    figures: Figures, name: str, values: list[tuple[int, int | None]], window: Window | str
) -> None:
    known = [(t_ns, value) for t_ns, value in values if value is not None]
    level: Figures = {}
    put(level, "max", max((value for _, value in known), default=None), NO_SAMPLE)
    if isinstance(window, str):
        inside, why = [], window
    else:
        inside, why = [v for t, v in known if window.from_ns <= t <= window.to_ns], NO_SAMPLE
    level["n"] = len(inside)
    put(level, "mean", round(sum(inside) / len(inside), 3) if inside else None, why)
    figures[name] = level


def _put_end_of_load(
    figures: Figures, samples: list[QueueSnapshot], times: Instants, window: Window | str
) -> None:
    """What was waiting at the last sample of the load, and how long the rest took: from the last
    intended enqueue to the last job's first completion."""
    if isinstance(window, str):
        put(figures, "backlog_at_end_of_load", None, window)
        put(figures, "drain_s", None, window)
        return
    last = [waiting(s) for s in samples if s.t_ns <= window.to_ns]
    put(figures, "backlog_at_end_of_load", last[-1] if last else None, NO_SAMPLE)
    completed = times.completed[times.completed != NEVER]
    end_ns = max(int(np.max(completed)), window.to_ns) if completed.size else None
    put_since(figures, "drain_s", window.to_ns, end_ns, "no job was completed")


def disturbances(workload: WorkloadSettings) -> Iterator[Disturbance]:
    """The bursts and the times of errors that the scenario plans, where they end by plan."""
    curve = workload.curve
    if isinstance(curve, Burst):
        yield Disturbance("burst", curve.from_s, curve.from_s + curve.length_s)
    for errors in workload.errors:
        if errors.to_s is not None:
            yield Disturbance("errors", errors.from_s or 0.0, errors.to_s)


def _recovery(case: Case, origin_ns: int, disturbance: Disturbance) -> Figures:
    """From its end until the backlog is back in the band of before it, for five samples running or
    to the end of a run that drained; `saturated` = meanwhile the backlog lay above that band for
    five samples running."""
    history = case.history
    from_ns, to_ns = (
        origin_ns + round(at_s * SECOND_NS) for at_s in (disturbance.from_s, disturbance.to_s)
    )
    limit = band(history, from_ns)
    back_ns = five_running(history, to_ns, lambda backlog: backlog <= limit)
    if back_ns is None and history.end is not None and history.end.drain == DRAINED:
        back_ns = in_the_end(history, to_ns, lambda backlog: backlog <= limit)
    above_ns = five_running(history, from_ns, lambda backlog: backlog > limit)
    figures: Figures = {
        "what": disturbance.what,
        "from_s": disturbance.from_s,
        "to_s": disturbance.to_s,
        "band": limit,
        "saturated": above_ns is not None and (back_ns is None or above_ns < back_ns),
    }
    why = "five samples running in the band were never seen after it"
    put_since(figures, "recovered_s", to_ns, back_ns, why)
    return figures

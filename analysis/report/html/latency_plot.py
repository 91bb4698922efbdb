"""Latency over time: every job where they are few, percentiles of stretches where they are many."""

from __future__ import annotations

from typing import Final

import numpy as np

from analysis.history.columns import Bools, Ints
from analysis.ledger.case import Case
from analysis.metrics.latency import NEVER, Instants, rank_of
from analysis.report.html.plot import (
    Clock,
    Json,
    NoPlot,
    Plot,
    Shown,
    bands_said,
    dots,
    line,
    over_time,
)

MOST_POINTS: Final = 4_000
"""More jobs than these are not drawn one by one."""
MOST_BUCKETS: Final = 600
KEY, TITLE = "latency", "Latency over time"
MEASURES: Final = (("pickup", "--series-1", "circle"), ("total", "--series-2", "diamond-open"))
SHARES: Final = (("p50", 500, "solid"), ("p99", 990, "dot"))


def latency_plot(case: Case, times: Instants, clock: Clock) -> Shown:
    """pickup and total of each job at the instant it was intended for; `times` are the jobs'."""
    began = times.counted & (times.intended != NEVER)
    count = int(began.sum())
    if count == 0:
        return NoPlot(KEY, TITLE, "No job was enqueued.")
    if count <= MOST_POINTS:
        by_id = sorted(np.flatnonzero(began).tolist(), key=case.history.jobs.name)
        names = [case.history.jobs.name(number) for number in by_id]
        traces = _each_job(times, np.array(by_id, np.int64), clock, names)
        how = f"Each of {count:,} jobs is two points"
    else:
        width_s = bucket_width_s(times.intended[began])
        traces = _buckets(times, began, clock, width_s)
        how = f"{count:,} jobs in stretches of {width_s} s: the median and p99 of each"
    unseen = int((began & (times.completed == NEVER)).sum())
    missing = f" {unseen:,} jobs were never completed and have no total." if unseen else ""
    says = (
        f"{how}; pickup is from intended to started, total from intended to completed, "
        f"on a logarithmic scale.{missing}{bands_said(clock)}"
    )
    layout = over_time(clock, "milliseconds", type="log", rangemode="normal")
    return Plot(KEY, TITLE, says, traces, layout, over_time=True)


def _each_job(times: Instants, jobs: Ints, clock: Clock, names: list[str]) -> list[Json]:
    traces = []
    for measure, colour, symbol in MEASURES:
        begin_ns, end_ns = (instants[jobs] for instants in times.measures()[measure])
        known = end_ns != NEVER
        text = [name for name, is_known in zip(names, known.tolist(), strict=True) if is_known]
        ms = milliseconds(end_ns[known] - begin_ns[known])
        traces.append(dots(measure, clock.seconds(begin_ns[known]), ms, colour, symbol, text))
    return traces


def milliseconds(durations_ns: Ints) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """To the microsecond, a microsecond at least: a logarithmic scale has no nought."""
    ms: np.ndarray[tuple[int], np.dtype[np.float64]] = np.maximum(
        np.round(durations_ns / 1e6, 3), 0.001
    )
    return ms


def bucket_width_s(intended_ns: Ints) -> int:
    """The fewest whole seconds that make no more than `MOST_BUCKETS` of the whole."""
    spread_s = int(intended_ns.max() - intended_ns.min()) / 1e9
    return max(1, -int(-spread_s // MOST_BUCKETS))


def _buckets(times: Instants, began: Bools, clock: Clock, width_s: int) -> list[Json]:
    traces = []
    for measure, colour, _ in MEASURES:
        begin_ns, end_ns = (instants[began] for instants in times.measures()[measure])
        bucket = (begin_ns - clock.origin_ns) // (width_s * 1_000_000_000)
        for share, per_mille, dash in SHARES:
            places, values = bucket_percentiles(bucket, begin_ns, end_ns, per_mille)
            x = places * width_s + width_s / 2
            traces.append(line(f"{measure} {share}", x, values, colour, dash))
    return traces


def bucket_percentiles(
    bucket: Ints, begin_ns: Ints, end_ns: Ints, per_mille: int
) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """By nearest rank, milliseconds: the buckets that hold a job, and each one's percentile.

    A job without an end stays in the denominator; a percentile that falls on one is NaN, a gap.
    """
    duration_ns = np.where(end_ns == NEVER, NEVER, end_ns - begin_ns)
    order = np.lexsort((duration_ns, bucket))
    places, first, counts = np.unique(bucket[order], return_index=True, return_counts=True)
    ranks = np.array([rank_of(n, per_mille) for n in counts.tolist()], np.int64)
    found = duration_ns[order][first + ranks - 1]
    return places, np.where(found == NEVER, np.nan, milliseconds(found))

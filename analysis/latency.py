"""Latencies: from when a job was intended or sent until it was picked up or completed.

Jobs without the endpoint are right-censored: they stay in the denominator, and a percentile that
falls among them is null. Ranks are counted in integers (a float rank of p99.9 can be one off).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram

from analysis.columns import ABSENT, Ints
from analysis.figures import Figures
from analysis.history_tables import History
from analysis.tables import Table

LOWEST_US: Final = 1
HIGHEST_US: Final = 86_400_000_000
DIGITS: Final = 3
SUB_BUCKET_BITS: Final = 11
"""HdrHistogram keeps three digits in 2,048 = 2^11 steps of each power of two."""

PER_MILLE: Final = {"p50": 500, "p90": 900, "p95": 950, "p99": 990, "p99_9": 999}
NEVER: Final = np.iinfo(np.int64).max


def first_ns(table: Table, t_ns: Ints, jobs: int) -> Ints:
    """By a job's number: the earliest of its lines' instants; `NEVER` where it has none."""
    first = np.full(jobs, NEVER, np.int64)
    np.minimum.at(first, table.job, t_ns)
    return first


def latencies(history: History) -> Figures:
    """pickup, pickup_uncorrected and total of every enqueued job, milliseconds."""
    jobs = len(history.jobs)
    enqueues = history.enqueues
    intended = first_ns(enqueues, enqueues.intended_ns, jobs)
    sent = first_ns(enqueues, np.where(enqueues.sent_ns == ABSENT, NEVER, enqueues.sent_ns), jobs)
    started = first_ns(history.starts, history.starts.t_ns, jobs)
    completed = first_ns(history.completions, history.completions.t_ns, jobs)
    return {
        "pickup": distribution(intended, started),
        "pickup_uncorrected": distribution(sent, started),
        "total": distribution(intended, completed),
    }


def distribution(begin_ns: Ints, end_ns: Ints) -> Figures:
    """Percentiles of end - begin over the jobs that began; milliseconds.

    A duration below 0 or above 24 h cannot be true: `out_of_range` counts such jobs, and with any
    of them every percentile is null.
    """
    began = begin_ns != NEVER
    ended = began & (end_ns != NEVER)
    n, censored = int(began.sum()), int(began.sum() - ended.sum())
    durations_ns = end_ns[ended] - begin_ns[ended]
    durations_us = np.maximum(-(-durations_ns // 1000), LOWEST_US)
    impossible = (durations_ns < 0) | (durations_us > HIGHEST_US)
    out_of_range = int(impossible.sum())
    figures: Figures = {"n": n, "censored": censored, "out_of_range": out_of_range}
    if n == 0:
        return figures | _nothing("no job has the first of the two instants")
    if out_of_range:
        return figures | _nothing(f"{out_of_range} jobs lie outside 0 to 24 hours")
    return figures | _percentiles(durations_us, n)


def _nothing(why: str) -> Figures:
    return {**dict.fromkeys((*PER_MILLE, "max")), "why": why}


def bucketed(durations_us: Ints) -> tuple[Ints, Ints]:
    """The distinct buckets of HdrHistogram with three digits, and how many values fall in each.

    Makes recording thirty times cheaper than one by one; each bucket stands for its lowest value.
    """
    bits = np.frexp(durations_us.astype(np.float64))[1]
    shift = np.maximum(bits - SUB_BUCKET_BITS, 0)
    return np.unique((durations_us >> shift) << shift, return_counts=True)


def _percentiles(durations_us: Ints, n: int) -> Figures:
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value, count in zip(*(part.tolist() for part in bucketed(durations_us)), strict=True):
        recorded = histogram.record_value(value, count)
        assert recorded, f"{value} us is out of the histogram's range"
    seen = len(durations_us)
    ranks = {name: -(-n * share // 1000) for name, share in PER_MILLE.items()} | {"max": n}
    at = {name: 100 * rank / seen for name, rank in ranks.items() if rank <= seen}
    values = histogram.get_percentile_to_value_dict(list(at.values()))
    figures: Figures = {
        name: values[at[name]] / 1000 if name in at else None for name in (*PER_MILLE, "max")
    }
    if len(at) < len(ranks):
        figures["why"] = "a null percentile falls among the censored jobs"
        figures["above"] = histogram.get_max_value() / 1000 if seen else 0.0
    return figures

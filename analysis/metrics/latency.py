"""Latencies: from when a job was intended or sent until it was picked up or completed.

Jobs without the endpoint are right-censored: they stay in the denominator, and a percentile that
falls among them is null. Ranks are counted in integers (a float rank of p99.9 can be one off).
Jobs that were intended during the warm-up are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from analysis.evidence.hiccups import LOAD_UNSAMPLED
from analysis.history.columns import ABSENT, Bools, Ints
from analysis.history.history import History
from analysis.history.tables import Table
from analysis.metrics.buckets import (
    HIGHEST_US,
    LOWEST_US,
    NUMBER_BITS,
    NUMBERS,
    bucket_numbers,
    encoded,
    highest_us,
    recorded,
)
from analysis.section import Section, why_none

PER_MILLE: Final = {"p50": 500, "p90": 900, "p95": 950, "p99": 990, "p99_9": 999}
NEVER: Final = np.iinfo(np.int64).max
INT32_MAX: Final = np.iinfo(np.int32).max
AMONG_CENSORED = "a null percentile falls among the censored jobs"


class Percentiles(Section, frozen=True, kw_only=True):
    """Of one latency of some jobs, milliseconds, by nearest rank among all `n`."""

    n: int
    """Jobs that have the first of the two instants."""
    censored: int
    """Those among them that never came to the second instant: they rank above all others."""
    p50: float | None
    """The median, ms."""
    p90: float | None
    """The 90th percentile, ms."""
    p95: float | None
    """The 95th percentile, ms."""
    p99: float | None
    """The 99th percentile, ms."""
    p99_9: float | None
    """The 99.9th percentile, ms."""
    max: float | None
    """The greatest, ms."""
    why: str | None = None
    """Why some percentile is null; left out where none is."""
    above: float | None = None
    """A percentile that falls among the censored jobs is greater than this, ms."""


class Distribution(Percentiles, frozen=True, kw_only=True):
    """Percentiles, and the histogram that they were read from."""

    out_of_range: int
    """Jobs whose latency lies outside 0 to 24 hours, which cannot be true."""
    histogram: str | None
    """Microseconds, as an HdrHistogram (V2, base64): histograms of several runs can be added."""


class Latency(Distribution, frozen=True, kw_only=True):
    """One latency of all jobs of a run that were intended after the warm-up."""

    machine_limited: bool | None
    """Whether the machine stalled, or the producer woke late, while jobs were under way."""
    machine_limited_why: str | None = None


class Latencies(Section, frozen=True, kw_only=True):
    """What is measured of every job."""

    pickup: Latency
    """From the intended enqueue to the first start."""
    pickup_uncorrected: Latency
    """From the enqueue that was really sent to the first start."""
    total: Latency
    """From the intended enqueue to the first completion."""


def by_name(found: Latencies) -> dict[str, Latency]:
    """All three, by name."""
    return {
        "pickup": found.pickup,
        "pickup_uncorrected": found.pickup_uncorrected,
        "total": found.total,
    }


class PickupAndTotal(Section, frozen=True, kw_only=True):
    """Two latencies of one group of jobs, after the warm-up."""

    pickup: Percentiles
    """From the intended enqueue to the first start."""
    total: Percentiles
    """From the intended enqueue to the first completion."""


@dataclass(frozen=True, slots=True)
class Instants:
    """By a job's number: the first of each of its instants, nanoseconds; `NEVER` = it has none."""

    intended: Ints
    sent: Ints
    started: Ints
    completed: Ints
    counted: Bools
    """Intended after the warm-up: the jobs that have latencies."""

    def measures(self) -> dict[str, tuple[Ints, Ints]]:
        """What is measured of every job, by name: from when until when."""
        return {
            "pickup": (self.intended, self.started),
            "pickup_uncorrected": (self.sent, self.started),
            "total": (self.intended, self.completed),
        }


def first_ns(table: Table, t_ns: Ints, jobs: int) -> Ints:
    """By a job's number: the earliest of its lines' instants; `NEVER` where it has none."""
    first = np.full(jobs, NEVER, np.int64)
    np.minimum.at(first, table.job, t_ns)
    return first


def instants(history: History, warm_ns: int | None) -> Instants:
    """The instants of every job. `warm_ns` = the end of the warm-up; None = there was none."""
    jobs = len(history.jobs)
    enqueues = history.enqueues
    sent_ns = np.where(enqueues.sent_ns == ABSENT, NEVER, enqueues.sent_ns)
    intended = first_ns(enqueues, enqueues.intended_ns, jobs)
    sent = first_ns(enqueues, sent_ns, jobs)
    # Nobody knows when the first row of a recovered job was sent, though a later one may have been.
    sent[enqueues.job[enqueues.recovered == 1]] = NEVER
    return Instants(
        intended=intended,
        sent=sent,
        started=first_ns(history.starts, history.starts.t_ns, jobs),
        completed=first_ns(history.completions, history.completions.t_ns, jobs),
        counted=np.full(jobs, fill_value=True) if warm_ns is None else intended >= warm_ns,
    )


def latencies(times: Instants, limited: bool | None) -> Latencies:
    """pickup, pickup_uncorrected and total of every enqueued job, milliseconds.

    `limited` = whether the machine stalled meanwhile; None = nobody knows.
    """
    return Latencies(
        **{
            name: _latency(begin_ns, end_ns, times.counted, limited)
            for name, (begin_ns, end_ns) in times.measures().items()
        }
    )


def _latency(begin_ns: Ints, end_ns: Ints, counted: Bools, limited: bool | None) -> Latency:
    found = msgspec.structs.asdict(distribution(begin_ns, end_ns, counted))
    found |= {
        "out_of_range": _impossible(begin_ns, end_ns),
        "machine_limited": limited,
        "machine_limited_why": why_none(limited, LOAD_UNSAMPLED),
    }
    return Latency(**found)


def _impossible(begin_ns: Ints, end_ns: Ints) -> int:
    """How many jobs have a duration that cannot be true, those of the warm-up included."""
    known = (begin_ns != NEVER) & (end_ns != NEVER)
    return int(np.count_nonzero(_out_of_range(end_ns[known] - begin_ns[known])))


def _out_of_range(durations_ns: Ints) -> Bools:
    out: Bools = (durations_ns < 0) | (durations_ns > HIGHEST_US * 1000)
    return out


def whole_us(durations_ns: Ints) -> Ints:
    """Nanoseconds as microseconds, rounded up, at least 1; in the place of what was given."""
    durations_ns += 999
    durations_ns //= 1000
    return np.maximum(durations_ns, LOWEST_US, out=durations_ns)


def distribution(begin_ns: Ints, end_ns: Ints, counted: Bools | None = None) -> Distribution:
    """Percentiles of end - begin over the jobs that began; milliseconds.

    `counted` marks the jobs that are looked at; None = all. `histogram` is theirs, encoded. A
    duration below 0 or above 24 h cannot be true: `out_of_range` counts such jobs, and with any
    of them every percentile is null.
    """
    began = (begin_ns != NEVER) if counted is None else counted & (begin_ns != NEVER)
    ended = began & (end_ns != NEVER)
    n, censored = int(began.sum()), int(began.sum() - ended.sum())
    durations_ns = end_ns[ended]
    durations_ns -= begin_ns[ended]
    out_of_range = int(_out_of_range(durations_ns).sum())
    if n == 0:
        figures = {"why": "no job has the first of the two instants"}
    elif out_of_range:
        figures = {"why": f"{out_of_range} jobs lie outside 0 to 24 hours"}
    else:
        figures = _percentiles(whole_us(durations_ns), n)
    nothing: dict[str, Any] = dict.fromkeys((*PER_MILLE, "max", "histogram"))
    return Distribution(n=n, censored=censored, out_of_range=out_of_range, **nothing | figures)


def rank_of(n: int, per_mille: int) -> int:
    """Which of `n` values in their order, from 1, is the percentile (nearest rank)."""
    return -(-n * per_mille // 1000)


def _percentiles(durations_us: Ints, n: int) -> dict[str, Any]:
    """By the name of its field in `Distribution`: what can be read of a histogram."""
    histogram = recorded(durations_us)
    seen = len(durations_us)
    ranks = {name: rank_of(n, share) for name, share in PER_MILLE.items()} | {"max": n}
    at = {name: 100 * rank / seen for name, rank in ranks.items() if rank <= seen}
    values = histogram.get_percentile_to_value_dict(list(at.values()))
    figures: dict[str, Any] = {name: values[share] / 1000 for name, share in at.items()}
    if len(at) < len(ranks):
        figures["why"] = AMONG_CENSORED
        figures["above"] = histogram.get_max_value() / 1000 if seen else 0.0
    return figures | {"histogram": encoded(histogram)}


def by_group(begin_ns: Ints, end_ns: Ints, group: Ints, groups: int) -> list[Percentiles]:
    """The percentiles of each of many groups, as `distribution` finds them; milliseconds.

    `group` = each job's group, `ABSENT` where it is of none. All groups are sorted at once.
    """
    began = (begin_ns != NEVER) & (group != ABSENT)
    ended = began & (end_ns != NEVER)
    n = np.bincount(group[began], minlength=groups)
    durations_ns = end_ns[ended]
    durations_ns -= begin_ns[ended]
    out = _out_of_range(durations_ns)
    impossible = np.bincount(group[ended][out], minlength=groups)
    # In place: of millions of jobs each column that is not needed any more takes its megabytes.
    durations_us = whole_us(durations_ns)
    durations_us[out] = LOWEST_US
    buckets = bucket_numbers(durations_us)
    del durations_ns, durations_us
    highest_key = groups << NUMBER_BITS
    ordered = group[ended].astype(np.int32 if highest_key <= INT32_MAX else np.int64)
    ordered <<= NUMBER_BITS
    ordered |= buckets
    del buckets
    ordered.sort()
    # Of the column's own type: of another one the whole column would be copied.
    ends = np.searchsorted(ordered, np.arange(1, groups + 1).astype(ordered.dtype) << NUMBER_BITS)
    ordered &= NUMBERS - 1
    counts = zip(n.tolist(), impossible.tolist(), [0, *ends.tolist()], ends.tolist(), strict=False)
    return [_of_group(ordered[begin:end], *known) for *known, begin, end in counts]


HIGHEST_MS: Final = highest_us(np.arange(NUMBERS)) / 1000
"""By a bucket's number: what it tells as a percentile, milliseconds."""


def _of_group(buckets: Ints, n: int, out: int) -> Percentiles:
    """`buckets` = the numbers of those that were seen, ascending."""
    seen = len(buckets)
    wanted = {name: rank_of(n, share) for name, share in PER_MILLE.items()} | {"max": n}
    figures: dict[str, Any] = dict.fromkeys(wanted)
    if n == 0 or out:
        why = f"{out} jobs lie outside 0 to 24 hours" if out else "no job has the first instant"
        return Percentiles(n=n, censored=n - seen, **figures, why=why)
    figures |= {
        name: float(HIGHEST_MS[buckets[rank - 1]]) for name, rank in wanted.items() if rank <= seen
    }
    if figures["max"] is None:
        figures["why"] = AMONG_CENSORED
        figures["above"] = float(HIGHEST_MS[buckets[-1]]) if seen else 0.0
    return Percentiles(n=n, censored=n - seen, **figures)

"""Honest statistics of few runs: values, medians, intervals, paired differences.

One kill is an anecdote, and a handful of runs is no distribution. Below `ENOUGH_RUNS` independent
runs nothing but the values themselves is printed. Nothing here assumes a shape of the distribution:
intervals come from order statistics (exact for independent values of any continuous distribution)
or, where a run holds several kills, from a bootstrap that draws runs first and kills within them.

A value may be infinite: that is one which is only known to lie above all others (a percentile among
jobs that never finished, a recovery that never came). Medians and order statistics take that well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, isinf, nan

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ENOUGH_RUNS = 6
"""The fewest values whose extremes hold the median with 95 %: 1 - 2 / 2^6 = 0.969."""
ALPHA = 0.05
RESAMPLES = 2_000
BOOTSTRAP_SEED = 20_240_229


@dataclass(frozen=True, slots=True)
class Interval:
    """Of a median; `coverage` is exact for order statistics, nominal for a bootstrap."""

    low: float
    high: float
    coverage: float
    bootstrapped: bool = False

    @property
    def excludes_0(self) -> bool:
        """Whether all of it lies on one side."""
        return self.low > 0 or self.high < 0


def median(values: Sequence[float]) -> float:
    """The middle one, or the mean of the two middle ones. Raises ValueError without values."""
    if not values:
        raise ValueError("there is no median of no values")
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else (low + high) / 2


def order_statistic_interval(values: Sequence[float], alpha: float = ALPHA) -> Interval | None:
    """The narrowest pair of order statistics that holds the median with at least 1 - `alpha`.

    Of n values the r-th least and the r-th greatest miss it with 2 P(Binomial(n, 1/2) < r)
    (David & Nagaraja, Order Statistics, 7.1). None = even the extremes miss it more often.
    """
    n, ordered = len(values), sorted(values)
    rank, missed = 0, 0.0
    while rank + 1 <= n // 2 and 2 * _at_most(rank, n) <= alpha:
        missed = 2 * _at_most(rank, n)
        rank += 1
    if rank == 0:
        return None
    return Interval(ordered[rank - 1], ordered[n - rank], 1 - missed)


def bootstrap_interval(
    runs: Sequence[Sequence[float]], alpha: float = ALPHA, seed: int = BOOTSTRAP_SEED
) -> Interval:
    """Of the median of all values: percentiles of the medians of resampled runs.

    Runs are drawn with replacement first, then values within each drawn run, since the values of
    one run are not independent. The same values give the same interval, in any order of the runs.
    Raises ValueError where a run is empty.
    """
    if not runs or not all(runs):
        raise ValueError("every run needs a value")
    ordered = [np.sort(np.asarray(run, np.float64)) for run in sorted(map(sorted, runs))]
    generator = np.random.Generator(np.random.PCG64(seed))
    medians = sorted(_resampled_median(ordered, generator) for _ in range(RESAMPLES))
    cut = int(alpha / 2 * RESAMPLES)
    return Interval(medians[cut], medians[-1 - cut], 1 - alpha, bootstrapped=True)


def _resampled_median(runs: list[Floats], generator: np.random.Generator) -> float:
    drawn = [runs[place] for place in generator.integers(len(runs), size=len(runs))]
    values = [run[generator.integers(run.size, size=run.size)] for run in drawn]
    return float(np.median(np.concatenate(values)))


def interval_of(runs: Sequence[Sequence[float]]) -> Interval | None:
    """Of the median of all values of independent `runs`; None = there are too few runs."""
    filled = [run for run in runs if run]
    if len(filled) < ENOUGH_RUNS:
        return None
    if all(len(run) == 1 for run in filled):
        return order_statistic_interval([run[0] for run in filled])
    return bootstrap_interval(filled)


def at_most_with_95_percent(trials: int) -> float:
    """What was never seen in so many independent trials is rarer than 3/n (Hanley 1983)."""
    return min(1.0, 3 / trials)


def difference(one: float, other: float) -> float:
    """`one` - `other`; two that are both without an upper bound are a tie."""
    return 0.0 if isinf(one) and isinf(other) else one - other


def sign_test(differences: Sequence[float]) -> float:
    """The two-sided p that the median difference is 0; a tie counts against either side.

    So the interval of `order_statistic_interval` at 1 - alpha excludes 0 just when p <= alpha.
    """
    n = len(differences)
    more = max(sum(d > 0 for d in differences), sum(d < 0 for d in differences))
    return min(1.0, 2 * _at_most(n - more, n)) if n else 1.0


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """One pair among those shown together."""

    pairs: int
    median: float
    interval: Interval | None
    """At the level that Holm grants it; None = with so few pairs there is none."""

    @property
    def ranks(self) -> bool:
        """Whether one of the two may be called the better one."""
        return self.interval is not None and self.interval.excludes_0


def paired_differences(families: Sequence[Sequence[float]]) -> list[PairedDifference]:
    """Each list of differences judged, all of them shown together (Holm 1979).

    The k-th smallest p of m is held against alpha / (m - k + 1), and once one fails all greater
    ones are held against that same level: they fail as well. A difference list needs `ENOUGH_RUNS`
    values to be judged at all; what has fewer is not counted among the m.
    """
    judged = [place for place, found in enumerate(families) if len(found) >= ENOUGH_RUNS]
    by_p = sorted(judged, key=lambda place: sign_test(families[place]))
    levels: dict[int, float] = {}
    failed = False
    for k, place in enumerate(by_p):
        level = levels[by_p[k - 1]] if failed else ALPHA / (len(by_p) - k)
        levels[place] = level
        failed = failed or sign_test(families[place]) > level
    return [
        PairedDifference(
            len(found),
            median(found) if found else nan,
            order_statistic_interval(found, levels[place]) if place in levels else None,
        )
        for place, found in enumerate(families)
    ]


def _at_most(k: int, n: int) -> float:
    """P(Binomial(n, 1/2) <= k), exactly."""
    return float(sum(comb(n, i) for i in range(k + 1)) / 2**n)

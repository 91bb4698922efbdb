"""Intervals hold what they promise on simulated data, and Holm is as strict as he says."""

from __future__ import annotations

import random
from math import inf, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.compare import statistics
from analysis.compare.statistics import (
    ALPHA,
    at_most_with_95_percent,
    bootstrap_interval,
    difference,
    interval_of,
    median,
    order_statistic_interval,
    paired_differences,
    sign_test,
)

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=25)


@given(VALUES)
def test_the_median_has_as_many_values_above_it_as_below(values: list[float]) -> None:
    middle = median(values)

    assert sum(value < middle for value in values) <= len(values) / 2
    assert sum(value > middle for value in values) <= len(values) / 2


def test_fewer_than_six_runs_have_no_interval() -> None:
    assert interval_of([[1.0], [2.0], [3.0], [4.0], [5.0]]) is None
    assert interval_of([[1.0, 2.0]] * 5 + [[]]) is None
    assert order_statistic_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None


@pytest.mark.parametrize(
    ("n", "low", "high", "coverage"),
    [(6, 1, 6, 0.96875), (8, 1, 8, 0.9921875), (9, 2, 8, 0.9609375), (20, 6, 15, 0.9586)],
)
def test_order_statistics_are_those_of_the_tables(
    n: int, low: int, high: int, coverage: float
) -> None:
    interval = order_statistic_interval([float(value) for value in range(n, 0, -1)])

    assert interval is not None
    assert (interval.low, interval.high) == (low, high)
    assert interval.coverage == pytest.approx(coverage, abs=1e-4)


def test_values_without_an_upper_bound_make_an_interval_without_one() -> None:
    interval = order_statistic_interval([1.0, 2.0, 3.0, 4.0, 5.0, inf])

    assert interval is not None
    assert (interval.low, interval.high) == (1.0, inf)


def test_an_order_statistic_interval_holds_a_skewed_median_as_often_as_it_says() -> None:
    seeded = random.Random(1)
    held, trials = 0, 2000
    for _ in range(trials):
        interval = order_statistic_interval([seeded.expovariate(1) for _ in range(9)])
        assert interval is not None
        held += interval.low <= log(2) <= interval.high

    assert held / trials == pytest.approx(0.961, abs=0.02)


def test_a_bootstrap_interval_holds_the_median_of_runs_that_differ_about_as_often_as_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills of one run are alike; drawing kills alone would hold it far less often."""
    monkeypatch.setattr(statistics, "RESAMPLES", 300)
    seeded = random.Random(2)
    held, trials = 0, 150
    for trial in range(trials):
        levels = [seeded.gauss(0, 1) for _ in range(10)]
        runs = [[level + seeded.gauss(0, 0.3) for _ in range(5)] for level in levels]
        interval = bootstrap_interval(runs, seed=trial)
        held += interval.low <= 0 <= interval.high

    assert 0.87 <= held / trials <= 1.0


@settings(deadline=None, max_examples=20)
@given(st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=4), min_size=6, max_size=8))
def test_a_bootstrap_interval_does_not_depend_on_the_order_of_runs_or_kills(
    runs: list[list[float]],
) -> None:
    assert bootstrap_interval(runs) == bootstrap_interval([run[::-1] for run in reversed(runs)])


def test_more_kills_a_run_are_resampled_and_one_each_is_not() -> None:
    several = interval_of([[1.0, 2.0]] * 6)
    one_each = interval_of([[1.0]] * 6)

    assert several is not None and several.bootstrapped
    assert one_each is not None and not one_each.bootstrapped


@given(st.lists(st.integers(-5, 5).map(float), min_size=6, max_size=20))
def test_the_interval_excludes_0_just_when_the_sign_test_says_so(differences: list[float]) -> None:
    interval = order_statistic_interval(differences)

    assert interval is not None
    assert interval.excludes_0 == (sign_test(differences) <= ALPHA)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-3, 9).map(float), min_size=4, max_size=14), max_size=6))
def test_holm_ranks_what_a_plain_step_down_ranks(families: list[list[float]]) -> None:
    judged = [found for found in families if len(found) >= 6]
    ps = sorted(sign_test(found) for found in judged)
    passed = 0
    while passed < len(ps) and ps[passed] <= ALPHA / (len(ps) - passed):
        passed += 1
    expected = [
        len(found) >= 6 and passed > 0 and sign_test(found) <= ps[passed - 1] for found in families
    ]

    assert [found.ranks for found in paired_differences(families)] == expected


def test_one_clear_pair_of_seven_runs_ranks_alone_but_not_among_four() -> None:
    clear, mixed = [1.0] * 7, [1.0, -1.0] * 4

    assert paired_differences([clear])[0].ranks
    assert not any(found.ranks for found in paired_differences([clear, mixed, mixed, mixed]))


def test_two_values_without_an_upper_bound_are_a_tie() -> None:
    assert difference(inf, inf) == 0
    assert difference(inf, 1.0) == inf
    assert difference(1.0, inf) == -inf


def test_nought_in_n_is_bounded_by_three_over_n() -> None:
    assert at_most_with_95_percent(20) == 0.15
    assert at_most_with_95_percent(1) == 1.0
    assert (1 - 3 / 60) ** 60 < 0.05

"""When jobs come: exactly as many as the curve's integral, one in each stratum, in order."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.scenario.arrivals import NS_PER_S, Arrivals, Corner, corners, peak_rate
from orchestrator.scenario.draws import WORD, rational, words
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.types import Burst, Curve, Points, Ramp, Steady, WorkloadSettings
from orchestrator.scenario.workload import Workload

DURATION_S = 30.0


def stream(
    rate_per_s: float, curve: Curve, duration_s: float = DURATION_S, *, endless: bool = False
) -> WorkloadSettings:
    return WorkloadSettings(
        duration_s=duration_s,
        rate_per_s=rate_per_s,
        curve=curve,
        endless=endless,
        mix={"entity_update": 1.0},
    )


@pytest.mark.parametrize(
    ("rate_per_s", "curve", "jobs"),
    [
        (50, Steady(), 1500),
        (0.1, Steady(), 3),
        (0.29, Steady(), 8),
        (50, Burst(factor=10, from_s=10, length_s=5), 3750),
        (50, Burst(factor=0, from_s=0, length_s=30), 0),
        (20, Ramp(to_factor=3), 1200),
        (20, Ramp(from_factor=1, to_factor=0), 300),
        (10, Points(points=((0, 1), (10, 1), (10, 0), (20, 0), (20, 2))), 300),
        (10, Points(points=((0, 0), (10, 2), (20, 0))), 200),
    ],
)
def test_there_are_as_many_jobs_as_the_curve_has_area(
    rate_per_s: float, curve: Curve, jobs: int
) -> None:
    assert Arrivals(stream(rate_per_s, curve)).count == jobs


def test_a_rate_is_the_decimal_that_was_written_and_not_the_float_beside_it() -> None:
    assert Arrivals(stream(0.29, Steady(), duration_s=100)).count == 29


def test_the_first_job_comes_at_nought_whatever_the_curve() -> None:
    for seed in (1, 2, 3):
        assert Workload(load_scenario("crash_recovery", [f"seed={seed}"])).job(0).intended_ns == 0


def test_a_burst_is_ten_times_as_dense_as_what_surrounds_it() -> None:
    curve = "workload.curve={ shape = 'burst', factor = 10, from_s = 10, length_s = 5 }"
    overrides = [
        curve,
        "workload.rate_per_s=50",
        "workload.duration_s=30",
        "over_capacity=true",
        "faults=[]",
        "expectations={}",
    ]
    instants = [
        job.intended_ns for job in Workload(load_scenario("crash_recovery", overrides)).jobs()
    ]
    assert len(instants) == 3750
    assert sum(instant < 10 * NS_PER_S for instant in instants) == 500
    assert sum(10 * NS_PER_S <= instant < 15 * NS_PER_S for instant in instants) == 2500


def test_the_highest_rate_is_that_of_the_curve() -> None:
    assert peak_rate(stream(50, Steady())) == 50
    assert peak_rate(stream(50, Burst(factor=10, from_s=1, length_s=1))) == 500
    assert peak_rate(stream(50, Ramp(from_factor=2, to_factor=0.5))) == 100


def test_an_endless_stream_keeps_its_rate_beyond_its_duration() -> None:
    arrivals = Arrivals(stream(4, Steady(), duration_s=1, endless=True))
    assert arrivals.count is None
    assert arrivals.at_ns(4_000_000, 0) == 1_000_000 * NS_PER_S
    assert arrivals.at_ns(1, WORD // 2) == 375_000_000


hundredths = st.integers(0, 1000).map(lambda value: value / 100)
rates = st.integers(1, 5000).map(lambda value: value / 100)
ramps = st.builds(Ramp, from_factor=hundredths, to_factor=hundredths)
bursts = st.builds(
    Burst,
    factor=hundredths,
    from_s=st.integers(0, 1500).map(lambda value: value / 100),
    length_s=st.integers(1, 1500).map(lambda value: value / 100),
)
lines = st.lists(
    st.tuples(st.integers(1, 3000).map(lambda value: value / 100), hundredths), max_size=5
).flatmap(lambda rest: hundredths.map(lambda first: Points(points=((0.0, first), *sorted(rest)))))
curves = st.one_of(st.just(Steady()), ramps, bursts, lines)


def area(line: list[Corner], until_s: Fraction) -> Fraction:
    """The integral of the curve up to an instant: the definition, without any cleverness."""
    total = Fraction(0)
    for (begin_s, first), (end_s, last) in pairwise(line):
        reach_s = min(until_s, end_s)
        if reach_s > begin_s:
            here = first + (last - first) * (reach_s - begin_s) / (end_s - begin_s)
            total += (first + here) / 2 * (reach_s - begin_s)
    return total


@settings(deadline=None)
@given(rate_per_s=rates, curve=curves, seed=st.integers(0, 2**63 - 1))
def test_every_job_lies_in_its_stratum_of_any_curve(
    rate_per_s: float, curve: Curve, seed: int
) -> None:
    made = stream(rate_per_s, curve)
    arrivals, line = Arrivals(made), corners(curve, DURATION_S)
    rate = rational(rate_per_s)
    assert arrivals.count == int(area(line, Fraction(30)) * rate)
    drawn = [words(seed, "stream", index)[0] for index in range(min(arrivals.count, 40))]
    instants = [arrivals.at_ns(index, word) for index, word in enumerate(drawn)]
    assert instants == sorted(instants)
    for index, (word, instant) in enumerate(zip(drawn, instants, strict=True)):
        assert 0 <= instant < DURATION_S * NS_PER_S
        sought = index + Fraction(word, WORD)
        # The instant is the last whole nanosecond at which the area does not exceed what is
        # sought; the root of a slope may be one nanosecond off.
        assert area(line, Fraction(instant - 1, NS_PER_S)) * rate <= sought
        assert area(line, Fraction(instant + 2, NS_PER_S)) * rate >= sought


@settings(deadline=None)
@given(rate_per_s=rates, seed=st.integers(0, 2**63 - 1))
def test_steady_jobs_come_one_in_each_interval_of_the_rate(rate_per_s: float, seed: int) -> None:
    arrivals = Arrivals(stream(rate_per_s, Steady()))
    interval_ns = NS_PER_S / rational(rate_per_s)
    assert arrivals.count is not None
    for index in islice(range(arrivals.count), 50):
        instant = arrivals.at_ns(index, words(seed, "stream", index)[0])
        assert index * interval_ns - 1 < instant < (index + 1) * interval_ns

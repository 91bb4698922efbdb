"""A load is weighed by what it asks of the workers: keys, not enqueues; exactly, not in floats."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ScenarioError
from orchestrator.scenario.capacity import capacity
from orchestrator.scenario.load import load_scenario

FOUND = Path(__file__).parent.parent / "found"
DEDUP, SIXTY = str(FOUND / "dedup_load.toml"), str(FOUND / "sixty_percent.toml")


def test_eight_enqueues_of_one_key_are_one_job() -> None:
    load = capacity(load_scenario(DEDUP, cores=2), 2)
    assert load.peak_rate_per_s == 10
    assert load.utilisation == pytest.approx(0.15)


@pytest.mark.parametrize("enqueuers", [2, 4, 5, 16, 64])
def test_the_share_of_the_places_falls_with_the_enqueuers(enqueuers: int) -> None:
    override = f"workload.dedup.enqueuers={enqueuers}"
    load = capacity(load_scenario(DEDUP, [override, "over_capacity=true"], cores=2), 2)
    assert load.utilisation == pytest.approx(80 / enqueuers * 0.3 / 20)


def test_a_load_of_keys_that_is_too_much_is_refused_by_its_own_figures() -> None:
    with pytest.raises(ScenarioError, match=r"50 jobs/s .* would fill 75\.0%"):
        load_scenario(DEDUP, ["workload.rate_per_s=400"], cores=2)


def test_the_backlog_of_an_outage_is_one_of_keys() -> None:
    load = capacity(load_scenario(DEDUP, ["over_capacity=true", "workers.concurrency=4"]), 2)
    assert load.backlog(1.0) == 10
    assert load.catch_up_s(1.0) == pytest.approx(10 / (4 / 0.3 - 10))


def test_exactly_what_is_allowed_is_allowed() -> None:
    assert capacity(load_scenario(SIXTY, cores=2), 2).utilisation == 0.6


AT_THE_LIMIT = [
    (20, 0.2, 10),
    (30, 0.2, 15),
    (40, 0.05, 10),
    (12, 0.2, 6),
    (60, 0.1, 20),
    (4, 0.2, 2),
]


@pytest.mark.parametrize(("rate_per_s", "length_s", "concurrency"), AT_THE_LIMIT)
@pytest.mark.parametrize("above", [0.0, 0.000001])
def test_a_hair_above_it_is_not(
    rate_per_s: float, length_s: float, concurrency: int, above: float
) -> None:
    overrides = [
        f"workload.kinds.entity_update.length_s={length_s}",
        f"workers.concurrency={concurrency}",
        f"workload.rate_per_s={rate_per_s + above}",
    ]
    if not above:
        load_scenario(SIXTY, overrides, cores=2)
        return
    with pytest.raises(ScenarioError, match="at most 60% are allowed"):
        load_scenario(SIXTY, overrides, cores=2)

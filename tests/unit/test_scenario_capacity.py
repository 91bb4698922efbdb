"""A load that the workers cannot carry with room to spare is refused before anything runs."""

from __future__ import annotations

import pytest

from orchestrator.errors import ScenarioError
from orchestrator.scenario.capacity import capacity
from orchestrator.scenario.job_kinds import mean_length_s
from orchestrator.scenario.load import load_scenario, scenario_names
from orchestrator.scenario.workload import Workload

OVER = "over_capacity=true"


def test_the_main_job_fills_not_quite_half_of_its_places() -> None:
    found = capacity(load_scenario("crash_recovery"), cores=2)
    assert found.total_concurrency == 20
    assert found.mean_length_s == pytest.approx(0.2077, abs=0.0001)
    assert found.longest_length_s == 15
    assert found.utilisation == pytest.approx(30 * (0.2077 + 0.1) / 20, abs=0.001)
    assert found.cpu_demand_cores == 0
    assert found.refusals == []


def test_the_mean_length_is_that_of_the_jobs_which_are_made() -> None:
    scenario = load_scenario("crash_recovery", ["workload.duration_s=900"])
    lengths = [job.plan.length_us / 1e6 for job in Workload(scenario).jobs()]
    assert sum(lengths) / len(lengths) == pytest.approx(capacity(scenario).mean_length_s, rel=0.05)


@pytest.mark.parametrize("name", scenario_names())
def test_every_shipped_scenario_fits_its_workers_or_says_that_it_does_not(name: str) -> None:
    scenario = load_scenario(name)
    assert bool(capacity(scenario, cores=1).refusals) == scenario.over_capacity


def test_catching_up_takes_the_outage_times_the_rate_over_what_is_spare() -> None:
    found = capacity(load_scenario("crash_recovery"), cores=2)
    spare_per_s = 20 / (found.mean_length_s + 0.1) - 30
    assert found.catch_up_s(15) == pytest.approx(15 * 30 / spare_per_s)
    assert found.catch_up_s(0) == 0


def test_a_backlog_that_can_only_grow_is_never_caught_up_with() -> None:
    scenario = load_scenario("crash_recovery", ["workload.rate_per_s=80", OVER])
    assert capacity(scenario, cores=2).catch_up_s(1) is None


@pytest.mark.parametrize(
    "override",
    [
        "workload.rate_per_s=40",
        "workers.concurrency=15",
        "workload.curve={ shape = 'burst', factor = 1.4, from_s = 10, length_s = 1 }",
        "workload.errors=[{ share = 0.2, error_class = 'transient', failures = 2 }]",
        "workload.time_scale=0.1",
    ],
)
def test_more_than_sixty_percent_at_the_highest_rate_is_refused_unless_asked_for(
    override: str,
) -> None:
    with pytest.raises(ScenarioError, match="at most 60% are allowed") as caught:
        load_scenario("crash_recovery", [override])
    assert capacity(load_scenario("crash_recovery", [override, OVER])).refusals == list(
        caught.value.flaws
    )


def test_what_a_refusal_advises_is_accepted() -> None:
    too_much = "workload.rate_per_s=80"
    with pytest.raises(ScenarioError, match=r"down to 38\.995 jobs/s, or the total .* up to 42"):
        load_scenario("crash_recovery", [too_much])
    load_scenario("crash_recovery", ["workload.rate_per_s=38.995"])
    load_scenario("crash_recovery", [too_much, "workers.concurrency=42"])


def test_cpu_jobs_may_keep_half_of_the_cores_busy_and_no_more() -> None:
    overrides = ["workload.kinds.entity_update.profile=cpu"]
    scenario = load_scenario("crash_recovery", overrides, cores=2)
    demand = capacity(scenario, cores=2).cpu_demand_cores
    assert demand == pytest.approx(30 * 0.40 * mean_length_s("short", 0.05))
    with pytest.raises(ScenarioError, match="at most 50% of this machine's 1 are allowed"):
        load_scenario("crash_recovery", overrides, cores=1)
    load_scenario("crash_recovery", [*overrides, OVER], cores=1)

"""Scenario files are found, overridden, written down and read back without a loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import ScenarioError
from orchestrator.scenario.capacity import capacity
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.load import (
    load_scenario,
    resolve,
    resolve_scenario,
    resolved,
    scenario_from_resolved,
    scenario_names,
)
from orchestrator.scenario.types import Burst, Scenario, Steady
from orchestrator.scenario.workload import Workload

MINIMAL = """
description = "the least that a file must say"
seed = 7
[workload]
duration_s = 10
rate_per_s = 2
mix = { entity_update = 1 }
[workers]
concurrency = 4
"""


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL)
    return path


def test_the_scenarios_of_the_main_job_and_its_control_are_shipped() -> None:
    assert set(scenario_names()) >= {
        "crash_recovery",
        "crash_recovery_exact",
        "crash_recovery_no_fault",
        "crash_recovery_repeated",
        "crash_recovery_short",
        "crash_recovery_unscaled",
    }


METHODOLOGY = (
    "steady",
    "steady_balanced",
    "steady_over",
    "steady_cpu",
    "burst",
    "crash_in_burst",
    "spike",
    "noisy_neighbor",
    "noisy_neighbor_saturated",
    "rate_limit_pressure",
    "notify_latency",
    "notify_open",
    "high_scale",
    "dedup",
    "orphans_keys_taken",
    "cache_dedup",
    "cache_dedup_crash",
    "cache_concurrent_miss",
    "cache_concurrent_miss_crash",
    "multi_process_1",
    "multi_process_2",
    "multi_process_4",
    "crash_one_of_many",
    "retry_shape",
)


@pytest.mark.parametrize("name", METHODOLOGY)
def test_each_scenario_of_the_methodology_has_a_short_variant_to_try(name: str) -> None:
    whole, short = load_scenario(name, cores=2), load_scenario(f"{name}_short", cores=2)
    assert short.workload.duration_s <= 30 < whole.workload.duration_s
    assert [type(fault) for fault in short.faults] == [type(fault) for fault in whole.faults]
    assert short.workload.mix.keys() <= whole.workload.mix.keys()
    assert short.workload.tenants == whole.workload.tenants
    assert type(short.workload.curve) is type(whole.workload.curve)


def test_the_short_burst_is_saturation_and_the_spike_is_not() -> None:
    burst, spike = load_scenario("burst_short", cores=2), load_scenario("spike", cores=2)
    assert Workload(burst).stream_jobs == 3750
    assert (burst.workload.rate_per_s, burst.workers.concurrency) == (50, 10)
    assert capacity(burst, 2).utilisation > 1
    assert capacity(spike, 2).utilisation <= 0.6
    assert (spike.workers.slots * spike.workers.concurrency, spike.over_capacity) == (20, False)


def test_high_scale_keeps_a_quarter_of_a_hundred_workers_busy() -> None:
    load = capacity(load_scenario("high_scale", cores=2), 2)
    assert (load.total_concurrency, load.peak_rate_per_s) == (100, 300)
    assert load.mean_length_s == pytest.approx(0.08, rel=0.02)


def test_the_multi_process_scenarios_differ_in_how_the_places_are_dealt_out() -> None:
    one, two, four = (load_scenario(f"multi_process_{n}", cores=2) for n in (1, 2, 4))
    assert [s.workers.slots for s in (one, two, four)] == [1, 2, 4]
    assert len({s.workers.slots * s.workers.concurrency for s in (one, two, four)}) == 1
    assert len({s.workers.slots * s.workers.pool_size for s in (one, two, four)}) == 1
    assert one.workload == two.workload == four.workload


@pytest.mark.parametrize("name", scenario_names())
def test_every_shipped_scenario_loads_under_its_own_name_and_survives_the_history(
    name: str,
) -> None:
    scenario = load_scenario(name)
    from_history = json.loads(json.dumps(resolved(scenario), sort_keys=True))
    assert scenario.name == name
    assert scenario_from_resolved(from_history) == scenario
    assert resolve(scenario_from_resolved(from_history)).digest == resolve(scenario).digest


def test_the_main_job_is_what_it_is_said_to_be() -> None:
    scenario = load_scenario("crash_recovery")
    (kill,) = scenario.faults
    assert Workload(scenario).stream_jobs == 30 * 120
    assert isinstance(kill, Kill)
    assert (kill.at_s, kill.respawn_after_s) == (60, 15)
    assert (scenario.workers.slots, scenario.workers.concurrency) == (1, 20)
    assert (scenario.preset, scenario.workload.time_scale) == ("stock", 0.05)
    assert len(scenario.workload.mix) == 9


def test_the_exact_crash_holds_eight_completed_and_four_started_jobs() -> None:
    scenario = load_scenario("crash_recovery_exact")
    points = [job.plan.hold for job in Workload(scenario).held()]
    assert points == ["completed"] * 8 + ["started"] * 4
    assert scenario.expectations.duplicated == 8
    assert scenario.expectations.re_executions == 12


def test_a_file_is_named_by_its_path_and_gives_the_run_its_name(minimal: Path) -> None:
    scenario = load_scenario(str(minimal))
    assert scenario.name == "mine"
    assert scenario.workload.curve == Steady()
    assert scenario.expectations.lost == 0
    assert scenario.expectations.duplicated is None


def test_an_override_takes_toml_values_and_bare_words(minimal: Path) -> None:
    scenario = load_scenario(
        str(minimal),
        [
            "workload.rate_per_s = 3.5",
            "preset=tuned",
            "over_capacity=true",
            "workload.kinds.entity_update.class=medium",
            "workload.curve = { shape = 'burst', factor = 2, from_s = 1, length_s = 1 }",
            "workload.tenants.count=3",
        ],
    )
    assert scenario.workload.rate_per_s == 3.5
    assert scenario.preset == "tuned"
    assert scenario.over_capacity
    assert scenario.workload.kinds["entity_update"].job_class == "medium"
    assert scenario.workload.curve == Burst(factor=2, from_s=1, length_s=1)
    assert scenario.workload.tenants.count == 3


def test_a_burst_may_end_exactly_with_the_stream() -> None:
    burst = "workload.curve={ shape = 'burst', factor = 1, from_s = 119.1, length_s = 0.9 }"
    tenths = ["workload.duration_s=0.3", "workload.rate_per_s=30", "workload.warmup_s=0"]
    short = "workload.curve={ shape = 'burst', factor = 1, from_s = 0.1, length_s = 0.2 }"
    last = load_scenario("crash_recovery", [burst]).workload
    assert last.curve == Burst(factor=1, from_s=119.1, length_s=0.9)
    overrides = [*tenths, short, "faults=[]", "expectations={}"]
    assert load_scenario("crash_recovery", overrides).workload.duration_s == 0.3


def test_an_override_reaches_into_a_list_by_its_number() -> None:
    assert load_scenario("crash_recovery", ["faults.0.at_s=30"]).faults[0].at_s == 30


def test_the_word_none_takes_an_optional_value_away() -> None:
    overrides = ["expectations.lost=none", "faults.0.respawn_after_s=none", "nobody_left=true"]
    scenario = load_scenario("crash_recovery", overrides)
    assert scenario.expectations.lost is None
    assert scenario.faults[0].outage_s is None


def test_the_digest_tells_scenarios_apart_and_ignores_how_they_were_written(
    minimal: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    rewritten = folder / "mine.toml"
    rewritten.write_text(MINIMAL.replace("= 10", "= 10.0  # seconds") + "slots = 1\n")
    plain = resolve_scenario(str(minimal))
    assert resolve_scenario(str(rewritten)).digest == plain.digest
    for override in ("seed=8", "workload.rate_per_s=3", "limits.drain_s=61"):
        assert resolve_scenario(str(minimal), [override]).digest != plain.digest


def test_what_a_history_holds_is_checked_like_a_file() -> None:
    table = resolved(load_scenario("crash_recovery"))
    table["workload"]["mix"]["entity_update"] = 0.9
    with pytest.raises(ScenarioError, match=r"workload\.mix sums to 1\.5"):
        scenario_from_resolved(table)


def test_a_scenario_is_a_value() -> None:
    assert hash(load_scenario("crash_recovery").workers) == hash(
        load_scenario("crash_recovery").workers
    )
    with pytest.raises(AttributeError):
        load_scenario("crash_recovery").seed = 2  # type: ignore[misc]
    assert isinstance(load_scenario("crash_recovery"), Scenario)


def test_jobs_of_no_length_are_for_loads_that_measure_no_work() -> None:
    nothing = ["workload.kinds.notification_deliver.length_s=0"]

    assert resolve_scenario("notify_open", nothing, cores=2).scenario.effects is False
    with pytest.raises(ScenarioError, match=r"length_s = 0: short jobs last"):
        resolve_scenario("notify_open", [*nothing, "effects=true"], cores=2)

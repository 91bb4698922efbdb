"""Questions to a cache: planned from the seed alone, alike for every caller, or refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import NotOfferedError, ScenarioError
from orchestrator.run.request import make_request
from orchestrator.scenario.capacity import capacity
from orchestrator.scenario.checks import PLAN_BYTES, RESULT_BYTES
from orchestrator.scenario.load import load_scenario, scenario_names
from orchestrator.scenario.workload import Workload
from worker_child.cached_result import bytes_of
from worker_child.protocol import CachedResult, Plan

CALLERS = 4
CACHE_SCENARIOS = [name for name in scenario_names() if name.startswith("cache_")]


def workload(*overrides: str, name: str = "cache_dedup_short") -> Workload:
    return Workload(load_scenario(name, overrides, cores=2))


def test_all_callers_put_the_same_question_at_the_same_instant() -> None:
    jobs = list(workload().jobs())
    assert len(jobs) == 15 * 40
    for first in range(0, len(jobs), CALLERS):
        group = jobs[first : first + CALLERS]
        assert len({(job.dedup_key, job.intended_ns) for job in group}) == 1
    assert len({job.plan.job_id for job in jobs}) == len(jobs)


def test_the_work_for_an_address_is_the_same_whenever_it_is_asked_for() -> None:
    by_address: dict[str, set[bytes]] = {}
    for job in workload().jobs():
        assert job.plan.result is not None and job.dedup_key == job.plan.result.address
        plan = msgspec.structs.replace(job.plan, job_id="")
        by_address.setdefault(job.dedup_key, set()).add(msgspec.json.encode(plan))
        assert msgspec.json.decode(job.payload, type=Plan) == job.plan
    assert sorted(by_address) == [f"a{number:06d}" for number in range(5)]
    assert all(len(plans) == 1 for plans in by_address.values())


def test_new_addresses_come_evenly_over_the_stream_and_known_ones_between() -> None:
    asked = [job.dedup_key for job in workload().jobs()][::CALLERS]
    firsts = [asked.index(f"a{number:06d}") for number in range(5)]
    assert firsts == [0, 30, 60, 90, 120]
    known = {asked[turn] for turn in range(120, 150)}
    assert len(known) == 5


@settings(deadline=None)
@given(unique=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_each_address_is_asked_for_and_none_before_the_one_below_it(unique: int, seed: int) -> None:
    planned = workload(f"workload.cache.unique_addresses={unique}", f"seed={seed}")
    asked = [planned.job(turn * CALLERS).dedup_key for turn in range(150)]
    order = list(dict.fromkeys(asked))
    assert order == [f"a{number:06d}" for number in range(unique)]


def test_where_every_turn_is_a_new_address_none_is_asked_for_twice() -> None:
    jobs = workload(name="cache_concurrent_miss_short").jobs()
    assert Counter(job.dedup_key for job in jobs) == {f"a{n:06d}": 16 for n in range(8)}


def test_a_job_is_made_again_without_its_neighbours() -> None:
    planned = workload()
    assert planned.by_id("j000321") == planned.job(321) == list(planned.jobs())[321]


def test_another_seed_makes_other_results_of_the_same_addresses() -> None:
    one, other = workload().job(0).plan.result, workload("seed=2").job(0).plan.result
    assert one is not None and other is not None
    assert one.address == other.address
    assert bytes_of(one) != bytes_of(other)


def test_the_bytes_of_a_result_are_the_ones_written_down() -> None:
    content = bytes_of(CachedResult("a000000", "0123456789abcdef", 100))
    blocks = [hashlib.sha256(f"0123456789abcdef/{n}".encode()).digest() for n in range(4)]
    assert content == b"".join(blocks)[:100]
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "7d1814ee3a1f973979312bb91fcdef3248fd1135d29e778a70e0123b0889d182"


def test_the_longest_result_adds_no_more_to_a_plan_than_a_payload_must_hold() -> None:
    result = CachedResult("a999999", "f" * 16, 100_000_000)
    plan = Plan("j000000", "entity_update", "db", 1000)
    with_result = msgspec.structs.replace(plan, result=result)
    added = len(msgspec.json.encode(with_result)) - len(msgspec.json.encode(plan))
    assert added == RESULT_BYTES
    with pytest.raises(ScenarioError, match=f"may take {PLAN_BYTES + RESULT_BYTES} bytes"):
        workload("workload.payload.min_bytes=256")


@pytest.mark.parametrize("name", CACHE_SCENARIOS)
def test_a_cache_scenario_expects_nothing_wrong_and_weighs_each_address_once(name: str) -> None:
    scenario = load_scenario(name, cores=2)
    found = scenario.expectations
    assert (found.wrong_results, found.unanswered, found.addresses_run_again) == (0, 0, 0)
    cache = scenario.workload.cache
    assert cache is not None
    load = capacity(scenario, 2)
    assert load.peak_rate == pytest.approx(cache.unique_addresses / scenario.workload.duration_s)


def test_what_a_scenario_says_of_its_cache_itself_is_left_as_it_is() -> None:
    scenario = load_scenario("cache_dedup_short", ["expectations.wrong_results=3"], cores=2)
    assert scenario.expectations.wrong_results == 3


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("workload.endless=true", r"workload\.endless = true does not go with workload\.cache"),
        ("workload.closed_loop=true", r"closed_loop = true does not go with workload\.cache"),
        ("workload.dedup={ enqueuers = 2 }", r"workload\.dedup does not go with workload\.cache"),
        ("workload.curve={ shape = 'ramp', to_factor = 2 }", 'its shape is "steady"'),
        ("workload.cache.unique_addresses=151", "4 callers at once .* ask only 150 times"),
        ("workload.cache.concurrent_hits=0", "concurrent_hits"),
    ],
)
def test_what_does_not_fit_to_a_cache_is_refused(override: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        load_scenario("cache_dedup_short", [override], cores=2)


def test_without_a_cache_nothing_can_be_expected_of_one() -> None:
    with pytest.raises(ScenarioError, match=r"expectations\.unanswered: there is no cache"):
        load_scenario("steady_short", ["expectations.unanswered=0"], cores=2)


def test_a_library_without_a_cache_is_not_offered(tmp_path: Path) -> None:
    with pytest.raises(NotOfferedError, match="not offered: cache_dedup_short needs cache") as said:
        make_request(
            load_scenario("cache_dedup_short", cores=2),
            library="pgqueuer",
            preset=None,
            ordinal=1,
            dsn=None,
            results=tmp_path,
            overwrite=False,
        )
    assert said.value.exit_code == 0

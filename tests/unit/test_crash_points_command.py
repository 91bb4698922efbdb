"""What is asked of `crashbench crash-points`, before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.commands.crash_points import workloads
from orchestrator.commands.crash_points.command import crash_points
from orchestrator.commands.crash_points.plan import not_tried
from orchestrator.commands.crash_points.workloads import Ability, listing_scenario
from orchestrator.errors import CrashbenchError
from orchestrator.scenario.triggered import AtPoint
from orchestrator.scenario.workload import Workload
from worker_child.adapters import load_adapter
from worker_child.adapters.contract import Preset, Workers
from worker_child.protocol import Rescue


def preset(rescue: Rescue | None, **periods_s: float) -> Preset:
    return Preset(name="stock", settings={}, rescue=rescue, periods_s=periods_s)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"actions": "nap"}, "--actions nap: there are kill, stall"),
        ({"actions": ","}, "--actions names none: there are kill, stall"),
        ({"sides": "beside"}, "--sides beside: there are before, after, delayed"),
        ({"sides": ","}, "--sides names none: there are before, after, delayed"),
        (
            {"actions": "stall", "sides": "body"},
            "--actions stall is tried on none of --sides body: there are before, after",
        ),
        (
            {"actions": "stall", "sides": "body,delayed"},
            "--actions stall is tried on none of --sides delayed,body: there are before, after",
        ),
        ({"fail_on": ["bad"]}, "--fail-on bad: no such verdict"),
        ({"dask": "tcp://127.0.0.1:9", "lanes": 2}, "--lanes cannot go with --dask"),
        ({"preset": "turned"}, "control_holding has no preset 'turned'"),
    ],
)
def test_a_wrong_wish_is_refused_in_a_sentence(
    wrong: dict[str, Any], says: str, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {
        "library": "control_holding",
        "preset": None,
        "setting": None,
        "only": None,
        "repetitions": 1,
        "actions": "kill",
        "sides": "before",
        "max_bound": 60.0,
        "every": False,
        "fail_on": None,
        "lanes": None,
        "dask": None,
        "dsn": None,
        "results": tmp_path,
    }
    with pytest.raises(CrashbenchError, match=says):
        crash_points(**{**asked, **wrong})
    assert list(tmp_path.iterdir()) == []


def test_a_worker_without_jobs_is_watched_for_its_longest_rhythm_up_to_a_minute() -> None:
    assert workloads.idle_s(preset(None)) == 1.0
    assert workloads.idle_s(preset(None, poll=0.2, heartbeat=10, purge=3600)) == 11.0


def test_a_stall_is_not_tried_where_nobody_comes_to_the_rescue_in_time() -> None:
    lease = Rescue("lease", 30.0, 5.0, 1.0)
    assert not_tried(preset(lease), ["kill", "stall"], 60.0) == {}
    assert "longer than --max-bound 20" in not_tried(preset(lease), ["stall"], 20.0)["stall"]
    assert "never rescues" in not_tried(preset(None), ["stall"], 60.0)["stall"]
    assert not_tried(preset(None), ["kill"], 60.0) == {}


def test_a_queue_is_asked_for_what_it_can_do_alone() -> None:
    able = Ability(fans_out=True, retries=True, least=(2, 1))
    jobs = list(Workload(listing_scenario("single", able, preset(None))).waves())
    assert [len(wave) for wave in jobs] == [1, 1, 1, 2]
    assert jobs[1][0].plan.fail == ("transient",)
    assert len(jobs[2][0].plan.children) == 1
    control = load_adapter("control_holding")
    least = Ability.of(control, control.preset("stock", Workers(1, 1, 1, 5, 1.0)), (1, 1))
    assert (least.fans_out, least.retries) == (False, False)
    scenario = listing_scenario("single", least, preset(None))
    assert [len(wave) for wave in Workload(scenario).waves()] == [1, 2]
    assert scenario.workers.concurrency == 1


def test_a_place_of_the_body_is_tried_with_one_plain_job_whatever_the_queue_can_do() -> None:
    able = Ability(fans_out=True, retries=True, least=(2, 1))
    jobs = list(Workload(workloads.body_scenario("body", "single", able, "effect")).waves())
    assert [len(wave) for wave in jobs] == [1, 2]
    assert jobs[0][0].plan.children == ()


def test_a_worker_that_stands_still_while_it_starts_may_become_ready_afterwards() -> None:
    plain = Ability(fans_out=False, retries=False, least=(1, 1))
    at = AtPoint(statement="LISTEN q", phase="starting up", side="before")
    harmless = listing_scenario("batch", plain, preset(None)).limits
    stalled = workloads.stall_scenario("point", "batch", plain, at, 0.0, 59.0).limits
    assert stalled.ready_s == harmless.ready_s + 59.0
    assert stalled.drain_s == harmless.drain_s + 59.0

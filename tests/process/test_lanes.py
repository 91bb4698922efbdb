"""The processes that carry out an enumeration's runs: one that is no more says so."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from orchestrator.commands.crash_points.under_way import UnderWay
from orchestrator.commands.crash_points.workloads import Ability, listing_scenario
from orchestrator.commands.engine.lane import Answer
from orchestrator.commands.engine.lanes import LanesEngine, _ended, _Lane
from orchestrator.errors import InternalError
from orchestrator.run.request import Request, make_request
from worker_child.adapters.contract import Preset

NOWHERE = "host=/nowhere dbname=none"


def request(results: Path) -> Request:
    scenario = listing_scenario(
        "batch",
        Ability(fans_out=False, retries=False, least=(1, 1)),
        Preset(name="stock", settings={}, rescue=None, periods_s={}),
    )
    return make_request(
        scenario,
        library="control_late_ack",
        preset=None,
        ordinal=1,
        dsn=None,
        results=results,
        overwrite=True,
    )


def test_a_lane_that_has_died_is_an_error_in_a_sentence_and_no_broken_pipe(tmp_path: Path) -> None:
    lane = _Lane(NOWHERE)
    lane.process.send_signal(signal.SIGKILL)
    lane.process.wait(30)
    with pytest.raises(InternalError, match="a lane of runs died at crash_points_batch"):
        lane.order(request(tmp_path))
    lane.ask_to_end()
    lane.end()


def test_an_error_is_no_verdict_even_with_the_exit_code_of_one() -> None:
    failed = _ended(Answer("worker 0:0 was not ready within 20 s", exit_code=3), 0.1)
    assert failed.complaint == "worker 0:0 was not ready within 20 s"
    assert _ended(Answer(), 0.1).complaint is None


def test_what_a_lane_cannot_carry_out_is_its_answer(tmp_path: Path) -> None:
    with LanesEngine(1, NOWHERE) as lanes:
        ((_, ended),) = lanes.carry_out([[request(tmp_path)]], UnderWay(print), lambda: False)
    assert ended.complaint is not None and "nowhere" in ended.complaint
    assert ended.exit_code == 2

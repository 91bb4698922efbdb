"""The way from the command line to the producer is walked once: nothing on it is made again."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest

from orchestrator.commands import cli
from orchestrator.libraries import library
from orchestrator.load import producer
from orchestrator.run import forecast, request, run_plan, run_start
from orchestrator.scenario import capacity, load, workload
from tests.conftest import Database

pytestmark = pytest.mark.database

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
QUIET = ("faults=[]", "expectations={}", "workload.duration_s=1")
ONCE = {
    "the file read": load.resolve_scenario,
    "the resolved table": load.resolved,
    "the digest": load.digest_of,
    "the workload": workload.Workload.__init__,
    "the capacity": capacity.capacity,
    "the forecast": forecast.foresee,
    "the library found": library.find_library,
    "the adapter imported": library.Library.load,
    "the request": request.make_request,
    "the plan": run_plan.plan_run,
    "the run_start": run_start.run_start,
    "the producer": producer.Producer.__init__,
}


def test_everything_between_the_command_line_and_the_producer_is_made_once(
    database: Database, tmp_path: Path
) -> None:
    wanted = {made.__code__: name for name, made in ONCE.items()}
    seen: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frame.f_code not in wanted:
            return
        caller = frame.f_back
        # The analysis draws jobs again, to hold what was sent against what the seed makes.
        if caller is None or not caller.f_globals["__name__"].startswith("analysis."):
            seen[wanted[frame.f_code]] += 1

    options = [f"--scenario={SCENARIO}", f"--dsn={database.dsn}", f"--results={tmp_path}"]
    sys.setprofile(count)
    try:
        ended = cli.app(
            ["run", *options, *(f"--set={value}" for value in QUIET)], standalone_mode=False
        )
    finally:
        sys.setprofile(None)
    assert ended == 0
    assert seen == Counter(dict.fromkeys(ONCE, 1))

"""Every short scenario runs as the README says, and ends with a verdict and its figures.

An ordinary test run takes one of them, with a kill; `make test-scenarios` takes them all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.faults.table import row_of
from orchestrator.scenario.job_kinds import needed_offers
from orchestrator.scenario.load import load_scenario, scenario_names

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 170.0
ALWAYS = "cache_dedup_crash_short"
OFFERED_BY = {
    "cache": "control_cache",
    "sigterm": "control_holding",
    "child_processes": "control_forking",
    "worker_name": "control_late_ack",
}
"""By what a scenario needs and the default library has not: with which one it runs everywhere."""
FAILS = {"poison_short": "Expected poison_comes_back = 0, found 1: broken"}
"""What the default library does not get right, and with which words: the scenario found it out."""
SHORT = [name for name in scenario_names() if name.endswith("_short")]

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(180)]


def cases() -> list[Any]:
    return [
        pytest.param(name, marks=() if name == ALWAYS else pytest.mark.every_scenario)
        for name in SHORT
    ]


@pytest.mark.parametrize("name", cases())
def test_a_short_scenario_passes_with_every_figure_that_applies(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name)
    argv = [sys.executable, "-m", "orchestrator", "--scenario", name, "--results", str(tmp_path)]
    needs = [need for need in needed_offers(scenario) if need in OFFERED_BY]
    argv += [word for need in needs for word in ("--library", OFFERED_BY[need])]
    environment = {key: value for key, value in os.environ.items() if key != "CRASHBENCH_DSN"}
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == (1 if name in FAILS else 0), done.stdout[-3000:] + done.stderr[-3000:]
    (path,) = tmp_path.glob("*.summary.json")
    summary = json.loads(path.read_text())
    assert summary["verdict"] == ("fail" if name in FAILS else "pass")
    broken = [FAILS[name]] if name in FAILS else []
    assert [reason.split(" (")[0] for reason in summary["reasons"]] == broken
    assert summary["jobs"]["completed_once"] + summary["jobs"]["duplicated"] > 0
    assert summary["jobs"]["lost"] == summary["crash"]["harness_ambiguity"] == 0
    assert summary["throughput_per_s"] > 0
    assert all(summary["latency_ms"][measure]["n"] > 0 for measure in ("pickup", "total"))
    faults = [fault for entry in scenario.faults for fault in entry.each]
    killed = [one for one in summary.get("departures", ()) if one["outcome"] == "killed"]
    by_jobs = summary.get("poison", {}).get("deaths", 0)
    planned = [fault for fault in faults if not fault.BY_JOBS]
    dead = sum(row_of(fault).ends_process for fault in planned) + len(killed) + by_jobs
    assert len(summary["recovery"]) == dead
    assert summary["crash"]["certificates"] == len(planned) + by_jobs
    assert bool(scenario.workload.dedup) == ("dedup" in summary["jobs"])
    assert bool(scenario.workload.cache) == ("cache" in summary)

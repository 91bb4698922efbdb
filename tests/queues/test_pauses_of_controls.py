"""A worker that is stopped for longer than a lease, on queues whose right answer is known."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.summary.summary import analyse, write_summary
from orchestrator.commands.calibration.controls import CONTROLS, Trial
from orchestrator.commands.calibration.trials import judge
from orchestrator.faults import table
from orchestrator.faults.targets import Reach, Worker
from orchestrator.postgres.server import Server
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.faults import Pause
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.types import Scenario

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(120),
]

CONTROL = {control.library: control for control in CONTROLS}


def carry(server: Server, results: Path, library: str, scenario: Scenario) -> Path:
    request = make_request(
        scenario,
        library=library,
        preset="stock",
        ordinal=1,
        dsn=server.dsn,
        results=results,
        overwrite=False,
    )
    return carry_out(request, lambda _: None).history


@pytest.mark.parametrize(
    ("library", "runs_out"), [("control_short_lease", True), ("control_holding", False)]
)
def test_a_pause_beyond_the_lease_shows_each_job_done_by_two_at_once(
    server: Server, tmp_path: Path, library: str, runs_out: bool
) -> None:
    trial = Trial(CONTROL[library], "control_paused")
    scenario = load_scenario(str(trial.path))
    history = carry(server, tmp_path, library, scenario)
    summary = write_summary(history)
    (pause,) = summary.pauses
    assert pause.certificate.missing == [] and pause.lived
    assert 1 <= pause.open <= scenario.workers.concurrency
    zombies = pause.open if runs_out else 0
    assert (pause.taken, pause.completed_late, len(pause.taken_over)) == (zombies,) * 3
    for taken in pause.taken_over:
        assert taken.overlapped and taken.execution[0] == 0 and taken.other[0] == 1
        assert taken.completed_ns is not None and taken.other_completed_ns is not None
        assert taken.started_ns < taken.other_started_ns < taken.completed_ns
    outcome = judge(trial, scenario, history)
    assert outcome.doubts == []
    assert [c.difference for c in outcome.comparisons if not c.agrees] == []


def test_a_pause_that_is_none_makes_the_run_invalid(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(reach: Reach, victim: Worker, fault: int) -> int:
        return time.monotonic_ns()

    without = dict(table.TABLE)
    without[Pause] = replace(without[Pause], inject=nothing)
    monkeypatch.setattr(table, "TABLE", without)
    trial = Trial(CONTROL["control_holding"], "control_paused")
    summary = analyse(carry(server, tmp_path, "control_holding", load_scenario(str(trial.path))))
    assert summary.verdict == "invalid"
    assert "its processes were not seen stopped" in " ".join(summary.reasons)

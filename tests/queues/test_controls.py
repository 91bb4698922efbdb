"""Control queues, whose behaviour is known by construction: the analysis finds exactly that.

An ordinary test run takes those whose jobs are held until the kill; `make calibrate` asks the same
of every control in every scenario, leases that run out, timed kills and pauses among them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.summary.summary import write_summary
from orchestrator.commands.calibration.controls import CONTROLS, Control, Trial, all_trials
from orchestrator.commands.calibration.trials import Outcome, carry_out_trials, judge
from orchestrator.postgres.server import Server
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from worker_child.controls.inbox import LateAckAdapter

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(300)]

CONTROL = {control.library: control for control in CONTROLS}
TRIALS = [trial for trial in all_trials() if trial.scenario == "control_held"]
FIXED = {
    "control_holding": {"redelivered": 12, "duplicated": 8},
    "control_delete_first": {"lost": 4},
    "control_never_rescues": {"stranded": 4},
    "control_late_ack": {"redelivered": 12, "duplicated": 8},
}
"""4 jobs held at started, 3 at effect, 5 at completed: what that comes to, by hand."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calibration")


@pytest.fixture(scope="module")
def outcomes(server: Server, results: Path) -> dict[str, Outcome]:
    """By run_id."""
    carried_out = carry_out_trials(TRIALS, dsn=server.dsn, results=results, observe=lambda _: None)
    return {outcome.trial.run_id: outcome for outcome in carried_out}


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.run_id)
def test_the_analysis_finds_exactly_the_jobs_that_a_control_must_show(
    outcomes: dict[str, Outcome], trial: Trial
) -> None:
    outcome = outcomes[trial.run_id]
    assert outcome.doubts == []
    assert [c.difference for c in outcome.comparisons if not c.agrees] == []


@pytest.mark.parametrize("library", sorted(FIXED))
def test_held_jobs_fix_the_counts_in_advance(outcomes: dict[str, Outcome], library: str) -> None:
    comparisons = outcomes[Trial(CONTROL[library], "control_held").run_id].comparisons
    found = {c.name: len(c.found) for c in comparisons if c.source == "fixed" and c.found}
    assert found == FIXED[library]


def test_what_must_be_found_is_written_beside_the_history(
    outcomes: dict[str, Outcome], results: Path
) -> None:
    trial = Trial(CONTROL["control_delete_first"], "control_held")
    written = json.loads((results / f"{trial.run_id}.expected.json").read_text())
    assert outcomes[trial.run_id].agrees
    assert written["fixed"]["lost"] == ["h000000", "h000001", "h000002", "h000003"]
    assert written["predicted"]["lost"] == written["fixed"]["lost"]


@pytest.mark.parametrize(
    ("library", "wrong"),
    [
        ("control_delete_first", CONTROL["control_late_ack"]),
        ("control_late_ack", CONTROL["control_delete_first"]),
        ("control_never_rescues", replace(CONTROL["control_never_rescues"], predicts={})),
        ("control_holding", replace(CONTROL["control_holding"], fixed={})),
    ],
)
def test_a_wrong_expectation_is_caught(
    outcomes: dict[str, Outcome], results: Path, library: str, wrong: Control
) -> None:
    trial = Trial(CONTROL[library], "control_held")
    assert outcomes[trial.run_id].agrees
    history = results / f"{trial.run_id}.jsonl"
    assert not judge(Trial(wrong, trial.scenario), load_scenario(str(trial.path)), history).agrees


def test_a_control_that_is_broken_is_caught(server: Server, tmp_path: Path) -> None:
    """A late-acknowledging queue that acknowledges first loses jobs and duplicates none."""

    class ImpatientAdapter(LateAckAdapter):
        def child_argv(self) -> list[str]:
            return [
                *(sys.executable, "-m", "tests.queues.impatient_worker"),
                "--adapter=worker_child.controls",
            ]

    trial = Trial(CONTROL["control_late_ack"], "control_held")
    scenario = load_scenario(str(trial.path))
    # Acknowledged rows are gone, so the held jobs can be known by their events alone.
    request = make_request(
        scenario,
        library="control_late_ack",
        preset="stock",
        ordinal=1,
        dsn=server.dsn,
        results=tmp_path,
        overwrite=False,
    )
    broken = replace(
        request,
        adapter=ImpatientAdapter(),
        preset=replace(request.preset, claims_visible=False),
    )
    history = carry_out(broken, lambda _: None).history
    write_summary(history)

    outcome = judge(trial, scenario, history)

    assert [doubt.partition(" was found")[0] for doubt in outcome.doubts] == [
        "not one duplicated job",
        "not one redelivered job",
    ]
    differences = [c.difference for c in outcome.comparisons if not c.agrees]
    assert "lost: not expected: h000000, h000001, h000002, h000003" in differences
    assert any(text.startswith("duplicated (fixed): not found: h000004") for text in differences)

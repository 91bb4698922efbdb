"""`crashbench calibrate`: what it prints; a difference ends it with 1, a run not made with 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.commands import cli
from orchestrator.commands.calibration import command, trials
from orchestrator.commands.calibration.compare import Comparison
from orchestrator.commands.calibration.controls import Trial, all_trials
from orchestrator.commands.calibration.trials import Outcome, carry_out_trials
from orchestrator.errors import ResultsError
from orchestrator.run.subprocess_run import Ended

AGREES = Comparison("lost", "predicted", frozenset({"j000001"}), frozenset({"j000001"}))
DIFFERS = Comparison("lost", "predicted", frozenset({"j000001"}), frozenset({"j000002"}))


@contextmanager
def no_server(dsn: str | None) -> Iterator[str]:
    yield dsn or ""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def calibrate(
    monkeypatch: pytest.MonkeyPatch,
    comparison: Comparison,
    *doubts: str,
    not_run: str | None = None,
) -> tuple[int, str]:
    """Exit code and output of the command, every trial having this outcome."""

    def carry_out(
        trials: Sequence[Trial], *, dsn: str, results: Path, observe: Callable[[Outcome], None]
    ) -> list[Outcome]:
        outcomes = [Outcome(trial, [comparison], list(doubts)) for trial in trials]
        if not_run is not None:
            outcomes[0] = Outcome(trials[0], [], [], not_run=not_run)
        for outcome in outcomes:
            observe(outcome)
        return outcomes

    monkeypatch.setattr(command, "server_for_all", no_server)
    monkeypatch.setattr(command, "carry_out_trials", carry_out)
    result = CliRunner().invoke(cli.app, ["calibrate"])
    return result.exit_code, result.output


def test_controls_that_are_found_as_expected_end_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, output = calibrate(monkeypatch, AGREES)
    assert exit_code == 0
    assert "14/14  control_late_ack, harm: pause" in output
    assert "DIFFERENT" not in output


def test_one_job_too_few_and_one_too_many_end_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, output = calibrate(monkeypatch, DIFFERS)
    assert exit_code == 1
    assert "lost: not found: j000001; not expected: j000002" in output


def test_a_run_that_cannot_be_trusted_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, output = calibrate(monkeypatch, AGREES, "the run is invalid: no certificate")
    assert exit_code == 1
    assert "the run is invalid: no certificate" in output


def test_a_run_that_could_not_be_carried_out_is_no_difference_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exit_code, output = calibrate(monkeypatch, AGREES, not_run="the run ended with exit code 2")
    assert exit_code == 2
    assert output.count("could not be run") == 3, "as it goes on, in the table, and why"
    assert "could not be run: the run ended with exit code 2" in output
    assert "DIFFERENT" not in output


def test_a_run_that_could_not_be_carried_out_outweighs_a_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert calibrate(monkeypatch, DIFFERS, not_run="no server")[0] == 2


def test_a_run_that_left_no_new_summary_was_not_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = all_trials()[0]
    (tmp_path / f"{trial.run_id}.summary.json").write_text("of an older run")
    refused = Ended(3, "the run ended with exit code 3:\nno server", took_s=1.0)
    monkeypatch.setattr(trials, "run_in_process", lambda *_, **__: refused)
    heard: list[Outcome] = []
    (outcome,) = carry_out_trials([trial], dsn="", results=tmp_path, observe=heard.append)
    assert outcome.not_run == "the run ended with exit code 3:\nno server"
    assert not outcome.agrees
    assert heard == [outcome]


def test_a_results_folder_that_is_a_file_is_refused_before_the_first_run(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    result = CliRunner().invoke(cli.app, ["calibrate", "--results=mine"])
    assert isinstance(result.exception, ResultsError)
    assert result.output == ""

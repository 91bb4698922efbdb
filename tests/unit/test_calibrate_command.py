"""`crashbench calibrate`: what it prints, and that a difference ends it with 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator import cli
from orchestrator.calibration.compare import Comparison
from orchestrator.calibration.controls import Trial
from orchestrator.calibration.trials import Outcome

AGREES = Comparison("lost", "predicted", frozenset({"j000001"}), frozenset({"j000001"}))
DIFFERS = Comparison("lost", "predicted", frozenset({"j000001"}), frozenset({"j000002"}))


@contextmanager
def no_server(dsn: str | None) -> Iterator[str]:
    yield dsn or ""


def calibrate(
    monkeypatch: pytest.MonkeyPatch, comparison: Comparison, *doubts: str
) -> tuple[int, str]:
    """Exit code and output of the command, every trial having this outcome."""

    def carry_out(
        trials: Sequence[Trial], *, dsn: str, results: Path, observe: Callable[[Outcome], None]
    ) -> list[Outcome]:
        outcomes = [Outcome(trial, [comparison], list(doubts)) for trial in trials]
        for outcome in outcomes:
            observe(outcome)
        return outcomes

    monkeypatch.setattr(cli, "server_for_all", no_server)
    monkeypatch.setattr(cli, "carry_out_trials", carry_out)
    result = CliRunner().invoke(cli.app, ["calibrate"])
    return result.exit_code, result.output


def test_controls_that_are_found_as_expected_end_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, output = calibrate(monkeypatch, AGREES)
    assert exit_code == 0
    assert "9/9  control_late_ack, kill: timed" in output
    assert "DIFFERENT" not in output


def test_one_job_too_few_and_one_too_many_end_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, output = calibrate(monkeypatch, DIFFERS)
    assert exit_code == 1
    assert "lost: not found: j000001; not expected: j000002" in output


def test_a_run_that_cannot_be_trusted_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, output = calibrate(monkeypatch, AGREES, "the run is invalid: no certificate")
    assert exit_code == 1
    assert "the run is invalid: no certificate" in output

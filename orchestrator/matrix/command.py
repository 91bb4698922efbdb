"""`crashbench matrix` from the wish to the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from orchestrator.matrix.carry import Matrix
from orchestrator.matrix.estimate import Estimate
from orchestrator.matrix.junit import write_junit
from orchestrator.matrix.outcome import Outcome, exit_code_of
from orchestrator.matrix.plan import Wish, plan_matrix
from orchestrator.matrix.process import run_cell
from orchestrator.matrix.view import MatrixView, print_outcomes
from orchestrator.results import require_writable

DEFAULT_LIBRARIES = "pgqueuer"
DEFAULT_PRESETS = "stock,tuned"
DEFAULT_SCENARIOS = "steady_short,crash_recovery_short,burst_short"
DEFAULT_REPETITIONS = 3


def listed(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def run_matrix(wish: Wish, junit: Path | None, console: Console) -> int:
    """Plan, carry out, print; returns the exit code. Raises `CrashbenchError`, `Interrupted`."""

    def save(outcomes: Sequence[Outcome]) -> None:
        if junit is not None:
            write_junit(junit, outcomes)

    plan = plan_matrix(wish)
    require_writable(wish.results)
    with MatrixView(console) as view:
        view.announce(plan, Estimate().left_s(plan.cells))
        save([])
        outcomes = Matrix(plan, run_cell, view, save).carry_out(overwrite=wish.overwrite)
    print_outcomes(outcomes, console)
    return exit_code_of(outcomes)

"""`crashbench matrix` from the wish to the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from orchestrator.commands.matrix.junit import write_junit
from orchestrator.commands.matrix.outcome import Outcome, exit_code_of
from orchestrator.commands.matrix.plan import Wish, plan_matrix
from orchestrator.commands.matrix.runner import Matrix
from orchestrator.commands.matrix.view import MatrixView, print_next, print_outcomes
from orchestrator.errors import Interrupted
from orchestrator.history.files import require_writable
from orchestrator.run.subprocess_run import run_in_process

DEFAULT_LIBRARIES = "pgqueuer"
DEFAULT_PRESETS = "stock,tuned"
DEFAULT_SCENARIOS = "steady_short,crash_recovery_short,burst_short"
DEFAULT_REPETITIONS = 3
DEFAULT_RESULTS = Path("results/matrix")
"""Where `make results` and `make report` look when no folder is named."""
GO_ON = "interrupted: give the same command again to go on"


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
    try:
        with MatrixView(console) as view:
            save([])
            outcomes = Matrix(plan, run_in_process, view, save).carry_out(overwrite=wish.overwrite)
    except Interrupted:
        console.print(GO_ON, highlight=False, soft_wrap=True)
        raise
    print_outcomes(outcomes, console)
    if any(cell.history.exists() for cell in plan.cells):
        print_next(wish.results, DEFAULT_RESULTS, console)
    return exit_code_of(outcomes)

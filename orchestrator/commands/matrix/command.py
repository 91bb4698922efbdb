"""`crashbench matrix`: from the options to the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from analysis.report.console import HarmlessConsole
from orchestrator.commands.engine.choice import engine_for
from orchestrator.commands.matrix.junit import write_junit
from orchestrator.commands.matrix.outcome import Outcome, exit_code_of
from orchestrator.commands.matrix.plan import Wish, plan_matrix
from orchestrator.commands.matrix.runner import Matrix
from orchestrator.commands.matrix.view import MatrixView, print_next, print_outcomes
from orchestrator.commands.options import Dask, Dsn, Overwrite, Results, Settings, Values
from orchestrator.commands.program import crashbench_words
from orchestrator.errors import Interrupted
from orchestrator.history.files import require_writable

DEFAULT_LIBRARIES = "pgqueuer"
DEFAULT_PRESETS = "stock,tuned"
DEFAULT_SCENARIOS = "steady_short,crash_recovery_short,burst_short"
DEFAULT_REPETITIONS = 3
DEFAULT_RESULTS = Path("results/matrix")
"""Where `make results` and `make report` look too when no folder is named."""
GO_ON = "interrupted: give the same command again to go on"


def matrix(
    libraries: Annotated[str, typer.Option(help="Names with commas between.")] = DEFAULT_LIBRARIES,
    presets: Annotated[
        str, typer.Option(help="Names; one that a library lacks is 'not offered'.")
    ] = DEFAULT_PRESETS,
    scenarios: Annotated[
        str, typer.Option(help="Names of shipped scenarios, or .toml files.")
    ] = DEFAULT_SCENARIOS,
    repetitions: Annotated[
        int, typer.Option(min=1, max=999, help="Ordinals 1 to N of each; six give an interval.")
    ] = DEFAULT_REPETITIONS,
    setting: Settings = None,
    values: Values = None,
    control: Annotated[
        bool,
        typer.Option(
            help="Run the no-fault control of each tuned preset as well, once for all settings "
            "that the scenarios lead to."
        ),
    ] = True,
    junit: Annotated[
        Path | None, typer.Option(help="Write JUnit XML there, anew after every run.")
    ] = None,
    order_seed: Annotated[
        int, typer.Option(min=0, help="Begin the rotation elsewhere; the runs are the same.")
    ] = 0,
    dask: Dask = None,
    dsn: Dsn = None,
    results: Results = DEFAULT_RESULTS,
    overwrite: Overwrite = False,
) -> None:
    """Run libraries x presets x scenarios, repeated, side by side.

    Interleaved, each run on a fresh server. What is interrupted goes on where it was when the same
    command is given again: finished runs are kept, a half one is redone. A run that fails does not
    stop the others. The exit code is the worst verdict's (2 before 3, 1, 4 and 0); 'not offered' is
    no failure.

      crashbench matrix --scenarios crash_recovery_short --repetitions 6

      crashbench results results/matrix > RESULTS.md
    """
    wish = Wish(
        libraries=listed(libraries),
        presets=listed(presets),
        scenarios=listed(scenarios),
        repetitions=repetitions,
        results=results,
        overrides=tuple(values or ()),
        settings=tuple(setting or ()),
        dsn=dsn,
        order_seed=order_seed,
        control=control,
        overwrite=overwrite,
    )
    raise typer.Exit(run_matrix(wish, junit, HarmlessConsole(), dask))


def listed(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def run_matrix(wish: Wish, junit: Path | None, console: Console, dask: str | None = None) -> int:
    """Plan, carry out, print; returns the exit code. `dask` = the address of a scheduler, None =
    on this machine. Raises `CrashbenchError`, `Interrupted`."""

    def save(outcomes: Sequence[Outcome]) -> None:
        if junit is not None:
            write_junit(junit, outcomes)

    plan = plan_matrix(wish)
    require_writable(wish.results)
    try:
        requests = [run.request for run in plan.runs]
        with (
            MatrixView(console) as view,
            engine_for(dask, requests, wish.dsn, view.note) as engine,
        ):
            save([])
            under_way = Matrix(plan, engine, view, save)
            outcomes = under_way.carry_out(overwrite=wish.overwrite)
    except Interrupted:
        console.print(GO_ON, highlight=False, soft_wrap=True)
        raise
    print_outcomes(outcomes, console)
    if any(run.history.exists() for run in plan.runs):
        print_next(wish.results, crashbench_words(), console)
    return exit_code_of(outcomes)

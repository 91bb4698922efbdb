"""`crashbench faults`: every fault on one library, one short run each, and one table."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from analysis.report.console import HarmlessConsole
from analysis.report.fault_tables import FaultRow, FaultTable
from orchestrator.commands.engine.choice import engine_for
from orchestrator.commands.faults.plan import FaultPlan, Wish, plan_faults_of
from orchestrator.commands.faults.table import (
    Left,
    print_faults,
    row_left,
    row_of_run,
    write_table,
)
from orchestrator.commands.matrix.command import GO_ON
from orchestrator.commands.matrix.outcome import Outcome, exit_code_of, judgement_of
from orchestrator.commands.matrix.plan import Plan
from orchestrator.commands.matrix.runner import Matrix
from orchestrator.commands.matrix.view import MatrixView
from orchestrator.commands.options import Dask, Dsn, Overwrite, Settings
from orchestrator.errors import Interrupted
from orchestrator.history.files import require_writable

DEFAULT_RESULTS = Path("results/faults")


def faults(
    library: Annotated[
        str, typer.Argument(metavar="LIBRARY", help="As for --library of crashbench run.")
    ],
    preset: Annotated[
        str | None, typer.Option(help="As for crashbench run. Default: 'tuned', else 'stock'.")
    ] = None,
    setting: Settings = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="FAULT", help="This fault alone, by its word; repeatable."),
    ] = None,
    dask: Dask = None,
    dsn: Dsn = None,
    results: Annotated[
        Path, typer.Option(help="Folder for the table and the histories.")
    ] = DEFAULT_RESULTS,
    overwrite: Overwrite = False,
) -> None:
    """Try every fault there is on one library, one short run each.

    One after the other, or spread over machines, each on a fresh server; then one table. What is
    interrupted goes on where it was when the same command is given again: finished runs are kept.
    A run that fails does not stop the others. The exit code is the worst verdict's (2 before 3, 1,
    4 and 0); a fault that is 'not applicable' to the library, or 'not possible here' (on a server
    given with --dsn), is no failure. Stalls are left to crashbench crash-points.

      crashbench faults pgqueuer

      crashbench faults procrastinate --only kill
    """
    wish = Wish(
        library=library,
        preset=preset,
        results=results,
        settings=tuple(setting or ()),
        only=frozenset(only or ()),
        dsn=dsn,
        overwrite=overwrite,
    )
    raise typer.Exit(try_faults(wish, HarmlessConsole(), dask))


def try_faults(wish: Wish, console: Console, dask: str | None = None) -> int:
    """Plan, carry out, print; returns the exit code. `dask` = the address of a scheduler, None =
    on this machine. Raises `CrashbenchError`, `Interrupted`."""
    plan = plan_faults_of(wish)
    require_writable(wish.results)
    target = wish.results / f"faults-{plan.library}-{plan.preset}.json"

    def table_of(outcomes: Sequence[Outcome]) -> FaultTable:
        return FaultTable(
            library=plan.library,
            library_version=plan.library_version,
            preset=plan.preset,
            rows=tuple(_rows(plan, outcomes)),
            command=_command(wish, plan),
        )

    def save(outcomes: Sequence[Outcome]) -> None:
        if not wish.only:
            write_table(target, table_of(outcomes))

    try:
        requests = [run.request for run in plan.runs]
        with (
            MatrixView(console) as view,
            engine_for(dask, requests, wish.dsn, view.note) as engine,
        ):
            matrix = Matrix(Plan(plan.runs, []), engine, view, save)
            outcomes = matrix.carry_out(overwrite=wish.overwrite)
    except Interrupted:
        console.print(GO_ON, highlight=False, soft_wrap=True)
        raise
    save(outcomes)
    print_faults(table_of(outcomes), console)
    if not wish.only:
        console.print(f"written: {target}", highlight=False, markup=False, soft_wrap=True)
    return exit_code_of(outcomes)


def _command(wish: Wish, plan: FaultPlan) -> str:
    preset = wish.preset or plan.preset.partition(".")[0]
    words = ["crashbench", "faults", wish.library, "--preset", preset]
    words += [word for setting in wish.settings for word in ("--setting", setting)]
    return shlex.join(words)


def _rows(plan: FaultPlan, outcomes: Sequence[Outcome]) -> list[FaultRow]:
    """Of what has been carried out so far, in the order of the plan."""
    by_run = {outcome.run_id: outcome for outcome in outcomes}
    rows = []
    for word, run in plan.trials.items():
        if isinstance(run, Left):
            rows.append(row_left(word, run))
        elif run.run_id in by_run:
            outcome = by_run[run.run_id]
            has_ledger = outcome.verdict not in ("error", "not offered")
            summary = judgement_of(run.history) if has_ledger else None
            rows.append(row_of_run(word, outcome, summary))
    return rows

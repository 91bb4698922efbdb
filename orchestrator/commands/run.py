"""`crashbench run`: one run, shown while it goes on and judged at its end."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from analysis.report.console import HarmlessConsole
from analysis.report.terminal import print_summary
from analysis.summary.summary import write_summary
from analysis.summary.types import Summary
from orchestrator.commands.live import LiveView
from orchestrator.commands.options import Dsn, Overwrite, Results, Settings, Values
from orchestrator.commands.program import crashbench_words
from orchestrator.errors import Interrupted
from orchestrator.history.files import RunFiles, require_writable
from orchestrator.run.request import Request, make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import resolve_scenario, scenario_names
from worker_child.adapters import LIBRARIES

_QUEUES = [name for name in LIBRARIES if not name.startswith("control_")]


def run(
    scenario: Annotated[
        str,
        typer.Option(
            help="A scenario's name or a .toml file. Shipped, most of them also as NAME_short: "
            f"{', '.join(name for name in scenario_names() if not name.endswith('_short'))}."
        ),
    ] = "crash_recovery",
    library: Annotated[
        str,
        typer.Option(
            help=f"The queue under test: {', '.join(_QUEUES)}; one that is installed beside "
            "Crashbench; or the folder of an adapter, with a slash in it."
        ),
    ] = "pgqueuer",
    preset: Annotated[
        str | None,
        typer.Option(
            help="A group of the library's settings: 'stock' (its defaults), 'tuned' (recovery "
            "as quick as it safely goes) and the library's own. Default: the scenario's."
        ),
    ] = None,
    setting: Settings = None,
    ordinal: Annotated[
        int,
        typer.Option(
            min=1, max=999, help="Which repetition; repeated kills fall elsewhere in each."
        ),
    ] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another workload than the scenario's own.")
    ] = None,
    values: Values = None,
    dsn: Dsn = None,
    results: Results = Path("results"),
    overwrite: Overwrite = False,
    mode: Annotated[Literal["parent"], typer.Option(hidden=True)] = "parent",
) -> None:
    """Carry out one run, and say of every job what became of it.

    Starts a PostgreSQL, enqueues the scenario's jobs into the library's own queue table, does what
    harm the scenario plans (by default SIGKILL of the worker, and a new one 15 s later), waits
    until the queue has settled, and judges every job: executed once, twice, lost, stranded, or not
    to be known.

    Exit codes: 0 pass, or not offered by the library, and then nothing was started, 1 an
    expectation is broken, 2 usage or bad file, 3 invalid (the instrument cannot vouch for the
    ledger), 4 unknown (an expectation rests on what could not be known), 130 interrupted.

      crashbench run --scenario crash_recovery_short --preset stock

      crashbench run --scenario crash_recovery_exact --ordinal 2

      crashbench run --preset tuned --setting heartbeat_timeout_s=1
    """
    overrides = [*(values or []), *([] if seed is None else [f"seed={seed}"])]
    request = make_request(
        resolve_scenario(scenario, overrides),
        library=library,
        preset=preset,
        ordinal=ordinal,
        dsn=dsn,
        results=results,
        overwrite=overwrite,
        settings=setting or (),
    )
    summary = carry_out_and_show(request, HarmlessConsole())
    raise typer.Exit(summary.exit_code)


def carry_out_and_show(request: Request, console: Console) -> Summary:
    """Carry out, judge, print. Raises `CrashbenchError`, and `Interrupted` once what there is of
    the run has been judged and printed too."""
    forecast = request.forecast
    require_writable(request.results)
    console.print(f"[bold]{request.run_id}[/bold]", highlight=False)
    changed = [f"changed in {request.base_preset}: {word}" for word in request.setting_words]
    for line in [*changed, *forecast.lines]:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=not console.is_terminal)
    try:
        with LiveView(console, request.run_id, forecast.expected_s) as view:
            files = carry_out(request, view.update)
    except Interrupted:
        _show_what_is_left(request, console)
        raise
    return _show(files.history, files.logs, console)


def _show(history: Path, logs: Path, console: Console) -> Summary:
    summary = write_summary(history)
    print_summary(summary, console)
    judged = history.with_name(f"{history.name.replace('.jsonl', '')}.summary.json")
    lines = [f"written: {path}" for path in (history, judged, logs)]
    program = crashbench_words()
    lines.append(f"charts:  {shlex.join([*program, 'report', str(history)])}")
    lines.append(f"one job: {shlex.join([*program, 'explain', str(history)])} JOB_ID")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return summary


def _show_what_is_left(request: Request, console: Console) -> None:
    """An interrupted run is judged too, as far as it came."""
    files = RunFiles(request.results, request.run_id)
    if files.partial.exists():
        _show(files.partial, files.partial_logs, console)

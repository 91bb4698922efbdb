"""The command line: what ``crashbench`` and ``python -m orchestrator`` understand."""

from __future__ import annotations

import logging
import shlex
import sys
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from analysis.errors import AnalysisError
from analysis.report.terminal import print_summary
from analysis.summary.summary import analyse, write_summary
from analysis.summary.types import Summary
from orchestrator.commands.adapters import run_adapters
from orchestrator.commands.calibration.controls import all_trials
from orchestrator.commands.calibration.table import print_outcomes, print_progress, print_prospect
from orchestrator.commands.calibration.trials import carry_out_trials, exit_code_of, server_for_all
from orchestrator.commands.conformance.command import run_conformance
from orchestrator.commands.conformance.trials import Subject
from orchestrator.commands.live import LiveView
from orchestrator.commands.matrix import command as matrix_command
from orchestrator.commands.matrix.plan import Wish
from orchestrator.commands.reproduce import compare, read_request
from orchestrator.errors import CrashbenchError, Interrupted
from orchestrator.history.files import RunFiles, require_writable
from orchestrator.libraries.library import find_library
from orchestrator.libraries.manifest import Language
from orchestrator.libraries.new_adapter import TEMPLATE_LANGUAGES, WRITE_AN_ADAPTER, new_adapter
from orchestrator.run.request import DSN_VARIABLE, Request, make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import resolve_scenario, scenario_names
from worker_child.adapters import LIBRARIES

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as a shell would say it: an interrupted run has no verdict."""

_SHIPPED = ", ".join(scenario_names())

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

adapter_app = typer.Typer(help="Write an adapter of your own.", rich_markup_mode=None)
app.add_typer(adapter_app, name="adapter")

Results = Annotated[Path, typer.Option(help="Folder for histories and summaries.")]
Dsn = Annotated[
    str | None,
    typer.Option(
        envvar=DSN_VARIABLE,
        help="A PostgreSQL to use instead of an ephemeral one. The run makes a database of its "
        "own there and drops it.",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace a finished run of the same name that was asked for something else.",
    ),
]


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    mode: Annotated[
        Literal["parent"],
        typer.Option(help="'parent' carries out a run; 'child' is how it starts its workers."),
    ] = "parent",
    scenario: Annotated[
        str, typer.Option(help=f"A scenario's name or a .toml file. Shipped: {_SHIPPED}.")
    ] = "crash_recovery",
    library: Annotated[
        str,
        typer.Option(
            help=f"The queue under test: {', '.join(LIBRARIES)}; one that is installed beside "
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
    ordinal: Annotated[
        int,
        typer.Option(
            min=1, max=999, help="Which repetition; repeated kills fall elsewhere in each."
        ),
    ] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another workload than the scenario's own.")
    ] = None,
    dsn: Dsn = None,
    results: Results = Path("results"),
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any scenario value, e.g. --set workload.rate_per_s=80."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """What does a PostgreSQL job queue do when its worker is killed?

    Starts a PostgreSQL, enqueues the scenario's jobs into the library's own queue table, kills the
    worker with SIGKILL, respawns it, waits until the queue has settled, and says of every job
    what became of it: executed once, twice, lost, stranded, or not to be known.

    Without a command it carries out one run. Exit codes: 0 pass, 1 an expectation is broken,
    2 usage or bad file, 3 invalid (the instrument cannot vouch for the ledger), 4 unknown (an
    expectation rests on what could not be known), 130 interrupted.

    Examples:

      crashbench --scenario crash_recovery_short --preset stock

      crashbench --scenario crash_recovery_exact --ordinal 2

      crashbench reproduce results/crash_recovery_exact-pgqueuer-tuned-001.jsonl
    """
    if context.invoked_subcommand is not None:
        return
    overrides = [*(values or []), *([] if seed is None else [f"seed={seed}"])]
    request = make_request(
        resolve_scenario(scenario, overrides),
        library=library,
        preset=preset,
        ordinal=ordinal,
        dsn=dsn,
        results=results,
        overwrite=overwrite,
    )
    summary = _carry_out(request, Console())
    raise typer.Exit(summary.exit_code)


@app.command()
def reproduce(
    history: Annotated[Path, typer.Argument(help="A finished history, results/<run_id>.jsonl.")],
    dsn: Dsn = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder for the new run; default: beside the old one.")
    ] = None,
    ordinal: Annotated[
        int | None,
        typer.Option(min=1, max=999, help="The new run's ordinal; default: the next free one."),
    ] = None,
    library: Annotated[
        str | None, typer.Option(help="The folder of an adapter that is kept elsewhere.")
    ] = None,
) -> None:
    """Repeat a run from what its history holds, and print old and new counts side by side."""
    console = Console()
    request, changes = read_request(
        history, library=library, results=results, ordinal=ordinal, dsn=dsn
    )
    for change in changes:
        console.print(f"changed since: {change}", highlight=False, markup=False)
    old = analyse(history)
    new = _carry_out(request, console)
    agreed = compare(old, new, console)
    raise typer.Exit(new.exit_code if agreed else 1)


@app.command()
def calibrate(dsn: Dsn = None, results: Results = Path("results/calibration")) -> None:
    """Run the five control queues, whose behaviour is known, and print expected against found.

    Each is run with every place held at a known point and with a kill at an instant; one needs no
    kill. Takes under two minutes. Exit codes: 0 as expected, 1 a difference: the instrument is then
    at fault, 2 a run could not be carried out.
    """
    console, trials = Console(), all_trials()
    heard = count(1)
    require_writable(results)
    print_prospect(trials, console)
    with server_for_all(dsn) as server_dsn:
        outcomes = carry_out_trials(
            trials,
            dsn=server_dsn,
            results=results,
            observe=lambda outcome: print_progress(outcome, next(heard), len(trials), console),
        )
    print_outcomes(outcomes, console)
    raise typer.Exit(exit_code_of(outcomes))


@app.command()
def matrix(
    libraries: Annotated[
        str, typer.Option(help="Names with commas between.")
    ] = matrix_command.DEFAULT_LIBRARIES,
    presets: Annotated[
        str, typer.Option(help="Names; one that a library lacks is 'not offered'.")
    ] = matrix_command.DEFAULT_PRESETS,
    scenarios: Annotated[
        str, typer.Option(help="Names of shipped scenarios, or .toml files.")
    ] = matrix_command.DEFAULT_SCENARIOS,
    repetitions: Annotated[
        int, typer.Option(min=1, max=999, help="Ordinals 1 to N of each; six give an interval.")
    ] = matrix_command.DEFAULT_REPETITIONS,
    dsn: Dsn = None,
    results: Results = Path("results/matrix"),
    junit: Annotated[
        Path | None, typer.Option(help="Write JUnit XML there, anew after every run.")
    ] = None,
    order_seed: Annotated[
        int, typer.Option(min=0, help="Begin the rotation elsewhere; the runs are the same.")
    ] = 0,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any scenario value, for each of the scenarios."),
    ] = None,
    control: Annotated[
        bool, typer.Option(help="Run the no-fault control of each tuned preset as well.")
    ] = True,
    overwrite: Overwrite = False,
) -> None:
    """Run libraries x presets x scenarios x repetitions, interleaved, each on a fresh server.

    What is interrupted goes on where it was when the same command is given again: finished runs
    are kept, a half one is redone. A run that fails does not stop the others. The exit code is the
    worst verdict's (2 before 3, 1, 4 and 0); 'not offered' is no failure.

      crashbench matrix --scenarios crash_recovery_short --repetitions 6

      python -m analysis results results/matrix > RESULTS.md
    """
    wish = Wish(
        libraries=matrix_command.listed(libraries),
        presets=matrix_command.listed(presets),
        scenarios=matrix_command.listed(scenarios),
        repetitions=repetitions,
        results=results,
        overrides=tuple(values or ()),
        dsn=dsn,
        order_seed=order_seed,
        control=control,
        overwrite=overwrite,
    )
    raise typer.Exit(matrix_command.run_matrix(wish, junit, Console()))


@app.command()
def adapters(
    names: Annotated[
        list[str] | None, typer.Argument(help="Libraries or folders; default: all there are.")
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Build what is not built, or out of date.")
    ] = False,
) -> None:
    """List the libraries: name, language, whether the worker is built, and what it needs.

    `make adapters` builds all of them. Where a toolchain is missing, one line says what to
    install and the rest goes on; that is a failure only where the variable CI is true. Exit code 1
    when a build failed.
    """
    raise typer.Exit(run_adapters(names or (), Console(), build=build))


@adapter_app.command("new")
def adapter_new(
    name: Annotated[str, typer.Argument(help="The library's name: small letters, digits and _.")],
    language: Annotated[
        Language, typer.Option(help=f"The worker's language: {', '.join(TEMPLATE_LANGUAGES)}.")
    ] = "python",
    into: Annotated[Path, typer.Option(help="Where its folder is made.")] = Path(),
) -> None:
    """Write an adapter that runs and conforms as it stands, with a small queue to be replaced.

    crashbench adapter new my_queue --language go

    crashbench conformance ./my_queue
    """
    folder = new_adapter(name, language, into)
    words = str(folder) if "/" in str(folder) else f"./{folder}"
    needs_build = find_library(words).build is not None
    console = Console()
    for line in (
        f"written: {folder}",
        *[f"build it: crashbench adapters --build {words}"] * needs_build,
        f"check it: crashbench conformance {words}",
        f"go on as its README.md and {WRITE_AN_ADAPTER} say",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@app.command()
def conformance(
    library: Annotated[
        str, typer.Argument(help="A library's name, or the folder of an adapter, as ./folder.")
    ],
    preset: Annotated[
        str | None, typer.Option(help="Default: 'tuned' where there is one, else 'stock'.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A check's name, as the table has it; repeatable.")
    ] = None,
    dsn: Dsn = None,
    results: Results = Path("results/conformance"),
) -> None:
    """Does an adapter keep what PROTOCOL.md and the contract ask of it?

    Holds a worker, kills its parent, kills workers at each point of a job's life, crowds them,
    lets jobs fail, and compares what the adapter says with what the events and SQL say. Takes about
    a minute, and as long as the preset takes to rescue. Exit codes: 0 it conforms, 1 a promise is
    broken, 2 usage, 4 one could not be checked.

      crashbench conformance pgqueuer

      crashbench conformance ./my_adapter --only ready --only stop
    """
    subject = Subject(library, preset, results, dsn)
    raise typer.Exit(run_conformance(subject, only or (), Console()))


def _carry_out(request: Request, console: Console) -> Summary:
    forecast = request.forecast
    require_writable(request.results)
    console.print(f"[bold]{request.run_id}[/bold]", highlight=False)
    for line in forecast.lines:
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
    for path in (history, judged, logs):
        console.print(f"written: {path}", highlight=False, markup=False, soft_wrap=True)
    command = shlex.join([_python(), "-m", "analysis", "report", str(history)])
    console.print(f"charts:  {command}", highlight=False, markup=False, soft_wrap=True)
    return summary


def _python() -> str:
    """How to call this interpreter from here."""
    python = Path(sys.executable)
    return str(python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python)


def _show_what_is_left(request: Request, console: Console) -> None:
    """An interrupted run is judged too, as far as it came."""
    files = RunFiles(request.results, request.run_id)
    if files.partial.exists():
        _show(files.partial, files.partial_logs, console)


def main() -> None:
    """Run the command line; an error of the world is a sentence on stderr and an exit code."""
    if not sys.platform.startswith("linux"):
        sys.exit("crashbench runs on Linux only: it rests on PR_SET_PDEATHSIG and subreapers")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("orchestrator").setLevel(logging.INFO)
    try:
        app()
    except (CrashbenchError, AnalysisError) as error:
        sys.stderr.write(f"crashbench: {error}\n")
        sys.exit(error.exit_code)
    except Interrupted:
        sys.stderr.write("crashbench: interrupted; what had been recorded is kept\n")
        sys.exit(EXIT_INTERRUPTED)

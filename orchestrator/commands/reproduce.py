"""`crashbench reproduce`: a run again from its run_start, old and new counts side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from analysis.history.load import LONGEST_LINE_BYTES, opened
from analysis.history.upgrade import read_run_start
from analysis.report.console import HarmlessConsole
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.commands.options import Dsn
from orchestrator.commands.run import carry_out_and_show
from orchestrator.errors import ResultsError
from orchestrator.history.records import RunStart
from orchestrator.libraries.library import find_library
from orchestrator.run.request import Request, make_request
from orchestrator.scenario.load import resolved, scenario_from_resolved

_COUNTS = (
    ("jobs", "enqueued"),
    ("jobs", "completed_once"),
    ("jobs", "duplicated"),
    ("jobs", "lost"),
    ("jobs", "stranded"),
    ("jobs", "pending"),
    ("jobs", "discarded"),
    ("jobs", "ambiguous"),
    ("jobs", "unexpected"),
    ("crash", "kills"),
    ("crash", "duplicated"),
    ("crash", "duplicates_by_crash"),
    ("crash", "duplicates_live"),
    ("crash", "re_executions"),
    ("crash", "integrity_surface_at_kill"),
)
_LAST_ORDINAL = 999


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
    """Repeat a run from its history, and compare old and new counts.

    Scenario, seed, preset and changed settings are those of the history. Exit code 1 where counts
    that a held state fixes are not the same; else as a run's.
    """
    console = HarmlessConsole()
    request, changed = read_request(
        history, library=library, results=results, ordinal=ordinal, dsn=dsn
    )
    for change in changed:
        console.print(f"changed since: {change}", highlight=False, markup=False)
    old = analyse(history)
    new = carry_out_and_show(request, console)
    agreed = compare(old, new, console)
    raise typer.Exit(new.exit_code if agreed else 1)


def read_start(history: Path) -> RunStart:
    """The run_start of a history. Raises `ResultsError` when there is none to be read."""
    try:
        with opened(history) as file:
            return read_run_start(file.readline(LONGEST_LINE_BYTES))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultsError(
            f"{history} does not begin with the run_start of a history: {error}. Give a finished "
            "results/<run_id>.jsonl"
        ) from error


def read_request(
    history: Path,
    *,
    library: str | None,
    results: Path | None,
    ordinal: int | None,
    dsn: str | None,
) -> tuple[Request, list[str]]:
    """The request that repeats `history` under a new ordinal, and what has changed since.

    `library` says where an adapter is that no name finds. Raises `ResultsError` when the history
    cannot be repeated as it was.
    """
    start = read_start(history)
    if library is not None and (name := find_library(library).name) != start.library:
        raise ResultsError(
            f"{history} is a run of {start.library}, and {library} is {name}: give the adapter "
            "that it was made with"
        )
    folder = results or history.parent
    request = make_request(
        scenario_from_resolved(resolved(start.scenario)),
        library=library or start.library,
        preset=start.base_preset,
        ordinal=ordinal or _free_ordinal(folder, start),
        dsn=dsn,
        results=folder,
        overwrite=False,
        settings=start.setting_words,
        invocation=start.invocation,
    )
    changes = [
        f"{start.library} was {start.library_version}, is {request.adapter.version()}"
        for _ in range(start.library_version != request.adapter.version())
    ]
    changes += [
        f"setting {name} was {start.settings.get(name)}, is {request.preset.settings.get(name)}"
        for name in sorted(start.settings.keys() | request.preset.settings.keys())
        if start.settings.get(name) != request.preset.settings.get(name)
    ]
    return request, changes


def compare(old: Summary, new: Summary, console: Console) -> bool:
    """Print old and new counts; whether they agree where they must.

    A kill triggered by held jobs fixes the counts of duplicate executions and re-executions. A
    timed one makes them a sample: nothing is compared then.
    """
    triggers = {kill.trigger for kill in [*old.recovery, *new.recovery]}
    for age, run in (("old", old), ("new", new)):
        console.print(f"{age}: {run.run_id}", highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2))
    table.add_column("", no_wrap=True)
    table.add_column("old", justify="right")
    table.add_column("new", justify="right")
    for section, name in _COUNTS:
        label = name.replace("_", " ")
        table.add_row(label, *(str(getattr(getattr(run, section), name)) for run in (old, new)))
    console.print(table)
    if triggers == {"point"}:
        console.print(
            "Both kills came at the same round trip; what else the worker did at that moment may "
            "differ, and with it the counts.",
            highlight=False,
        )
        return True
    if triggers != {"held"}:
        console.print(
            "The kill was not triggered by a held state: where it falls among the jobs differs "
            "from run to run, and each count is a sample.",
            highlight=False,
        )
        return True
    fixed = ("duplicated", "re_executions")
    agreed = all(getattr(old.crash, name) == getattr(new.crash, name) for name in fixed)
    console.print(
        "Reproduced: a held state triggers the kill, and the counts that it fixes are the same."
        if agreed
        else "NOT reproduced: a held state triggers the kill, so duplicated jobs and "
        "re-executions should have been the same.",
        highlight=False,
    )
    return agreed


def _free_ordinal(folder: Path, start: RunStart) -> int:
    for ordinal in range(start.ordinal + 1, _LAST_ORDINAL + 1):
        name = f"{start.scenario_name}-{start.library}-{start.preset}-{ordinal:03d}.jsonl"
        if not (folder / name).exists():
            return ordinal
    raise ResultsError(
        f"every ordinal up to {_LAST_ORDINAL} is taken in {folder}: give one with --ordinal, or "
        "another folder with --results"
    )

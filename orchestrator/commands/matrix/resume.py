"""What an earlier, interrupted matrix has left: finished runs that need not be done again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from orchestrator.commands.matrix.plan import MatrixRun
from orchestrator.commands.reproduce import read_start
from orchestrator.errors import ResultsError
from orchestrator.history.records import RunEnd

_LAST_LINE_BYTES = 65_536
_NS_PER_S = 1_000_000_000


class _EndLine(msgspec.Struct):
    fields: RunEnd


def finished_runs(runs: Sequence[MatrixRun], *, overwrite: bool) -> set[str]:
    """The run ids that are done already: asked for the same thing, of the same library.

    A half run is a ``.partial`` and does not count; its own run moves it aside. Raises
    `ResultsError`, naming all of them, when finished runs of these names are others than those
    asked for; with `overwrite` they are done anew.
    """
    found = {run.run_id: difference(run) for run in runs if run.history.exists()}
    others = {run_id: what for run_id, what in found.items() if what is not None}
    if others and not overwrite:
        listed = "".join(f"\n  - {run_id}: {what}" for run_id, what in others.items())
        raise ResultsError(
            f"{len(others)} finished runs are in the way, being others than those asked for:"
            f"{listed}\nChoose another folder with --results, or replace them with --overwrite"
        )
    return found.keys() - others.keys()


def difference(run: MatrixRun) -> str | None:
    """In what a finished run differs from the one asked for; None = it is that one."""
    try:
        start = read_start(run.history)
    except ResultsError as error:
        return str(error)
    asked = msgspec.json.decode(msgspec.json.encode(run.request.preset.settings))
    version = run.request.adapter.version()
    if start.scenario_sha256 != run.digest:
        return "another scenario text or seed"
    if start.library_version != version:
        return f"{start.library} was {start.library_version}, is {version}"
    if start.settings != asked:
        names = sorted(start.settings.keys() | asked.keys())
        changed = [name for name in names if start.settings.get(name) != asked.get(name)]
        return f"other settings of the preset: {', '.join(changed)}"
    return None


def span_s(history: Path) -> float:
    """How long a finished run took, by its first and last lines. Raises `ResultsError`."""
    with history.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LAST_LINE_BYTES))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    try:
        end = msgspec.json.decode(last, type=_EndLine).fields
    except msgspec.DecodeError as error:
        raise ResultsError(
            f"{history} does not end with the run_end of a history: {error}. Move it elsewhere, "
            "and it will be done again"
        ) from error
    return (end.t_ns - read_start(history).t_ns) / _NS_PER_S

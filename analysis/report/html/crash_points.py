"""Crash points as strips: a cell a point, and what is known of it behind each cell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.compare.crash_points import CrashPoints, PointOutcome, tried
from analysis.report.crash_points_page import (
    points_by_id,
    short_statement,
    tally_lines,
    verdict_words,
)

_SQL_WIDTH = 200


@dataclass(frozen=True)
class Cell:
    """One point, side and action."""

    anchor: str
    """What the cell leads to."""
    verdict: str
    """One of the table's verdicts: the cell's colour."""
    title: str
    """In a sentence."""
    facts: tuple[tuple[str, str], ...]
    """What stands behind it: names and values."""
    explain: str
    """The command that shows the evidence."""


@dataclass(frozen=True)
class Strip:
    """All points of one action and side, in the order of the round trips; None = not tried."""

    name: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Strips:
    """One table."""

    title: str
    lines: tuple[str, ...]
    strips: tuple[Strip, ...]


def strips_of(tables: Sequence[CrashPoints]) -> list[Strips]:
    """One a table, by library and preset."""
    found = sorted(tables, key=lambda table: (table.library, table.preset))
    return [_strips(table, number) for number, table in enumerate(found)]


def _strips(table: CrashPoints, number: int) -> Strips:
    by_id = points_by_id(table)
    strips = [
        Strip(
            f"{action} {side}",
            tuple(
                _cell(table, number, point) if (point := cells.get((action, side))) else None
                for cells in by_id.values()
            ),
        )
        for action, side in tried(table.points)
    ]
    return Strips(
        f"{table.library} {table.library_version}, {table.preset}",
        tuple(line.removeprefix("- ") for line in tally_lines(table)),
        tuple(strips),
    )


def _cell(table: CrashPoints, number: int, point: PointOutcome) -> Cell:
    phase = point.phase or "idle, too"
    run = point.runs[0]
    history = f"{table.folder}/{run.run_id}.jsonl"
    job = run.jobs[0] if run.jobs else "j000000"
    back = (
        f"after {run.recovery_s:.2f} s"
        + (f" of at most {run.bound_s:.1f} s" if run.bound_s is not None else "")
        if run.recovery_s is not None
        else ""
    )
    facts = {
        "verdict": verdict_words(point),
        "workload": point.workload,
        "phase": phase,
        "which of its name": str(point.ordinal),
        "jobs": ", ".join(run.jobs),
        "taken up again": back,
        "why": " ".join(why for each in point.runs for why in each.why),
        "folded into it": str(point.folded) if point.folded else "",
        "SQL": point.sql,
        "history": history,
    }
    sql = short_statement(point.statement, _SQL_WIDTH)
    return Cell(
        anchor=f"point-{number}-{point.id}-{point.action}-{point.side}",
        verdict=point.verdict,
        title=f"{point.action} {point.side} {phase} {point.ordinal}: {verdict_words(point)}: {sql}",
        facts=tuple((name, value) for name, value in facts.items() if value),
        explain=shlex.join(["crashbench", "explain", history, job]),
    )

"""The page of crash points: every table that `crashbench crash-points` has written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analysis.compare.crash_points import (
    ACTIONS,
    Action,
    CrashPoints,
    PointOutcome,
    tried,
    worst_verdicts,
)
from analysis.report.markdown import code, escaped, table
from analysis.report.scenario_page import MADE_BY

PAGE = "crash_points.md"
INTRODUCTION = """\
The worker is killed (or stalled, where the columns say so) before and after each of its round trips
with the database, one a run. What a point is, what is folded and what each verdict means stands in
METHODOLOGY.md, *Crash points*. A point whose repetitions disagree shows every verdict."""
_SQL_WIDTH = 110


def crash_points_page(tables: Sequence[CrashPoints]) -> str:
    """One section a table, by library and preset."""
    lines = ["# Crash points", "", MADE_BY, "", INTRODUCTION, ""]
    for found in sorted(tables, key=lambda found: (found.library, found.preset)):
        lines += _section(found)
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(found: CrashPoints) -> list[str]:
    columns = tried(found.points)
    headings = ("point", "workload", "wave", "phase", "n", "SQL", *map(" ".join, columns))
    lines = [
        f"## {escaped(found.library)} {escaped(found.library_version)}, {escaped(found.preset)}",
        "",
        *tally_lines(found),
        "",
    ]
    rows = [_row(cells, columns) for cells in points_by_id(found).values()]
    lines += table(headings, rows, left=len(headings)) if rows else []
    lines += ["", f"Again: {code(found.command)}", ""]
    return lines


def tally_lines(found: CrashPoints) -> list[str]:
    """What the points came to, by action; and what was not tried, and why."""
    lines = []
    for action in ACTIONS:
        verdicts = Counter(p.verdict for p in found.points if p.action == action)
        if verdicts:
            counted = ", ".join(f"{verdicts[v]} {v}" for v in worst_verdicts(verdicts))
            lines.append(f"- {action}: {verdicts.total()} points with their sides: {counted}.")
    lines += [
        f"- {action}: not tried, as {escaped(why)}." for action, why in found.not_tried.items()
    ]
    if not found.complete:
        lines.append("- The enumeration did not come to its end.")
    unsteady = len(found.unsteady)
    lines.append(f"- {unsteady} round trips were not in every run without harm, and not tried.")
    if found.before_unknown:
        lines.append(
            f"- Before {len(found.before_unknown)} of the points nothing was tried: which of "
            "several equal requests finds rows differs from run to run."
        )
    return lines


def points_by_id(
    found: CrashPoints,
) -> dict[str, dict[tuple[Action, str], PointOutcome]]:
    """By a point's id, in their order: its outcome by action and side."""
    by_id: dict[str, dict[tuple[Action, str], PointOutcome]] = {}
    for point in found.points:
        by_id.setdefault(point.id, {})[point.action, point.side] = point
    return by_id


def _row(
    cells: dict[tuple[Action, str], PointOutcome], columns: Sequence[tuple[Action, str]]
) -> list[str]:
    point = next(iter(cells.values()))
    return [
        point.id,
        point.workload,
        "" if point.wave is None else str(point.wave),
        point.phase or "idle, too",
        str(point.ordinal),
        code(short_statement(point.statement, _SQL_WIDTH)),
        *(verdict_words(cells.get(column)) for column in columns),
    ]


def verdict_words(point: PointOutcome | None) -> str:
    """A point's verdict and what else is worth a word of it."""
    if point is None:
        return "-"
    if point.nondeterministic:
        return " / ".join(run.verdict for run in point.runs)
    words = str(point.verdict)
    if any(run.concurrent for run in point.runs):
        words += " at once"
    elif any(run.still_owed for run in point.runs):
        words += ", row left"
    return f"{words}, {late}" if (late := late_words(point)) else words


def late_words(point: PointOutcome) -> str:
    """What the delayed request of a point did when it came; "" = none did, or it counts no rows."""
    if any(run.late_refused for run in point.runs):
        return "refused"
    rows = [run.late_rows for run in point.runs if run.late_rows is not None]
    if not rows:
        return ""
    return "1 row" if max(rows) == 1 else f"{max(rows)} rows"


def short_statement(statement: str, width: int) -> str:
    """On one line, so much of it as tells it apart."""
    text = " ".join(statement.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"

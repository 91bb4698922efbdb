"""The page of faults: every table that `crashbench faults` has written."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.report.fault_tables import FaultRow, FaultTable
from analysis.report.markdown import code, escaped, table
from analysis.report.number_format import plain, seconds
from analysis.report.scenario_page import MADE_BY

PAGE = "faults.md"
INTRODUCTION = """\
Each fault was done once, in its short scenario; what each does, and what its certificate vouches
for, stands in METHODOLOGY.md. A *pass* says that nothing was lost, left behind or given up, and not
that nothing was done twice: the number beside it is that of the jobs that were. `error` = the run
could not be carried out, so that nothing is said of the library."""
_HEADINGS = (
    *("fault", "verdict", "certificate", "duplicated", "live", "lost", "left behind", "given up"),
    *("first work, s", "alive and idle, s", "a rescue costs an attempt"),
)


def faults_page(tables: Sequence[FaultTable]) -> str:
    """All libraries side by side, then one section a table, by library and preset."""
    found = sorted(tables, key=lambda found: (found.library, found.preset))
    lines = ["# Faults", "", MADE_BY, "", INTRODUCTION, "", *_side_by_side(found), ""]
    for one in found:
        lines += _section(one)
    return "\n".join(lines).rstrip("\n") + "\n"


def _side_by_side(found: Sequence[FaultTable]) -> list[str]:
    by_word = [{row.fault: row for row in one.rows} for one in found]
    words = list(dict.fromkeys(row.fault for one in found for row in one.rows))
    rows = [[escaped(word), *(_in_short(rows.get(word)) for rows in by_word)] for word in words]
    titles = [f"{escaped(one.library)} {escaped(one.preset)}" for one in found]
    return table(["fault", *titles], rows, left=len(titles) + 1)


def _in_short(row: FaultRow | None) -> str:
    if row is None:
        return ""
    twice = f", {row.duplicated:,} twice" if row.duplicated else ""
    return f"{escaped(row.verdict)}{twice}"


def _section(found: FaultTable) -> list[str]:
    name = f"{escaped(found.library)} {escaped(found.library_version)}, {escaped(found.preset)}"
    lines = [f"## {name}", "", *table(_HEADINGS, [_row(row) for row in found.rows], left=2), ""]
    lines += [
        f"- {escaped(row.fault)}: {escaped(row.verdict)}: {escaped(reason)}"
        for row in found.rows
        for reason in row.reasons
    ]
    lines += [""] if any(row.reasons for row in found.rows) else []
    return [*lines, f"Again: {code(found.command)}", ""] if found.command else lines


def _row(row: FaultRow) -> list[str]:
    if row.run_id is None:
        return [escaped(row.fault), escaped(row.verdict), *[""] * (len(_HEADINGS) - 2)]
    counts = (row.duplicated, row.duplicates_live, row.lost, row.stranded, row.given_up)
    costs = row.rescue_costs_attempt
    return [
        escaped(row.fault),
        escaped(row.verdict),
        "" if row.injected is None else f"{row.certificates} of {row.injected}",
        *map(plain, counts),
        seconds(row.first_work_s),
        seconds(row.alive_and_idle_s),
        "" if costs is None else escaped(costs.replace("_", " ")),
    ]

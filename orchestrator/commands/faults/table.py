"""What became of each fault on a library: a row each, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.report.fault_tables import FaultRow, FaultTable
from analysis.report.number_format import plain, seconds
from analysis.report.terminal import verdict_style
from analysis.summary.types import Summary
from orchestrator.commands.matrix.outcome import Outcome

WhyLeft = Literal["not possible here", "not applicable"]
_STYLES = {"not possible here": "dim", "not applicable": "dim", "error": "bold red"}
_HEADINGS = (
    *("fault", "verdict", "certificate", "duplicated", "live duplicates", "lost", "left behind"),
    *("given up", "first work", "alive and idle"),
)


@dataclass(frozen=True)
class Left:
    """A fault that is not tried: no failure."""

    verdict: WhyLeft
    why: str


def row_left(word: str, left: Left) -> FaultRow:
    """Of a fault that was not tried."""
    return FaultRow(
        fault=word,
        scenario=None,
        run_id=None,
        verdict=left.verdict,
        finding="",
        harm="none",
        reasons=(left.why,),
    )


def row_of_run(word: str, outcome: Outcome, summary: Summary | None) -> FaultRow:
    """Of a run; `summary` None = it has left no history. `word` may name a variant, as in
    ``backend_terminate:listener``."""
    row = FaultRow(
        fault=word,
        scenario=outcome.scenario,
        run_id=outcome.run_id,
        verdict=outcome.verdict,
        finding=outcome.finding,
        harm=outcome.harm,
        reasons=outcome.reasons,
    )
    if summary is None:
        return row
    mine = [fault for fault in summary.faults if fault.what == word.partition(":")[0]]
    row = msgspec.structs.replace(
        row, injected=len(mine), certificates=sum(fault.complete for fault in mine)
    )
    if summary.verdict == "invalid":
        return row
    work = [fault.first_work_s for fault in mine if fault.first_work_s is not None]
    idle = [fault.alive_and_idle_s for fault in mine if fault.alive_and_idle_s is not None]
    return msgspec.structs.replace(
        row,
        duplicated=summary.crash.duplicated,
        duplicates_live=summary.crash.duplicates_live,
        lost=summary.jobs.lost,
        stranded=summary.jobs.stranded,
        given_up=summary.jobs.given_up,
        first_work_s=max(work) if work and len(work) == len(mine) else None,
        alive_and_idle_s=sum(idle) if idle else None,
        rescue_costs_attempt=summary.crash.rescue_costs_attempt,
    )


def print_faults(table: FaultTable, console: Console) -> None:
    """The table, and below it why, fault by fault."""
    console.print()
    title = f"{table.library} {table.library_version}, {table.preset}"
    console.print(title, highlight=False, markup=False, soft_wrap=True)
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, heading in enumerate(_HEADINGS):
        shown.add_column(heading, no_wrap=place == 0, justify="left" if place < 2 else "right")
    for row in table.rows:
        shown.add_row(*_cells(row))
    if not console.is_terminal:
        options = console.options.update(width=10_000)
        shown.width = console.measure(shown, options=options).maximum
    console.print(shown, crop=False)
    for row in table.rows:
        for reason in row.reasons:
            line = f"{row.fault}: {row.verdict}: {reason}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _cells(row: FaultRow) -> Sequence[Text]:
    style = _STYLES.get(row.verdict) or verdict_style(row.verdict, row.harm)
    certificate = "" if row.injected is None else f"{row.certificates} of {row.injected}"
    figures = [row.duplicated, row.duplicates_live, row.lost, row.stranded, row.given_up]
    if row.run_id is None:
        return [Text(row.fault), Text(row.verdict, style=style), *[Text("")] * 8]
    texts = [
        *(plain(figure) for figure in figures),
        _seconds(row.first_work_s),
        _seconds(row.alive_and_idle_s),
    ]
    return [Text(row.fault), Text(row.verdict, style=style), Text(certificate), *map(Text, texts)]


def _seconds(value: float | None) -> str:
    text = seconds(value)
    return text if value is None else f"{text} s"


def write_table(target: Path, table: FaultTable) -> None:
    """Whole or not at all. Raises OSError."""
    draft = target.with_name(f"{target.name}.tmp")
    draft.write_bytes(table.as_json())
    draft.replace(target)

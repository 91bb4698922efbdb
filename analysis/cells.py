"""What the printed tables are made of: grids, and how a figure looks in a cell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from analysis.figures import Figures

MISSING = "-"
LIMITED_MARK = " *"


def grid(columns: Iterable[str], *, gap: int = 2) -> Table:
    """An empty table with these titles, `gap` apart: the first column left, the others right."""
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, gap, 0, 0))
    for place, column in enumerate(columns):
        left = place == 0
        table.add_column(
            column, justify="left" if left else "right", header_style="dim", no_wrap=left
        )
    return table


def named_values(rows: Iterable[tuple[str, str, str]]) -> Table:
    """Rows of name, value and remark."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*row)
    return table


def words(name: str) -> str:
    """A figure's name as a person writes it."""
    return name.replace("re_", "re-").replace("_", " ")


def plain(value: Any) -> str:
    """A count."""
    return MISSING if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """A duration in seconds, to the millisecond."""
    return MISSING if value is None else f"{value:.3f}"


def milliseconds(value: float) -> str:
    """A duration in milliseconds: a tenth of one where that can be read."""
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def percentile(figures: Figures, name: str) -> str:
    """A percentile of a latency; ``>x`` where it falls among the censored jobs."""
    value = figures[name]
    if value is not None:
        return milliseconds(value)
    return f">{milliseconds(figures['above'])}" if "above" in figures else MISSING


def share(value: float | None) -> str:
    """A share, in hundredths."""
    return MISSING if value is None else f"{100 * value:.1f} %"

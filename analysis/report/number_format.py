"""How a figure looks in a cell of the printed tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analysis.metrics.latency import Percentiles
from analysis.report.grid import Grid

MISSING = "-"
LIMITED_MARK = " *"


def named_values(rows: Iterable[tuple[str, str, str]]) -> Grid:
    """Rows of name, value and remark."""
    grid = Grid(("", "", ""), text=(0, 2))
    for row in rows:
        grid.add_row(*row)
    return grid


def words(name: str) -> str:
    """A figure's name as a person writes it."""
    return name.replace("re_ex", "re-ex").replace("re_en", "re-en").replace("_", " ")


def plain(value: Any) -> str:
    """A count."""
    return MISSING if value is None else f"{value:,}"


def at_least(value: int | None, *, may_be_more: bool) -> str:
    """A count, of which there may have been more than are known."""
    return f">={plain(value)}" if may_be_more and value is not None else plain(value)


def seconds(value: float | None) -> str:
    """A duration in seconds, to the millisecond."""
    return MISSING if value is None else f"{value:.3f}"


def milliseconds(value: float) -> str:
    """A duration in milliseconds: a tenth of one where that can be read."""
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def percentile(figures: Percentiles, name: str) -> str:
    """A percentile of a latency; ``>x`` where it falls among the censored jobs."""
    value = getattr(figures, name)
    if value is not None:
        return milliseconds(value)
    return MISSING if figures.above is None else f">{milliseconds(figures.above)}"


def share(value: float | None) -> str:
    """A share, in hundredths."""
    return MISSING if value is None else f"{100 * value:.1f} %"

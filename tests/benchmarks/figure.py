"""What a benchmark finds: a measured value beside its limit, and whether the limit was kept."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.compare.statistics import order_statistic_interval

Effort = Literal["full", "quick"]
"""``quick`` = fewer and smaller rounds, to see that everything runs; its figures are rough."""
Standing = Literal["met", "MISSED", "machine_limited", "not_measured"]


class NoRoomError(Exception):
    """The machine has no room for what a benchmark needs; says how much, where, and what to do."""


@dataclass(frozen=True)
class Figure:
    """One line of the table. `binding` = a miss makes the whole benchmark fail."""

    name: str
    measured: str
    limit: str
    standing: Standing
    binding: bool
    detail: str = ""
    """What the measured value is made of."""


@dataclass(frozen=True)
class Costs:
    """What one round found: the instrument's cost and its floor's, in the same unit."""

    instrument: float
    floor: float

    @property
    def ratio(self) -> float:
        """How many times the floor."""
        return self.instrument / self.floor


def ratio(
    name: str, rounds: Sequence[Costs], limit: float, *, unit: str, at_least: bool = False
) -> Figure:
    """The median of the rounds' ratios; the costs beside it are medians, in `unit`.

    `at_least` = the limit is the least that is wanted, not the most.
    """
    median, detail = _median(rounds, unit)
    kept = median >= limit if at_least else median <= limit
    sign = ">=" if at_least else "<="
    standing: Standing = "met" if kept else "MISSED"
    return Figure(name, f"{median:.2f} x", f"{sign} {limit:g} x", standing, True, detail)


def stated_ratio(name: str, rounds: Sequence[Costs], *, unit: str) -> Figure:
    """As `ratio`, where no limit is set."""
    median, detail = _median(rounds, unit)
    return stated(name, f"{median:.2f} x", detail)


def _median(rounds: Sequence[Costs], unit: str) -> tuple[float, str]:
    """The median of the rounds' ratios, and what it is made of."""
    ratios = [costs.ratio for costs in rounds]
    instrument = statistics.median(costs.instrument for costs in rounds)
    floor = statistics.median(costs.floor for costs in rounds)
    return statistics.median(ratios), (
        f"{min(ratios):.2f}..{max(ratios):.2f} in {len(ratios)} rounds; "
        f"{_interval(ratios)}{instrument:.3g} against {floor:.3g} {unit}"
    )


def _interval(ratios: Sequence[float]) -> str:
    """Within which the median lies; nothing where there are too few rounds to say."""
    interval = order_statistic_interval(ratios)
    if interval is None:
        return ""
    return f"median in {interval.low:.2f}..{interval.high:.2f} ({interval.coverage:.0%}); "


def not_measured(name: str, why: str) -> Figure:
    """Stands for a benchmark that could not be carried out; the whole then fails."""
    return Figure(name, "-", "-", "not_measured", True, why)


def stated(name: str, measured: str, detail: str) -> Figure:
    """What a reader should know and no limit is set for."""
    return Figure(name, measured, "-", "met", False, detail)


def absolute_time(
    name: str, measured: str, limit: str, *, kept: bool, tripped: bool, detail: str = ""
) -> Figure:
    """A time on this very machine: a miss is void while the machine itself stalled."""
    standing: Standing = "met" if kept else "machine_limited" if tripped else "MISSED"
    return Figure(f"{name} (absolute)", measured, limit, standing, False, detail)

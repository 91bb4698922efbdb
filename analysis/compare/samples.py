"""One measure of one cell: its values run by run, and what may be said of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf

from analysis.compare.cells import Block, Cell
from analysis.compare.measures import Better, KillMeasure, RunMeasure, Value
from analysis.compare.statistics import (
    ENOUGH_RUNS,
    Interval,
    PairedDifference,
    difference,
    interval_of,
    median,
    paired_differences,
)

NO_VALUE = "-"
NOT_SEEN = "not seen"
LIMITED_MARK = "\\*"
UNKNOWN_MARK = "?"
MOST_IN_A_CELL = 12
"""More values than these stand below the table."""


@dataclass(frozen=True)
class Sample:
    """`runs` has a list of values for each run of the cell, by ordinal."""

    ordinals: tuple[int, ...]
    runs: tuple[tuple[Value, ...], ...]

    @property
    def values(self) -> list[Value]:
        """All of them."""
        return [value for run in self.runs for value in run]

    @property
    def pooled(self) -> list[list[float]]:
        """By run: the numbers that may be pooled; runs without any are left out."""
        numbers = [[value.number for value in run if value.poolable] for run in self.runs]
        return [run for run in numbers if run]

    @property
    def by_ordinal(self) -> dict[int, float]:
        """The median of what may be pooled of each run; what two cells are paired by.

        An ordinal that a cell has twice pairs with nothing for certain, and is left out.
        """
        return {
            ordinal: median([value.number for value in run if value.poolable])
            for ordinal, run in zip(self.ordinals, self.runs, strict=True)
            if any(value.poolable for value in run) and self.ordinals.count(ordinal) == 1
        }

    @property
    def is_enough(self) -> bool:
        """Whether there may be an interval."""
        return len(self.pooled) >= ENOUGH_RUNS


def run_sample(cell: Cell, measure: RunMeasure) -> Sample:
    """A run-level figure: one value a run, where it has one."""
    found = [measure.value(run.summary) for run in cell.runs]
    return Sample(_ordinals(cell), tuple(() if value is None else (value,) for value in found))


def kill_sample(cell: Cell, measure: KillMeasure, *, biased: bool) -> Sample:
    """A kill-level figure: of the timed kills, or of those that aimed at a phase. Never of both."""
    runs = []
    for run in cell.runs:
        kills = [kill for kill in run.summary.recovery if kill.biased == biased]
        found = [measure.value(kill) for kill in kills]
        runs.append(tuple(value for value in found if value is not None))
    return Sample(_ordinals(cell), tuple(runs))


def _ordinals(cell: Cell) -> tuple[int, ...]:
    return tuple(run.start.ordinal for run in cell.runs)


def sample_text(sample: Sample) -> str:
    """As a table's cell shows it: every value, or the median with its interval."""
    if not sample.values:
        return NO_VALUE
    if not sample.is_enough:
        return every_value(sample) if len(sample.values) <= MOST_IN_A_CELL else _spread(sample)
    pooled = sample.pooled
    numbers = [number for run in pooled for number in run]
    interval = interval_of(pooled)
    n = f"n={len(pooled)}" if len(numbers) == len(pooled) else f"{len(numbers)} in {len(pooled)}"
    left_out = len(sample.values) - len(numbers)
    without = f", {left_out} left out{LIMITED_MARK}" if left_out else ""
    some_more = any(value.at_least for value in sample.values)
    middle = _known(number_text(median(numbers), _greatest(sample)), at_least=some_more)
    return f"{middle} {interval_text(interval, _greatest(sample))} ({n}{without})"


def needs_room(sample: Sample) -> bool:
    """Whether the table's cell does not show every value."""
    return len(sample.values) > 1 and (sample.is_enough or len(sample.values) > MOST_IN_A_CELL)


def every_value(sample: Sample) -> str:
    """All of them in the order of the ordinals; a bar between runs that have several."""
    between = " / " if any(len(run) > 1 for run in sample.runs) else " "
    shown = (" ".join(value_text(value) for value in run) for run in sample.runs if run)
    return between.join(shown)


def value_text(value: Value) -> str:
    """One value with its mark."""
    mark = {True: LIMITED_MARK, False: "", None: UNKNOWN_MARK}[value.limited]
    if isinf(value.number):
        return (f"&gt;{plain(value.above)}" if value.above is not None else NOT_SEEN) + mark
    return _known(plain(value.number), at_least=value.at_least) + mark


def _known(text: str, *, at_least: bool) -> str:
    return f"&ge;{text}" if at_least else text


def number_text(number: float, greatest: float | None) -> str:
    """A statistic: what is infinite lies above the greatest value that was seen."""
    if not isinf(number):
        return plain(number)
    return NOT_SEEN if greatest is None else f"&gt;{plain(greatest)}"


def interval_text(interval: Interval | None, greatest: float | None = None) -> str:
    """In brackets."""
    if interval is None:
        return NO_VALUE
    low, high = (number_text(end, greatest) for end in (interval.low, interval.high))
    return f"[{low}, {high}]{'b' if interval.bootstrapped else ''}"


def plain(number: float) -> str:
    """Four digits that count, three at the most behind the point; no exponent."""
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number)}"
    digits = 3 if abs(number) < 10 else 2 if abs(number) < 100 else 1 if abs(number) < 1000 else 0
    return f"{number:.{digits}f}"


def _greatest(sample: Sample) -> float | None:
    seen = [value.number for value in sample.values if not isinf(value.number)]
    return max(seen, default=None)


def _spread(sample: Sample) -> str:
    numbers = sorted(value.number for value in sample.values)
    ends = [number_text(end, _greatest(sample)) for end in (numbers[0], numbers[-1])]
    ends = [_known(end, at_least=any(value.at_least for value in sample.values)) for end in ends]
    return f"{ends[0]} to {ends[1]}, {len(numbers)} values below"


@dataclass(frozen=True)
class Comparison:
    """One measure, two cells: `found` is of the first one's value less the other's."""

    title: str
    one: Cell
    other: Cell
    better: Better
    found: PairedDifference

    @property
    def better_one(self) -> Cell | None:
        """Which one may be called better; None = neither."""
        if not self.found.ranks or self.found.interval is None:
            return None
        one_has_more = self.found.interval.low > 0
        return self.one if one_has_more == (self.better == "more") else self.other


def comparisons(
    block: Block, title: str, better: Better, samples: Mapping[str, Sample]
) -> list[Comparison]:
    """Every pair of cells that has enough runs in common; Holm over these pairs.

    `samples` are by a cell's label. Runs are paired by their ordinal: in a matrix these two ran one
    after the other, with the same plan of kills.
    """
    pairs = [
        (one, other, _differences(samples[one.label], samples[other.label]))
        for place, one in enumerate(block.cells)
        for other in block.cells[place + 1 :]
    ]
    enough = [pair for pair in pairs if len(pair[2]) >= ENOUGH_RUNS]
    judged = paired_differences([found for _, _, found in enough])
    return [
        Comparison(title, one, other, better, found)
        for (one, other, _), found in zip(enough, judged, strict=True)
    ]


def _differences(one: Sample, other: Sample) -> Sequence[float]:
    left, right = one.by_ordinal, other.by_ordinal
    return [difference(left[ordinal], right[ordinal]) for ordinal in sorted(left.keys() & right)]

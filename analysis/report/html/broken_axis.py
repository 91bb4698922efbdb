"""An axis with long empty stretches left out: bars of milliseconds beside a wait of minutes.

Within a kept stretch the axis is to scale. A stretch in which nothing happens and which would take
the room of all that does is drawn as wide as a share of the kept ones, marked, and its length said.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from analysis.report.html.plot import Json

LONG: Final = 0.25
"""A gap of this share of the whole, or more, is left out, however short the whole may be."""
BREAK: Final = 0.06
"""The width of what is left out, as a share of what is kept."""
PAD: Final = 0.04
"""Room on both sides of what is kept, as a share of it."""
TICKS: Final = 8


@dataclass(frozen=True)
class BrokenAxis:
    """Where an instant, in seconds, stands on the axis."""

    kept: tuple[tuple[float, float], ...]
    """The stretches that are drawn to scale, ascending."""
    break_width: float

    def at(self, seconds: float) -> float:
        """The place of an instant; beyond both ends the axis goes on to scale."""
        place = max(0, bisect_right([begin for begin, _ in self.kept], seconds) - 1)
        begin, end = self.kept[place]
        opening = sum(b - a + self.break_width for a, b in self.kept[:place])
        if seconds <= end or place == len(self.kept) - 1:
            return opening + seconds - begin
        gap = self.kept[place + 1][0] - end
        return opening + end - begin + self.break_width * (seconds - end) / gap

    @property
    def gaps(self) -> list[tuple[float, float]]:
        """The stretches that are left out."""
        ends, begins = self.kept[:-1], self.kept[1:]
        return [(end, begin) for (_, end), (begin, _) in zip(ends, begins, strict=True)]

    def ticks(self) -> Json:
        """Ticks at round seconds of what is kept."""
        step = _round_step(sum(end - begin for begin, end in self.kept) / TICKS)
        values = [
            round(number * step, 9)
            for begin, end in self.kept
            for number in range(ceil(begin / step), floor(end / step) + 1)
        ]
        return {
            "tickmode": "array",
            "tickvals": [round(self.at(value), 6) for value in values],
            "ticktext": [f"{value:g}" for value in values],
            "range": [round(self.at(self.kept[0][0]), 6), round(self.at(self.kept[-1][1]), 6)],
        }

    def marks(self) -> tuple[list[Json], list[Json]]:
        """Shapes and annotations over what is left out."""
        shapes: list[Json] = []
        texts: list[Json] = []
        for begin, end in self.gaps:
            left, right = round(self.at(begin), 6), round(self.at(end), 6)
            shapes.append(
                {"type": "rect", "xref": "x", "yref": "paper", "x0": left, "x1": right}
                | {"y0": 0, "y1": 1, "fillcolor": "--gap", "line": {"width": 0}, "layer": "below"}
                | {"name": "left out"}
            )
            texts.append(
                {"text": f"// {end - begin:.3g} s //", "x": (left + right) / 2, "y": 0}
                | {"yref": "paper", "xanchor": "center", "yanchor": "bottom", "showarrow": False}
                | {"textangle": -90}
            )
        return shapes, texts


def broken_axis(stretches: Iterable[tuple[float, float]]) -> BrokenAxis:
    """The axis for stretches in which something happens, [begin, end] in seconds, any order; at
    least one."""
    busy = _merged(stretches)
    whole = busy[-1][1] - busy[0][0]
    kept = [busy[0]]
    for begin, end in busy[1:]:
        if begin - kept[-1][1] >= LONG * whole:
            kept.append((begin, end))
        else:
            kept[-1] = (kept[-1][0], end)
    width = sum(end - begin for begin, end in kept) or 1.0
    pad = PAD * width
    return BrokenAxis(tuple((begin - pad, end + pad) for begin, end in kept), BREAK * width)


def _merged(stretches: Iterable[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(stretches):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    assert merged, "an axis without anything on it"
    return merged


def _round_step(least: float) -> float:
    magnitude = 10.0 ** floor(log10(least))
    return next(step * magnitude for step in (1, 2, 5, 10) if step * magnitude >= least)

"""What every chart of the report is made of: plotly.js's own JSON, and a sentence beside it.

A colour that begins with ``--`` is a custom property of page.css: the page puts in what it stands
for, so that a chart follows light and dark.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from analysis.evidence.fault_spans import FaultSpan
from analysis.evidence.incarnations import Incarnation
from analysis.history.history import History
from analysis.ledger.case import Case
from analysis.metrics.kill_types import Recovery
from analysis.report.number_format import words
from orchestrator.history.records import QueueSnapshot, ResourceSample

Json = dict[str, Any]

SECONDS_TITLE: Final = "seconds since T = 0"
HEIGHT_PX: Final = 340
MANY_BANDS: Final = 6
"""From so many faults on, their labels are numbers alone: there is no room for words."""


@dataclass(frozen=True)
class Plot:
    """A chart. `says` tells what is to be seen, for whoever does not see it too."""

    key: str
    """Unique within its part of the page."""
    title: str
    says: str
    traces: list[Json]
    layout: Json
    height_px: int = HEIGHT_PX
    over_time: bool = False
    """Its x axis is the run's time: it follows the page's choice of a stretch."""
    tabled: bool = False
    """The page has a table of its own beside it; else it makes one of the chart's values."""

    @property
    def figure(self) -> Json:
        """What plotly.js draws."""
        return {"data": self.traces, "layout": {**self.layout, "height": self.height_px}}


def rows_axis(names: Sequence[str]) -> Json:
    """A y axis of named rows, the first at the top."""
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(names),
        "range": [len(names) - 0.5, -0.5],
        "dtick": 1,
        "showgrid": False,
    }


def bar_marker(colour: str, pattern: str, edge_px: float = 0.5) -> Json:
    """How a bar looks: its pattern tells it apart where its colour does not."""
    return {
        "color": colour,
        "line": {"color": "--edge", "width": edge_px},
        "pattern": {"shape": pattern, "fillmode": "overlay", "size": 6},
    }


@dataclass(frozen=True)
class NoPlot:
    """A chart that does not apply, and why."""

    key: str
    title: str
    why: str


Shown = Plot | NoPlot


@dataclass(frozen=True, slots=True)
class Band:
    """A fault, or a death unasked. A death lasts until its slot was ready again and its last orphan
    had settled, any other fault until it was over; seconds from T = 0."""

    label: str
    """Its word, and its number."""
    from_s: float
    ready_s: float | None
    """When the slot was filled and ready again, or the fault over; None = never."""
    settled_s: float | None
    """When the last orphan had settled; None = there was none, or it was not seen to."""
    to_s: float
    """The end of the run where not all of it came."""
    is_death: bool = True
    """It ended a process."""

    @property
    def title(self) -> str:
        """What stands at its edge: its word, and of a fault that ended no process its length."""
        if self.is_death or self.ready_s is None:
            return self.label
        return f"{self.label}, {self.ready_s - self.from_s:.1f} s"

    @property
    def end(self) -> str:
        """What its end is called."""
        return "ready again" if self.is_death else "over"


@dataclass(frozen=True)
class Clock:
    """The run's time: T = 0, its last line, and what broke it."""

    origin_ns: int
    end_ns: int
    bands: tuple[Band, ...]

    @property
    def length_s(self) -> float:
        """From T = 0 to the end."""
        return round((self.end_ns - self.origin_ns) / 1e9, 3)

    def seconds(self, t_ns: ArrayLike) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Instants as seconds since T = 0, to the microsecond."""
        since: np.ndarray[Any, np.dtype[np.float64]] = np.round(
            (np.asarray(t_ns, np.int64) - self.origin_ns) / 1e9, 6
        )
        return since


def clock_of(case: Case, recovery: Sequence[Recovery] = ()) -> Clock:
    """T = 0, the end, and the faults of a run; `recovery` = the summary's, of its kills."""
    history = case.history
    origin_ns = case.started_ns if case.started_ns is not None else history.start.t_ns
    end_ns = history.end.t_ns if history.end is not None else _last_sample_ns(history)
    dead = [death.victim for death in case.deaths]
    by_fault = {kill.fault: kill for kill in recovery}
    bands = tuple(
        _band(case, victim, by_fault.get(victim.fault.fault) if victim.fault else None, origin_ns)
        for victim in dead
    )
    bands += tuple(_outage(span, origin_ns) for span in case.spans if not span.ends_process)
    bands = tuple(sorted(bands, key=lambda band: band.from_s))
    end_s = round((end_ns - origin_ns) / 1e9, 6)
    bands = tuple(replace(band, to_s=min(band.to_s, end_s)) for band in bands)
    return Clock(origin_ns, end_ns, bands)


def _outage(span: FaultSpan, origin_ns: int) -> Band:
    from_s = round((span.began_ns - origin_ns) / 1e9, 6)
    over_s = None if span.healed_ns is None else round((span.healed_ns - origin_ns) / 1e9, 6)
    label = f"{words(span.what)} {span.fault}"
    return Band(label, from_s, over_s, None, inf if over_s is None else over_s, is_death=False)


def _last_sample_ns(history: History) -> int:
    """Of a run without an end."""
    snapshots = (sample.t_ns for sample in history.records.of(QueueSnapshot))
    resources = (sample.t_ns for sample in history.records.of(ResourceSample))
    events = (history.starts.t_ns, history.completions.t_ns)
    ends = (int(t_ns.max()) for t_ns in events if t_ns.size)
    return max([history.start.t_ns, *ends, *snapshots, *resources])


def _band(case: Case, victim: Incarnation, kill: Recovery | None, origin_ns: int) -> Band:
    ready_ns = _filled_ns(case, victim)
    fault = victim.fault
    label = "died unasked" if fault is None else f"{words(fault.what)} {fault.fault}"
    from_s = round((victim.died_ns - origin_ns) / 1e9, 6)
    ready_s = None if ready_ns is None else round((ready_ns - origin_ns) / 1e9, 6)
    after_s = None if kill is None else kill.last_orphan_settled_s
    settled_s = None if after_s is None else round(from_s + after_s, 6)
    is_open = ready_s is None or (kill is not None and kill.orphans > 0 and settled_s is None)
    known = [from_s, *(at_s for at_s in (ready_s, settled_s) if at_s is not None)]
    return Band(label, from_s, ready_s, settled_s, inf if is_open else max(known))


def _filled_ns(case: Case, victim: Incarnation) -> int | None:
    """When the slot had a ready worker again; one that died before it was ready filled nothing."""
    later = [
        member.ready_ns
        for member in case.incarnations
        if member.slot == victim.slot and member.number > victim.number
    ]
    return min((ready_ns for ready_ns in later if ready_ns is not None), default=None)


def over_time(clock: Clock, y_title: str, **axis: Any) -> Json:
    """The layout of a chart whose x axis is the run's time, with the faults shaded."""
    few = len(clock.bands) < MANY_BANDS
    return {
        "xaxis": {"title": {"text": SECONDS_TITLE}, "range": [0, clock.length_s]},
        "yaxis": {"title": {"text": y_title}, "rangemode": "tozero", **axis},
        "shapes": [shape for band in clock.bands for shape in _shapes(band)],
        "annotations": [
            {
                "text": band.title if few else band.label.removeprefix("kill "),
                "x": band.from_s,
                "y": 1,
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
            }
            for band in clock.bands
        ],
    }


def _shapes(band: Band) -> list[Json]:
    whole = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "name": band.label}
    return [
        {
            **whole,
            "type": "rect",
            "x0": band.from_s,
            "x1": band.to_s,
            "fillcolor": "--fault",
            "line": {"width": 0},
        },
        {
            **whole,
            "type": "line",
            "x0": band.from_s,
            "x1": band.from_s,
            "line": {"color": "--fault-edge", "width": 1.5, "dash": "dash"},
        },
        *(
            []
            if band.ready_s is None
            else [
                {
                    **whole,
                    "type": "line",
                    "x0": band.ready_s,
                    "x1": band.ready_s,
                    "name": f"{band.label}, {band.end}",
                    "line": {"color": "--done", "width": 1.5, "dash": "dot"},
                }
            ]
        ),
    ]


def bands_said(clock: Clock) -> str:
    """The shaded stretches in words; empty where there is none."""
    if not clock.bands:
        return ""
    if len(clock.bands) >= MANY_BANDS:
        deaths = sum(band.is_death for band in clock.bands)
        others = len(clock.bands) - deaths
        kills = f"the {deaths} kills, each until its slot was ready again (dotted) and its last "
        parts = [f"{kills}orphan had settled"] if deaths else []
        parts += [f"{others} faults that ended no process, until they were over"] if others else []
        return f" Shaded: {'; '.join(parts)}."
    return f" Shaded: {'; '.join(map(_said, clock.bands))}."


def _said(band: Band) -> str:
    parts = [f"{band.label} at {band.from_s:.3f} s"]
    if band.ready_s is None:
        parts.append("never filled again" if band.is_death else "never over")
    else:
        parts.append(f"{band.end} at {band.ready_s:.3f} s (dotted)")
    if band.settled_s is not None:
        parts.append(f"the last orphan settled at {band.settled_s:.3f} s")
    return ", ".join(parts)


def numbers(values: ArrayLike) -> Json:
    """Numbers as plotly.js reads them from base64: float32 where that is exact, else float64."""
    exact = np.asarray(values, "<f8")
    short = exact.astype("<f4")
    column, name = (short, "f4") if np.array_equal(short, exact) else (exact, "f8")
    return {"dtype": name, "bdata": base64.b64encode(column.tobytes()).decode("ascii")}


def line(name: str, x: ArrayLike, y: ArrayLike, colour: str, dash: str = "solid") -> Json:
    """A line that differs from others by its dash as well as by its colour."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": numbers(x),
        "y": numbers(y),
        "line": {"color": colour, "dash": dash, "width": 1.6},
    }


def dots(
    name: str, x: ArrayLike, y: ArrayLike, colour: str, symbol: str, text: Sequence[str] = ()
) -> Json:
    """Points that differ from others by their shape as well as by their colour."""
    hover = {"text": list(text), "hovertemplate": "%{text}<br>%{x} s: %{y}"} if text else {}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": numbers(x),
        "y": numbers(y),
        "marker": {"color": colour, "symbol": symbol, "size": 5},
        **hover,
    }

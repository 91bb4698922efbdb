"""Many kills of one run: where each figure of recovery lies, kill by kill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analysis.faults_named import nth
from analysis.metrics.kill_types import Recovery
from analysis.report.html.plot import Json, NoPlot, Plot, Shown, numbers

KEY, TITLE = "kills", "The kills side by side"
FEWEST: Final = 2
ROWS: Final = (
    ("ready again", "ready_s", "--series-3", "square-open"),
    ("worker resumed", "time_to_resume_s", "--series-5", "triangle-up-open"),
    ("first orphan", "first_orphan_pickup_s", "--series-1", "circle-open"),
    ("expected at most", "predicted_bound_s", "--fault-edge", "line-ns-open"),
    ("last orphan settled", "last_orphan_settled_s", "--series-2", "diamond-open"),
)
"""Title and key of a row, its colour and its mark."""
ROW_PX: Final = 34
FRAME_PX: Final = 130


def kills_plot(recovery: Sequence[Recovery]) -> Shown:
    """A row a figure, a mark a kill; seconds from the kill."""
    if len(recovery) < FEWEST:
        return NoPlot(KEY, TITLE, "There are no several kills.")
    traces, told = [], []
    for title, name, colour, symbol in ROWS:
        found = [(kill.fault, getattr(kill, name)) for kill in recovery]
        seen = [(fault, value) for fault, value in found if value is not None]
        if not seen:
            continue
        values = sorted(value for _, value in seen)
        told.append(f"{title} {_spread(values)} ({len(values)} of {len(recovery)} kills)")
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": title,
                "x": numbers([value for _, value in seen]),
                "y": [title] * len(seen),
                "hovertext": [f"kill {nth(fault)}: {title} after {v:.3f} s" for fault, v in seen],
                "hoverinfo": "text",
                "marker": {"symbol": symbol, "color": colour, "size": 10, "line": {"width": 2}},
            }
        )
    if not traces:
        return NoPlot(KEY, TITLE, "After no kill was anything seen to come back.")
    rows = [trace["name"] for trace in traces]
    layout: Json = {
        "xaxis": {"title": {"text": "seconds from the kill"}, "rangemode": "tozero"},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": rows,
            "range": [len(rows) - 0.5, -0.5],
            "dtick": 1,
        },
    }
    says = f"Each mark is one of {len(recovery)} kills: {'; '.join(told)}."
    return Plot(KEY, TITLE, says, traces, layout, FRAME_PX + ROW_PX * len(rows))


def _spread(values: Sequence[float]) -> str:
    """Of ascending ones."""
    least, most = f"{values[0]:.2f}", f"{values[-1]:.2f}"
    if least == most:
        return f"{least} s"
    return f"{least} to {most} s, median {values[(len(values) - 1) // 2]:.2f} s"

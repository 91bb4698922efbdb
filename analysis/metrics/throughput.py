"""How many jobs a second were completed while the load was on."""

from __future__ import annotations

import numpy as np

from analysis.evidence.hiccups import SECOND_NS, HiccupMeter
from analysis.figures import Figures, put
from analysis.history.columns import Ints
from analysis.metrics.latency import Instants
from analysis.metrics.window import Window
from orchestrator.history.records import RunEnd


def throughput(
    times: Instants, window: Window | str, end: RunEnd | None, hiccups: HiccupMeter
) -> Figures:
    """`throughput_per_s`: distinct jobs first completed between the end of the warm-up and the
    last intended enqueue of the stream, over that time; `throughput_each_second`: how many there
    were in its whole seconds, the least, the median (the lower of two) and the most; and whether
    the machine stalled meanwhile."""
    figures: Figures = {}
    if isinstance(window, str):
        put(figures, "throughput_per_s", None, window)
        put(figures, "throughput_each_second", None, window)
        limited = hiccups.limited(end, None, None)
    else:
        completed = times.completed[window.holds(times.completed)]
        figures["throughput_per_s"] = round(len(completed) / window.length_s, 3)
        seconds = (window.to_ns - window.from_ns) // SECOND_NS
        each = _each_second(completed - window.from_ns, seconds)
        put(figures, "throughput_each_second", each, "the load was on for less than a second")
        limited = hiccups.limited(end, window.from_ns, window.to_ns)
    put(figures, "throughput_machine_limited", limited, "no hiccup sample covers the load")
    return figures


def _each_second(since_ns: Ints, n: int) -> Figures | None:
    if n == 0:
        return None
    counts = np.sort(np.bincount(since_ns // SECOND_NS, minlength=n)[:n]).tolist()
    return {"n": n, "min": counts[0], "median": counts[(n - 1) // 2], "max": counts[-1]}

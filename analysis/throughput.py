"""How many jobs a second were completed while the load was on."""

from __future__ import annotations

import numpy as np

from analysis.figures import Figures, put
from analysis.latency import Instants
from analysis.window import Window

SECOND_NS = 1_000_000_000


def put_throughput(figures: Figures, times: Instants, window: Window | str) -> None:
    """Set `throughput_per_s`: distinct jobs first completed between the end of the warm-up and
    the last intended enqueue, over that time; and `throughput_each_second`: how many there were in
    its whole seconds, the least, the median (the lower of two) and the most."""
    if isinstance(window, str):
        put(figures, "throughput_per_s", None, window)
        put(figures, "throughput_each_second", None, window)
        return
    completed = times.completed[window.holds(times.completed)]
    figures["throughput_per_s"] = round(len(completed) / window.length_s, 3)
    each = _each_second(completed - window.from_ns, (window.to_ns - window.from_ns) // SECOND_NS)
    put(figures, "throughput_each_second", each, "the load was on for less than a second")


def _each_second(since_ns: np.ndarray[tuple[int], np.dtype[np.int64]], n: int) -> Figures | None:
    if n == 0:
        return None
    counts = np.sort(np.bincount(since_ns // SECOND_NS, minlength=n)[:n]).tolist()
    return {"n": n, "min": counts[0], "median": counts[(n - 1) // 2], "max": counts[-1]}

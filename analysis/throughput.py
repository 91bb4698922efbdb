"""How many jobs a second were completed while the load was on."""

from __future__ import annotations

import numpy as np

from analysis.figures import Figures, put
from analysis.hiccups import HiccupMeter
from analysis.history_tables import History
from analysis.latency import first_ns

Window = tuple[int | None, int | None]
"""(from, to), CLOCK_MONOTONIC nanoseconds; None = that instant never came."""


def throughput(
    history: History, started_ns: int | None, warmup_s: float, hiccups: HiccupMeter
) -> Figures:
    """Distinct jobs first completed between the end of the warm-up and the last intended enqueue
    of the stream, over that time, and whether the machine stalled meanwhile."""
    begin_ns, end_ns = load_window(history, started_ns, warmup_s)
    figures: Figures = {}
    value, why = None, ""
    if begin_ns is None or end_ns is None:
        why = "the load never began"
    elif end_ns <= begin_ns:
        why = "no job was intended after the warm-up"
    else:
        completed = first_ns(history.completions, history.completions.t_ns, len(history.jobs))
        within = np.count_nonzero((completed >= begin_ns) & (completed <= end_ns))
        value = round(int(within) * 1e9 / (end_ns - begin_ns), 3)
    put(figures, "throughput_per_s", value, why)
    limited = hiccups.limited(history.end, begin_ns, end_ns)
    put(figures, "throughput_machine_limited", limited, "no hiccup sample covers the load")
    return figures


def load_window(history: History, started_ns: int | None, warmup_s: float) -> Window:
    """From the end of the warm-up to the last intended enqueue of the stream.

    Held jobs come when the stream has ended, and a coordinator's children when it has run.
    """
    enqueues = history.enqueues
    intended = enqueues.intended_ns[history.jobs.of_stream[enqueues.job]]
    begin_ns = None if started_ns is None else started_ns + round(warmup_s * 1e9)
    return begin_ns, int(intended.max()) if intended.size else None

"""How many jobs a second were completed while the load was on."""

from __future__ import annotations

import numpy as np

from analysis.figures import Figures, put
from analysis.history_tables import History
from analysis.latency import NEVER, first_ns


def put_throughput(
    figures: Figures, history: History, started_ns: int | None, warmup_s: float
) -> None:
    """Set `throughput_per_s`: distinct jobs first completed between the end of the warm-up and
    the last intended enqueue, over that time."""
    intended = history.enqueues.intended_ns
    if started_ns is None or not intended.size:
        put(figures, "throughput_per_s", None, "the load never began")
        return
    from_ns = started_ns + round(warmup_s * 1e9)
    to_ns = int(intended.max())
    if to_ns <= from_ns:
        put(figures, "throughput_per_s", None, "no job was intended after the warm-up")
        return
    completed = first_ns(history.completions, history.completions.t_ns, len(history.jobs))
    within = np.count_nonzero((completed >= from_ns) & (completed <= to_ns) & (completed != NEVER))
    figures["throughput_per_s"] = round(int(within) * 1e9 / (to_ns - from_ns), 3)

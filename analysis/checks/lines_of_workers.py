"""Which lines of a worker's own are stamped within a stretch of time."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.history.columns import EXECUTION_BITS, worker_key
from analysis.history.history import History
from worker_child.protocol import ChildReady, JobDiscarded, JobDying, JobRetried, Note

_RARE: tuple[type[Any], ...] = (ChildReady, JobDying, JobRetried, JobDiscarded, Note)
"""What a child writes beside the lines of the tables."""


def lines_between(
    history: History, place: tuple[int, int], after_ns: int, before_ns: int | None = None
) -> int:
    """How many lines of the incarnation `place` are stamped later than `after_ns`, and earlier than
    `before_ns`, where there is such an end."""
    end_ns = np.iinfo(np.int64).max if before_ns is None else before_ns
    key = worker_key(*place)
    in_tables = 0
    for table in (history.starts, history.completions, history.failures):
        within = (table.t_ns > after_ns) & (table.t_ns < end_ns)
        in_tables += int(np.count_nonzero(((table.key >> EXECUTION_BITS) == key) & within))
    enqueued = history.enqueues
    within = (enqueued.t_ns > after_ns) & (enqueued.t_ns < end_ns)
    in_tables += int(np.count_nonzero((enqueued.worker == key) & within))
    rare: int = sum(
        line.n is not None
        and (line.slot, line.incarnation) == place
        and after_ns < line.t_ns < end_ns
        for kind in _RARE
        for line in history.records.of(kind)
    )
    return in_tables + rare

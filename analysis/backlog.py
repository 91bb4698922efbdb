"""When the backlog was back where it had been before a kill."""

from __future__ import annotations

from typing import Final

import numpy as np

from analysis.hiccups import SECOND_NS
from analysis.history_tables import History
from orchestrator.history import QueueSnapshot

BEFORE_NS: Final = 30 * SECOND_NS
SAMPLES_RUNNING: Final = 5


def waiting(snapshot: QueueSnapshot) -> int:
    """The backlog: rows that wait for a worker."""
    return snapshot.queued + snapshot.retrying


def band(history: History, kill_ns: int) -> int:
    """The greatest backlog that counts as none.

    The larger of the 1 Hz backlog's p95 over at most 30 s before the kill and one second's
    arrivals, those intended in the last second before it.
    """
    before = sorted(
        waiting(snapshot)
        for snapshot in history.records.of(QueueSnapshot)
        if kill_ns - BEFORE_NS <= snapshot.t_ns <= kill_ns
    )
    p95 = before[-(-len(before) * 95 // 100) - 1] if before else 0
    intended = history.enqueues.intended_ns
    arrivals = int(np.count_nonzero((intended > kill_ns - SECOND_NS) & (intended <= kill_ns)))
    return max(p95, arrivals)


def recovered_ns(history: History, kill_ns: int) -> int | None:
    """The first of five samples running after the kill that lie in the band; None = never seen."""
    limit = band(history, kill_ns)
    running: list[int] = []
    for snapshot in history.records.of(QueueSnapshot):
        if snapshot.t_ns <= kill_ns:
            continue
        running = [*running, snapshot.t_ns] if waiting(snapshot) <= limit else []
        if len(running) == SAMPLES_RUNNING:
            return running[0]
    return None

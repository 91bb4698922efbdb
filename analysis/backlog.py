"""When the backlog was back where it had been before a kill, a burst or a time of errors."""

from __future__ import annotations

from collections.abc import Callable
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


def band(history: History, before_ns: int) -> int:
    """The greatest backlog that counts as none.

    The larger of the 1 Hz backlog's p95 over at most 30 s before that instant and one second's
    arrivals, those intended in the last second before it.
    """
    before = sorted(
        waiting(snapshot)
        for snapshot in history.records.of(QueueSnapshot)
        if before_ns - BEFORE_NS <= snapshot.t_ns <= before_ns
    )
    p95 = before[-(-len(before) * 95 // 100) - 1] if before else 0
    intended = history.enqueues.intended_ns
    arrivals = int(np.count_nonzero((intended > before_ns - SECOND_NS) & (intended <= before_ns)))
    return max(p95, arrivals)


def recovered_ns(history: History, kill_ns: int) -> int | None:
    """The first of five samples running after the kill that lie in the band; None = never seen."""
    limit = band(history, kill_ns)
    return five_running(history, kill_ns, lambda backlog: backlog <= limit)


def five_running(history: History, after_ns: int, wanted: Callable[[int], bool]) -> int | None:
    """The first of five samples running after an instant whose backlog is as wanted; None = never
    seen."""
    running: list[int] = []
    for snapshot in history.records.of(QueueSnapshot):
        if snapshot.t_ns <= after_ns:
            continue
        running = [*running, snapshot.t_ns] if wanted(waiting(snapshot)) else []
        if len(running) == SAMPLES_RUNNING:
            return running[0]
    return None


def in_the_end(history: History, after_ns: int, wanted: Callable[[int], bool]) -> int | None:
    """From when on, after an instant, every sample was as wanted; None = the last one was not."""
    first: int | None = None
    for snapshot in history.records.of(QueueSnapshot):
        if snapshot.t_ns > after_ns:
            first = (first or snapshot.t_ns) if wanted(waiting(snapshot)) else None
    return first

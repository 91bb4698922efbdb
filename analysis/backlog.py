"""When the backlog was back where it had been before a kill."""

from __future__ import annotations

import numpy as np

from analysis.hiccups import SECOND_NS
from analysis.history_tables import History
from orchestrator.backlog import SAMPLES_IN_BAND, Sample, backlog_band
from orchestrator.history import QueueSnapshot


def samples(history: History) -> list[Sample]:
    """The backlog at 1 Hz: rows that wait for a worker."""
    return [(s.t_ns, s.queued + s.retrying) for s in history.records.of(QueueSnapshot)]


def arrivals(history: History, kill_ns: int) -> int:
    """Jobs that were intended within the last second before a kill."""
    intended = history.enqueues.intended_ns
    return int(np.count_nonzero((intended >= kill_ns - SECOND_NS) & (intended < kill_ns)))


def recovered_ns(history: History, kill_ns: int, since_ns: int) -> int | None:
    """The first of five samples running in the band, none before `since_ns`; None = never seen."""
    backlog = samples(history)
    band = backlog_band(backlog, kill_ns, arrivals(history, kill_ns))
    running: list[int] = []
    for t_ns, rows in backlog:
        if t_ns < since_ns:
            continue
        running = [*running, t_ns] if rows <= band else []
        if len(running) == SAMPLES_IN_BAND:
            return running[0]
    return None

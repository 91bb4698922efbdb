"""When the backlog was back where it had been before a kill, a burst or a time of errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.evidence.hiccups import SECOND_NS
from analysis.history.history import History
from orchestrator.history.backlog import SAMPLES_IN_BAND, Sample, backlog_band
from orchestrator.history.records import QueueSnapshot


def waiting(snapshot: QueueSnapshot) -> int:
    """The backlog: rows that wait for a worker."""
    return snapshot.queued + snapshot.retrying


def samples(history: History) -> list[Sample]:
    """The backlog at 1 Hz."""
    return [(s.t_ns, waiting(s)) for s in history.records.of(QueueSnapshot)]


def arrivals(history: History, before_ns: int) -> int:
    """Jobs that were intended within the last second before an instant."""
    intended = history.enqueues.intended_ns
    return int(np.count_nonzero((intended >= before_ns - SECOND_NS) & (intended < before_ns)))


def band(history: History, before_ns: int) -> int:
    """The greatest backlog that counts as normal at an instant (see `backlog_band`)."""
    return int(backlog_band(samples(history), before_ns, arrivals(history, before_ns)))


def recovered_ns(history: History, kill_ns: int, since_ns: int) -> int | None:
    """The first of five samples running in the band, none before `since_ns`; None = never seen."""
    limit = band(history, kill_ns)
    return five_running(history, since_ns, lambda backlog: backlog <= limit)


def five_running(history: History, since_ns: int, wanted: Callable[[int], bool]) -> int | None:
    """The first of five samples running, none before `since_ns`, whose backlog is as wanted;
    None = never seen."""
    running: list[int] = []
    for t_ns, rows in samples(history):
        if t_ns < since_ns:
            continue
        running = [*running, t_ns] if wanted(rows) else []
        if len(running) == SAMPLES_IN_BAND:
            return running[0]
    return None


def in_the_end(history: History, since_ns: int, wanted: Callable[[int], bool]) -> int | None:
    """From when on every sample, none before `since_ns`, was as wanted; None = the last one was
    not."""
    first: int | None = None
    for t_ns, rows in samples(history):
        if t_ns >= since_ns:
            first = (first or t_ns) if wanted(rows) else None
    return first

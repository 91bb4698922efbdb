"""The stretch of a run that rates are taken over: warm-up and drain are not part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.history.columns import Bools, Ints
from analysis.history.history import History
from analysis.history.job_ids import STREAM_ID
from analysis.ledger.case import Case
from orchestrator.history.records import EnqueueFailed


@dataclass(frozen=True, slots=True)
class Window:
    """From the end of the warm-up to the last intended enqueue of the stream, both included;
    nanoseconds. Held jobs come when the stream has ended, and a coordinator's children when it has
    run: they do not stretch it."""

    from_ns: int
    to_ns: int

    @property
    def length_s(self) -> float:
        """How long it is, seconds."""
        return (self.to_ns - self.from_ns) / 1e9

    def holds(self, t_ns: Ints) -> Bools:
        """Which instants lie in it."""
        inside: Bools = (t_ns >= self.from_ns) & (t_ns <= self.to_ns)
        return inside


def load_window(case: Case) -> Window | str:
    """The window of a run; where there is none, why."""
    last_ns = _last_intended_ns(case.history)
    if case.started_ns is None or last_ns is None:
        return "the load never began"
    from_ns = case.started_ns + round(case.scenario.workload.warmup_s * 1e9)
    to_ns = last_ns
    if to_ns <= from_ns:
        return "no job was intended after the warm-up"
    return Window(from_ns, to_ns)


def _last_intended_ns(history: History) -> int | None:
    """Of the stream, those included that the queue never took: a refusal makes no load shorter."""
    enqueues = history.enqueues
    taken = enqueues.intended_ns[history.jobs.of_stream[enqueues.job]]
    refused = [
        record.intended_ns
        for record in history.records.of(EnqueueFailed)
        if STREAM_ID.fullmatch(record.job_id)
    ]
    return max([*refused, *([int(np.max(taken))] if taken.size else [])], default=None)


def warm_ns(case: Case) -> int | None:
    """The end of the warm-up; None = there is none to leave out."""
    warmup_s = case.scenario.workload.warmup_s
    if case.started_ns is None or warmup_s == 0:
        return None
    return case.started_ns + round(warmup_s * 1e9)

"""The stretch of a run that rates are taken over: warm-up and drain are not part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.case import Case
from analysis.columns import Bools, Ints


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
    enqueues = case.history.enqueues
    intended = enqueues.intended_ns[case.history.jobs.of_stream[enqueues.job]]
    if case.started_ns is None or not intended.size:
        return "the load never began"
    from_ns = case.started_ns + round(case.asked.workload.warmup_s * 1e9)
    to_ns = int(np.max(intended))
    if to_ns <= from_ns:
        return "no job was intended after the warm-up"
    return Window(from_ns, to_ns)


def warm_ns(case: Case) -> int | None:
    """The end of the warm-up; None = there is none to leave out."""
    warmup_s = case.asked.workload.warmup_s
    if case.started_ns is None or warmup_s == 0:
        return None
    return case.started_ns + round(warmup_s * 1e9)

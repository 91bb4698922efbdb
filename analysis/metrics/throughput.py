"""How many jobs a second were completed, and over which stretch of a run rates are taken: neither
the warm-up nor the drain is part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.evidence.hiccups import LOAD_UNSAMPLED, SECOND_NS, HiccupMeter
from analysis.history.columns import Bools, Ints
from analysis.history.history import History
from analysis.history.job_ids import STREAM_ID
from analysis.ledger.case import Case
from analysis.metrics.latency import Instants
from analysis.section import Section, why_none
from orchestrator.history.records import EnqueueFailed, RunEnd


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


class EachSecond(Section, frozen=True, kw_only=True):
    """Jobs first completed in each whole second of the load."""

    n: int
    """How many whole seconds there are."""
    min: int
    """Jobs in the worst second."""
    median: int
    """Jobs in the middle one; of two middle ones the lower."""
    max: int
    """Jobs in the best second."""


class Throughput(Section, frozen=True, kw_only=True):
    """How many jobs were completed between the end of the warm-up and the last intended enqueue."""

    throughput_per_s: float | None
    """Distinct jobs first completed in that time, over that time; jobs a second."""
    throughput_per_s_why: str | None = None
    throughput_each_second: EachSecond | None
    """The same, second by second."""
    throughput_each_second_why: str | None = None
    throughput_machine_limited: bool | None
    """Whether the machine stalled, or the producer woke late, in that time."""
    throughput_machine_limited_why: str | None = None


def throughput(
    times: Instants, window: Window | str, end: RunEnd | None, hiccups: HiccupMeter
) -> Throughput:
    """The throughput of the load. `window` = when it was on, or why it never was."""
    rate, each = None, None
    if isinstance(window, str):
        why_no_rate = why_no_seconds = window
        limited = hiccups.limited(end, None, None)
    else:
        completed = times.completed[window.holds(times.completed)]
        rate = round(len(completed) / window.length_s, 3)
        whole_seconds = (window.to_ns - window.from_ns) // SECOND_NS
        each = _each_second(completed - window.from_ns, whole_seconds)
        why_no_rate, why_no_seconds = "", "the load was on for less than a second"
        limited = hiccups.limited(end, window.from_ns, window.to_ns)
    return Throughput(
        throughput_per_s=rate,
        throughput_per_s_why=why_none(rate, why_no_rate),
        throughput_each_second=each,
        throughput_each_second_why=why_none(each, why_no_seconds),
        throughput_machine_limited=limited,
        throughput_machine_limited_why=why_none(limited, LOAD_UNSAMPLED),
    )


def _each_second(since_ns: Ints, n: int) -> EachSecond | None:
    if n == 0:
        return None
    counts = np.sort(np.bincount(since_ns // SECOND_NS, minlength=n)[:n]).tolist()
    return EachSecond(n=n, min=counts[0], median=counts[(n - 1) // 2], max=counts[-1])

"""Throughput by the second, and the queue's rows and open executions at 1 Hz."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from analysis.evidence.backlog import waiting
from analysis.history.columns import Ints
from analysis.ledger.case import Case
from analysis.metrics.latency import NEVER, Instants
from analysis.report.html.plot import Clock, Json, NoPlot, Plot, Shown, bands_said, line, over_time
from orchestrator.history.records import QueueSnapshot, ResourceSample

SECOND_NS: Final = 1_000_000_000


def throughput_plot(times: Instants, clock: Clock) -> Shown:
    """Jobs intended, and jobs first completed, in each second."""
    key, title = "throughput", "Throughput"
    intended, completed = (known[known != NEVER] for known in (times.intended, times.completed))
    if not intended.size:
        return NoPlot(key, title, "No job was enqueued.")
    traces = [
        _each_second("enqueued", intended, clock, "--series-1", "dot"),
        _each_second("completed", completed, clock, "--series-2", "solid"),
    ]
    says = (
        "Jobs that were to be enqueued, and jobs that were completed for the first time, in each "
        f"second.{bands_said(clock)}"
    )
    layout = over_time(clock, "jobs a second")
    return Plot(key, title, says, traces, layout, over_time=True)


def _each_second(name: str, t_ns: Ints, clock: Clock, colour: str, dash: str) -> Json:
    seconds, counts = by_second(t_ns, clock.origin_ns)
    trace = line(name, seconds + 0.5, counts, colour, dash)
    trace["line"]["shape"] = "hvh"
    return trace


def by_second(t_ns: Ints, origin_ns: int) -> tuple[Ints, Ints]:
    """Whole seconds from the first to the last, and how many instants lie in each."""
    if not t_ns.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    second = (t_ns - origin_ns) // SECOND_NS
    first = int(second.min())
    counts = np.bincount(second - first)
    return np.arange(first, first + len(counts)), counts


def queue_plot(case: Case, clock: Clock) -> Shown:
    """Backlog, claimed rows and open executions."""
    key, title = "queue", "In flight and backlog"
    samples = case.history.records.of(QueueSnapshot)
    if not samples:
        return NoPlot(key, title, "The history has no queue_snapshot.")
    x = clock.seconds([sample.t_ns for sample in samples])
    columns: list[tuple[str, list[int], str, str]] = [
        ("waiting (backlog)", [waiting(s) for s in samples], "--series-1", "solid"),
        ("claimed", [s.claimed for s in samples], "--series-2", "dash"),
        ("dead rows", [s.dead for s in samples], "--series-4", "dashdot"),
    ]
    traces = [
        line(name, x, y, *style) for name, y, *style in columns if name != "dead rows" or any(y)
    ]
    opened = _of_children(case, "open_executions")
    if opened:
        traces.append(line("open executions", *_columns(opened, clock), "--series-3", "dot"))
    most = max(columns[0][1])
    says = (
        "Rows of the queue's own table, once a second: those that wait for a worker, and those "
        "that a worker has claimed; and the executions that have started and not ended. "
        f"At most {most:,} waited.{bands_said(clock)}"
    )
    return Plot(key, title, says, traces, over_time(clock, "jobs"), over_time=True)


def _of_children(case: Case, name: str) -> list[tuple[int, int]]:
    samples = case.history.records.of(ResourceSample)
    values = ((s.t_ns, getattr(s, name)) for s in samples if s.subject == "children")
    return [(t_ns, value) for t_ns, value in values if value is not None]


def _columns(samples: list[tuple[int, int]], clock: Clock) -> tuple[Any, list[int]]:
    return clock.seconds([t_ns for t_ns, _ in samples]), [value for _, value in samples]

"""Memory, queries on the queue's tables and the use of the workers' concurrency, at 1 Hz."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from analysis.ledger.case import Case
from analysis.metrics.resources import Resources
from analysis.report.html.plot import Clock, NoPlot, Plot, Shown, bands_said, line, over_time
from analysis.report.terminal_load import MIB, SUBJECTS
from orchestrator.history.records import ResourceSample

STYLES: Final = (("--series-1", "solid"), ("--series-2", "dash"), ("--series-3", "dot"))


def resource_plots(case: Case, resources: Resources, clock: Clock) -> list[Shown]:
    """`resources` is the summary's section: it says why a figure cannot be had."""
    samples = case.history.records.of(ResourceSample)
    return [
        _memory(samples, clock),
        _queries(samples, resources, clock),
        _concurrency(samples, resources, clock),
    ]


def _memory(samples: list[ResourceSample], clock: Clock) -> Shown:
    key, title = "memory", "Memory"
    traces = []
    for (subject, name), style in zip(SUBJECTS.items(), STYLES, strict=True):
        known = [s for s in samples if s.subject == subject and s.rss_bytes is not None]
        if known:
            x = clock.seconds([s.t_ns for s in known])
            y = [round((s.rss_bytes or 0) / MIB, 1) for s in known]
            traces.append(line(name, x, y, *style))
    if not traces:
        return NoPlot(key, title, "No sample tells the memory.")
    says = (
        "Resident memory of the workers (their whole process groups), of the harness and of "
        f"PostgreSQL's processes.{bands_said(clock)}"
    )
    return Plot(key, title, says, traces, over_time(clock, "MiB"), over_time=True)


def _queries(samples: list[ResourceSample], resources: Resources, clock: Clock) -> Shown:
    key, title = "queries", "Queries on the queue's tables"
    counted = [(s.t_ns, s.calls) for s in samples if s.calls is not None]
    steps = [
        (to_ns, (after - before) * 1e9 / (to_ns - from_ns))
        for (from_ns, before), (to_ns, after) in pairwise(counted)
        if after >= before and to_ns > from_ns
    ]
    if not steps:
        why = resources.queue_queries_per_s_why or "no two samples hold a count"
        return NoPlot(key, title, f"They were not counted: {why}.")
    x = clock.seconds([t_ns for t_ns, _ in steps])
    traces = [line("queries", x, [round(rate, 1) for _, rate in steps], *STYLES[0])]
    says = (
        "Statements a second that the workers' role sent to the queue's tables, from the "
        f"differences of pg_stat_statements.{bands_said(clock)}"
    )
    return Plot(key, title, says, traces, over_time(clock, "queries a second"), over_time=True)


def _concurrency(samples: list[ResourceSample], resources: Resources, clock: Clock) -> Shown:
    key, title = "concurrency", "Jobs running at once"
    known = [s for s in samples if s.capacity]
    if not known:
        why = resources.pool_utilisation_why or "no sample tells it"
        return NoPlot(key, title, f"The use of the workers' concurrency is not known: {why}.")
    x = clock.seconds([s.t_ns for s in known])
    y = [round(100 * (s.open_executions or 0) / (s.capacity or 1), 1) for s in known]
    says = (
        "Open executions as a share of as many as all workers can run at once (slots x "
        f"concurrency); where a worker is away its slot has none open.{bands_said(clock)}"
    )
    traces = [line("in use", x, y, *STYLES[0])]
    return Plot(key, title, says, traces, over_time(clock, "%"), over_time=True)

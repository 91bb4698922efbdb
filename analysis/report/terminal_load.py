"""The part of the printed summary that tells of the load: tenants, errors, queue and resources.

Each table has no rows where it does not apply.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.metrics.failures import ClassOfErrors, Errors, planned_message
from analysis.metrics.fairness import Tenants
from analysis.metrics.queue import Queue
from analysis.metrics.resources import Resources
from analysis.metrics.retries import Retries, RetriesAfter
from analysis.report.grid import Grid
from analysis.report.number_format import (
    LIMITED_MARK,
    named_values,
    percentile,
    plain,
    seconds,
    share,
    words,
)
from analysis.summary.types import Summary

TENANT_PERCENTILES = ("p50", "p95", "p99", "max")
MIB = 1 << 20
SUBJECTS = {"children": "workers", "parent": "harness", "postgres": "PostgreSQL"}

Row = tuple[str, str, str]


def tenants_table(tenants: Tenants) -> Grid:
    """The noisy tenant against all others; empty where no tenant is noisy."""
    grid = Grid(("", "n", *TENANT_PERCENTILES, "noisy / quiet p95"))
    if tenants.noisy_ms is None:
        return grid
    mark = LIMITED_MARK if tenants.machine_limited else ""
    rows = (
        ("pickup, noisy", tenants.noisy_ms.pickup, _ratio(tenants.latency_ratio_pickup)),
        ("pickup, quiet", tenants.quiet_ms.pickup, ""),
        ("total, noisy", tenants.noisy_ms.total, _ratio(tenants.latency_ratio_total)),
        ("total, quiet", tenants.quiet_ms.total, ""),
    )
    for title, figures, ratio in rows:
        cells = [percentile(figures, name) for name in TENANT_PERCENTILES]
        grid.add_row(f"{title}{mark}", plain(figures.n), *cells, ratio)
    grid.add_row("completed / enqueued", "", "", "", "", "", _ratio(tenants.throughput_ratio))
    return grid


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def errors_table(errors: Errors) -> Grid:
    """Failed executions and what came of them; empty where none failed."""
    return named_values(_errors(errors) if errors.failed else ())


def _errors(errors: Errors) -> Iterator[Row]:
    for name, found in sorted(errors.by_class.items()):
        remark = f"{share(found.rate)} of {plain(errors.executions)} executions"
        yield words(name), plain(found.failed), remark
        yield from _messages(name, found)
    attempts = errors.attempts
    yield "attempts a job", f"{attempts.mean:.2f}", f"{attempts.max} at most"
    if errors.discards.jobs:
        yield "discarded", plain(errors.discards.jobs), "jobs that the library gave up"
    if errors.retries.retries:
        yield from _retries(errors.retries)


def _messages(name: str, found: ClassOfErrors) -> Iterator[Row]:
    """What the executions said, save where it is what a planned failure always says."""
    for told in found.messages:
        if told.message != planned_message(name):
            yield "", plain(told.failed), " ".join(told.message.split()) or "no message"
    if found.messages_left_out:
        yield "", plain(found.messages_left_out), "with other messages"


def _retries(retries: Retries) -> Iterator[Row]:
    yield "retries", plain(retries.retries), ""
    for row in retries.by_attempt:
        yield f"  spacing after attempt {row.after_attempt}", *_spacing(row)
    added = retries.latency_added_s
    if added.n:
        remark = f"median, {seconds(added.p95)} s at p95 (n {added.n:,})"
        yield "  latency added", f"{seconds(added.p50)} s", remark


def _spacing(row: RetriesAfter) -> tuple[str, str]:
    spacing, planned = row.spacing_s, row.planned_delay_s
    announced = "" if planned is None else f", planned {seconds(planned.p50)} s"
    remark = f"median{announced}; {seconds(spacing.p95)} s at p95 (n {spacing.n:,})"
    return f"{seconds(spacing.p50)} s", remark


def load_table(summary: Summary) -> Grid:
    """The queue and what it took, on average while the load was on and at most."""
    return named_values(
        (*_queue(summary), *_recoveries(summary.queue), *_resources(summary.resources))
    )


def _queue(summary: Summary) -> Iterator[Row]:
    backlog, left = summary.queue.backlog, summary.queue.backlog_at_end_of_load
    if backlog.mean is None:
        return
    remark = f"on average, {backlog.max:,} at most, {plain(left)} when the last was due"
    yield "jobs waiting", f"{backlog.mean:,.1f}", f"{remark}{_drained(summary)}"


def _drained(summary: Summary) -> str:
    """When the last job was completed; where some were not, how many of which that is known."""
    jobs, drain_s = summary.jobs, summary.queue.drain_s
    if drain_s is None:
        return ""
    never = jobs.lost + jobs.stranded + jobs.pending + jobs.discarded
    if not never and not jobs.ambiguous:
        return f"; the last job was completed {drain_s:.1f} s later"
    told = f"; the last job to complete did so {drain_s:.1f} s later"
    return f"{told}, {never:,} never did" if never else told


def _recoveries(queue: Queue) -> Iterator[Row]:
    for found in queue.recovery:
        stretch = f"from T+{found.from_s:g} to T+{found.to_s:g} s"
        lasting = "saturated" if found.saturated else "no lasting backlog"
        value = "never" if found.recovered_s is None else f"{found.recovered_s:.1f} s"
        remark = f"until {found.band:,} or fewer waited again; {stretch}: {lasting}"
        yield f"after the {found.what}", value, remark


def _resources(resources: Resources) -> Iterator[Row]:
    used, queries = resources.pool_utilisation, resources.queue_queries_per_s
    if used is not None:
        remark = f"of as many as the workers can run, on average; {share(used.max)} at most"
        yield "jobs running at once", share(used.mean), remark
    if queries is not None:
        remark = f"on average on the queue's tables, {queries.max:,.0f}/s at most"
        yield "queries", f"{queries.mean:,.1f}/s", remark
    for subject, name in SUBJECTS.items():
        level = getattr(resources.rss_bytes, subject)
        if level is not None:
            counted = level.processes
            spread = "" if counted is None else f", in {counted:,.1f} processes"
            remark = f"at most, {level.mean / MIB:,.0f} MiB{spread} on average"
            yield f"memory, {name}", f"{level.max / MIB:,.0f} MiB", remark

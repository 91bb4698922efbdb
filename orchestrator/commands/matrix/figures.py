"""The main figures of a summary as names and texts, for a test report that knows nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from analysis.metrics.latency import by_name
from analysis.section import Section
from analysis.summary.types import Summary

JOBS = (
    "enqueued",
    "completed_once",
    "duplicated",
    "discarded",
    "lost",
    "stranded",
    "pending",
    "ambiguous",
    "unexpected",
    "late",
)
CRASH = (
    "kills",
    "certificates",
    "duplicate_executions",
    "duplicate_effects",
    "re_executions",
    "integrity_surface_at_kill",
    "harness_ambiguity",
)
RECOVERY = (
    "orphans",
    "duplicates",
    "time_to_resume_s",
    "resume_after_ready_s",
    "first_orphan_pickup_s",
    "last_orphan_pickup_s",
    "within_bound",
    "predicted_bound_s",
    "last_orphan_settled_s",
    "backlog_recovered_s",
)
"""Of each kill."""
LATENCY = ("n", "p50", "p95", "p99")


def main_figures(summary: Summary) -> dict[str, str]:
    """By a dotted name, such as ``recovery.0.time_to_resume_s``. What is not known is left out."""
    return {name: _text(value) for name, value in _figures(summary) if value is not None}


def _figures(summary: Summary) -> Iterator[tuple[str, object]]:
    yield from _named("jobs", summary.jobs, JOBS)
    yield from _named("crash", summary.crash, CRASH)
    for kill in summary.recovery:
        yield from _named(f"recovery.{kill.fault}", kill, RECOVERY)
    for measure, latency in by_name(summary.latency_ms).items():
        yield from _named(f"latency_ms.{measure}", latency, LATENCY)
    yield "throughput_per_s", summary.throughput_per_s


def _named(prefix: str, section: Section, names: Sequence[str]) -> Iterator[tuple[str, object]]:
    for name in names:
        yield f"{prefix}.{name}", getattr(section, name)


def _text(value: object) -> str:
    """As JSON has it; a text without its quotes."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

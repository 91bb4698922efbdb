"""The main figures of a summary as names and texts, for a test report that knows nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.errors import ResultsError

COUNTS = {
    "jobs": (
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
    ),
    "crash": (
        "kills",
        "certificates",
        "duplicate_executions",
        "duplicate_effects",
        "re_executions",
        "integrity_surface_at_kill",
        "harness_ambiguity",
    ),
}
"""By the summary's block: what is taken of it."""
RECOVERY = (
    "orphans",
    "duplicates",
    "time_to_resume_s",
    "resume_after_ready_s",
    "first_orphan_pickup_s",
    "predicted_bound_s",
    "last_orphan_settled_s",
    "backlog_recovered_s",
)
"""Of each kill."""
LATENCY = ("n", "p50", "p95", "p99")


def read_figures(summary: Path) -> dict[str, str]:
    """By a dotted name, such as ``recovery.0.time_to_resume_s``. What is not known is left out.

    Raises `ResultsError`.
    """
    try:
        found: dict[str, Any] = msgspec.json.decode(summary.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ResultsError(
            f"the summary {summary} cannot be read: {error}. Remove it, and it is made again"
        ) from error
    return {name: _text(value) for name, value in _figures(found) if value is not None}


def _figures(summary: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for block, names in COUNTS.items():
        for name in names:
            yield f"{block}.{name}", summary[block].get(name)
    for kill in summary["recovery"]:
        for name in RECOVERY:
            yield f"recovery.{kill['fault']}.{name}", kill.get(name)
    for measure, figures in summary["latency_ms"].items():
        for name in LATENCY:
            yield f"latency_ms.{measure}.{name}", figures.get(name)
    yield "throughput_per_s", summary.get("throughput_per_s")


def _text(value: Any) -> str:
    """As JSON has it; a text without its quotes."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

"""Memory, the use of the workers' places, and the queries on the queue's tables, all at 1 Hz."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from analysis.figures import Figures, put
from analysis.history.history import History
from analysis.metrics.throughput import Window
from orchestrator.history.records import ResourceSample

SUBJECTS: Final = ("children", "parent", "postgres")
MISSING_RSS = {
    "postgres": "the server was given by DSN: its processes cannot be seen",
}


def resources_block(history: History, window: Window | str) -> Figures:
    """RSS over the whole run; utilisation and queries while the load was on."""
    samples = history.records.of(ResourceSample)
    figures: Figures = {"rss_bytes": {}}
    for subject in SUBJECTS:
        values = [s.rss_bytes for s in samples if s.subject == subject and s.rss_bytes is not None]
        why = MISSING_RSS.get(subject) if _is_given(history) else None
        put(figures["rss_bytes"], subject, _level(values), why or "no sample tells it")
    used = None if isinstance(window, str) else _utilisation(samples, window)
    why = window if isinstance(window, str) else "no sample was taken while the load was on"
    put(figures, "pool_utilisation", used, why)
    queries = None if isinstance(window, str) else _queries_per_s(samples, window)
    why = window if isinstance(window, str) else _why_no_queries(history)
    put(figures, "queue_queries_per_s", queries, why)
    return figures


def _level(values: list[int]) -> Figures | None:
    if not values:
        return None
    return {
        "n": len(values),
        "mean": round(sum(values) / len(values)),
        "max": max(values),
        "last": values[-1],
    }


def _utilisation(samples: list[ResourceSample], window: Window) -> Figures | None:
    """Open executions / (slots x concurrency); an empty slot has none open (METHODOLOGY)."""
    shares = [
        (sample.open_executions or 0) / sample.capacity
        for sample in samples
        if sample.capacity and window.from_ns <= sample.t_ns <= window.to_ns
    ]
    if not shares:
        return None
    return {
        "n": len(shares),
        "mean": round(sum(shares) / len(shares), 6),
        "max": round(max(shares), 6),
    }


def _queries_per_s(samples: list[ResourceSample], window: Window) -> Figures | None:
    """Differences of the count of calls, over the time between the samples.

    Where the count falls, the statistics were reset or entries were dropped: that stretch says
    nothing.
    """
    counted = [
        (sample.t_ns, sample.calls)
        for sample in samples
        if sample.calls is not None and window.from_ns <= sample.t_ns <= window.to_ns
    ]
    steps = [
        (after - before, to_ns - from_ns)
        for (from_ns, before), (to_ns, after) in pairwise(counted)
        if after >= before and to_ns > from_ns
    ]
    if not steps:
        return None
    calls, spent_ns = (sum(part) for part in zip(*steps, strict=True))
    return {
        "n": len(steps),
        "mean": round(calls * 1e9 / spent_ns, 3),
        "max": round(max(step * 1e9 / lasted_ns for step, lasted_ns in steps), 3),
    }


def _postgres(history: History) -> dict[str, Any]:
    described = history.start.environment.get("postgres")
    return described if isinstance(described, dict) else {}


def _is_given(history: History) -> bool:
    return _postgres(history).get("origin") == "dsn"


def _why_no_queries(history: History) -> str:
    if _is_given(history):
        return "the server was given by DSN: workers and harness share a role there"
    if _postgres(history).get("pg_stat_statements") is False:
        return "the server lacks the extension pg_stat_statements"
    return "no two samples of the load hold a count"

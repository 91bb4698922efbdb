"""Memory, the use of the workers' capacity, and the queries on the queue's tables, all at 1 Hz."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from analysis.history.history import History
from analysis.metrics.throughput import Window
from analysis.section import Section, why_none
from orchestrator.history.records import ResourceSample


class MemoryLevel(Section, frozen=True, kw_only=True):
    """Resident memory over the whole run, bytes."""

    n: int
    """Samples that tell it."""
    mean: int
    """Their mean, bytes."""
    max: int
    """The greatest of them, bytes."""
    last: int
    """The last of them, bytes."""
    processes: float | None = None
    """In how many processes it lay, on average; left out where they are not counted, as for the
    harness, which is one."""


class Memory(Section, frozen=True, kw_only=True):
    """Resident memory by whose it is, bytes."""

    children: MemoryLevel | None
    """The workers', with their whole process groups."""
    children_why: str | None = None
    parent: MemoryLevel | None
    """The harness's own."""
    parent_why: str | None = None
    postgres: MemoryLevel | None
    """The PostgreSQL server's."""
    postgres_why: str | None = None


class LoadLevel(Section, frozen=True, kw_only=True):
    """A figure that was sampled while the load was on, in the unit that its holder names."""

    n: int
    """Samples, or steps between two, that tell it."""
    mean: float
    """Its mean."""
    max: float
    """The greatest of them."""


class Resources(Section, frozen=True, kw_only=True):
    """What the run took: memory, the workers' capacity, queries."""

    rss_bytes: Memory
    """Resident memory over the whole run."""
    pool_utilisation: LoadLevel | None
    """Open executions / (slots x concurrency), 0 to 1; an empty slot has none open."""
    pool_utilisation_why: str | None = None
    queue_queries_per_s: LoadLevel | None
    """Statements on the queue's tables a second, by pg_stat_statements."""
    queue_queries_per_s_why: str | None = None


SERVER_UNSEEN = "the server was given by DSN: its processes cannot be seen"
NO_SAMPLE = "no sample tells it"


def resources_section(history: History, window: Window | str) -> Resources:
    """Memory over the whole run; utilisation and queries while the load was on.

    `window` = when it was on, or why it never was.
    """
    samples = history.records.of(ResourceSample)
    if isinstance(window, str):
        used, queries, why_not_used, why_no_queries = None, None, window, window
    else:
        used, queries = _utilisation(samples, window), _queries_per_s(samples, window)
        why_not_used = "no sample was taken while the load was on"
        why_no_queries = _why_no_queries(history)
    return Resources(
        rss_bytes=_memory(history, samples),
        pool_utilisation=used,
        pool_utilisation_why=why_none(used, why_not_used),
        queue_queries_per_s=queries,
        queue_queries_per_s_why=why_none(queries, why_no_queries),
    )


def _memory(history: History, samples: list[ResourceSample]) -> Memory:
    children, parent, postgres = (
        _memory_of(samples, subject) for subject in ("children", "parent", "postgres")
    )
    return Memory(
        children=children,
        children_why=why_none(children, NO_SAMPLE),
        parent=parent,
        parent_why=why_none(parent, NO_SAMPLE),
        postgres=postgres,
        postgres_why=why_none(postgres, SERVER_UNSEEN if _is_given(history) else NO_SAMPLE),
    )


def _memory_of(samples: list[ResourceSample], subject: str) -> MemoryLevel | None:
    of_it = [sample for sample in samples if sample.subject == subject]
    values = [sample.rss_bytes for sample in of_it if sample.rss_bytes is not None]
    if not values:
        return None
    processes = [sample.processes for sample in of_it if sample.processes is not None]
    return MemoryLevel(
        n=len(values),
        mean=round(sum(values) / len(values)),
        max=max(values),
        last=values[-1],
        processes=round(sum(processes) / len(processes), 6) if processes else None,
    )


def _utilisation(samples: list[ResourceSample], window: Window) -> LoadLevel | None:
    """Open executions / (slots x concurrency); an empty slot has none open (METHODOLOGY)."""
    shares = [
        (sample.open_executions or 0) / sample.capacity
        for sample in samples
        if sample.capacity and window.from_ns <= sample.t_ns <= window.to_ns
    ]
    if not shares:
        return None
    mean = round(sum(shares) / len(shares), 6)
    return LoadLevel(n=len(shares), mean=mean, max=round(max(shares), 6))


def _queries_per_s(samples: list[ResourceSample], window: Window) -> LoadLevel | None:
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
    return LoadLevel(
        n=len(steps),
        mean=round(calls * 1e9 / spent_ns, 3),
        max=round(max(step * 1e9 / lasted_ns for step, lasted_ns in steps), 3),
    )


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

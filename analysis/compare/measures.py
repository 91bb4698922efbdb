"""What is compared between cells: a table of figures, and how each is found in a summary.

A figure that a summary does not have is left out, so that older and newer summaries, and scenarios
to which a figure does not apply, go side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, get_args

from analysis.figures import Figures
from worker_child.protocol import ErrorClass

Better = Literal["less", "more"]


@dataclass(frozen=True, slots=True)
class Value:
    """One figure of one run or of one kill.

    `number` is infinite where the truth is only known to lie above `above` (None = never seen).
    """

    number: float
    above: float | None = None
    limited: bool | None = False
    """The machine stalled meanwhile; None = nobody can say. Either way it is never pooled."""

    @property
    def poolable(self) -> bool:
        """Whether it may go into a median."""
        return self.limited is False


@dataclass(frozen=True)
class RunMeasure:
    """One figure a run. `scale` turns the summary's unit into the one of `title`."""

    title: str
    path: tuple[str, ...]
    better: Better | None
    limited_by: tuple[str, ...] | None = None
    """Where the summary says whether the machine stalled; None = no timing, it cannot be."""
    scale: float = 1.0
    awaited: bool = False
    """It must come some time: where it has not, it is one that was never seen."""

    def value(self, summary: Figures) -> Value | None:
        """None = the summary has no such figure."""
        number = at(summary, self.path)
        limited = False if self.limited_by is None else at(summary, self.limited_by)
        if isinstance(number, int | float):
            return Value(number * self.scale, limited=limited)
        holder = at(summary, self.path[:-1])
        if not isinstance(holder, Mapping):
            return None
        if holder.get("above") is not None:
            return Value(inf, holder["above"] * self.scale, limited)
        return Value(inf, None, limited) if self.awaited else None


@dataclass(frozen=True)
class KillMeasure:
    """One figure a kill. `expected` says of a kill's block whether it must come some time: if it
    must and has not come, it is one that was never seen, else it does not apply."""

    title: str
    key: str
    better: Better | None
    expected: Callable[[Figures], bool]
    timing: bool = True

    def value(self, block: Figures) -> Value | None:
        """None = it does not apply to this kill, or the summary does not have it."""
        if self.key not in block:
            return None
        limited = block.get("machine_limited") if self.timing else False
        number = block[self.key]
        if number is not None:
            return Value(float(number), limited=limited)
        return Value(inf, None, limited) if self.expected(block) else None


def at(figures: Any, path: tuple[str, ...]) -> Any:
    """What stands there; None where there is no such place. A list's entry is named by `what`."""
    for key in path:
        if isinstance(figures, list):
            figures = next((entry for entry in figures if entry["what"] == key), None)
        else:
            figures = figures.get(key) if isinstance(figures, Mapping) else None
    return figures


def _latencies() -> list[RunMeasure]:
    asked = {
        "pickup": ("p50", "p95", "p99", "p99_9"),
        "pickup_uncorrected": ("p50", "p99"),
        "total": ("p50", "p95", "p99"),
    }
    return [
        RunMeasure(
            f"{name.replace('_', ' ')} {percentile.replace('_', '.')}, ms",
            ("latency_ms", name, percentile),
            "less",
            ("latency_ms", name, "machine_limited"),
        )
        for name, percentiles in asked.items()
        for percentile in percentiles
    ]


def _error_rates() -> list[RunMeasure]:
    return [
        RunMeasure(f"error rate, {error_class}", ("errors", "by_class", error_class, "rate"), None)
        for error_class in (*get_args(ErrorClass), "unplanned")
    ]


def _retries() -> list[RunMeasure]:
    asked = {
        "retry spacing": ("spacing_s", ("p50", "p95")),
        "announced retry delay": ("planned_delay_s", ("p50", "p95")),
        "latency added by retries": ("latency_added_s", ("p50", "p95")),
    }
    return [
        RunMeasure(
            f"{title} {percentile}, s",
            ("errors", "retries", key, percentile),
            None,
            _LOAD_LIMITED,
        )
        for title, (key, percentiles) in asked.items()
        for percentile in percentiles
    ]


def _recoveries() -> list[RunMeasure]:
    return [
        RunMeasure(
            f"backlog back after the {what}, s",
            ("queue", "recovery", what, "recovered_s"),
            "less",
            _LOAD_LIMITED,
            awaited=True,
        )
        for what in ("burst", "errors")
    ]


_LOAD_LIMITED = ("throughput_machine_limited",)
_TENANTS_LIMITED = ("tenants", "machine_limited")
_MIB = 1 / (1 << 20)

RUN_MEASURES: tuple[RunMeasure, ...] = (
    RunMeasure("throughput, jobs/s", ("throughput_per_s",), "more", _LOAD_LIMITED),
    *_latencies(),
    RunMeasure(
        "tenant latency ratio, pickup", ("tenants", "latency_ratio_pickup"), None, _TENANTS_LIMITED
    ),
    RunMeasure(
        "tenant latency ratio, total", ("tenants", "latency_ratio_total"), None, _TENANTS_LIMITED
    ),
    RunMeasure("tenant throughput ratio", ("tenants", "throughput_ratio"), None, _TENANTS_LIMITED),
    RunMeasure("error rate", ("errors", "rate"), None),
    *_error_rates(),
    RunMeasure("executions a job, mean", ("errors", "attempts", "mean"), None),
    *_retries(),
    RunMeasure("backlog, mean jobs", ("queue", "backlog", "mean"), "less", _LOAD_LIMITED),
    RunMeasure("backlog, most jobs", ("queue", "backlog", "max"), "less", _LOAD_LIMITED),
    *_recoveries(),
    RunMeasure("drain after the load, s", ("queue", "drain_s"), "less", _LOAD_LIMITED),
    RunMeasure("pool utilisation, mean", ("resources", "pool_utilisation", "mean"), None),
    RunMeasure(
        "workers' memory, most MiB",
        ("resources", "rss_bytes", "children", "max"),
        "less",
        scale=_MIB,
    ),
    RunMeasure(
        "PostgreSQL's memory, most MiB",
        ("resources", "rss_bytes", "postgres", "max"),
        "less",
        scale=_MIB,
    ),
    RunMeasure(
        "queries/s on the queue, mean", ("resources", "queue_queries_per_s", "mean"), "less"
    ),
)
"""One row each, where any of the compared runs has it."""


def _respawned(block: Figures) -> bool:
    return block.get("respawned_s") is not None


def _some_orphan(block: Figures) -> bool:
    return bool(block.get("orphans"))


def _some_unfinished_orphan(block: Figures) -> bool:
    finished = (block.get("found") or {}).get("finished_unacknowledged") or 0
    return (block.get("orphans") or 0) > finished


def _always(_: Figures) -> bool:
    return True


def _never(_: Figures) -> bool:
    return False


KILL_MEASURES: tuple[KillMeasure, ...] = (
    KillMeasure("worker resumes", "time_to_resume_s", "less", _respawned),
    KillMeasure("... from its respawn", "resume_after_respawn_s", "less", _respawned),
    KillMeasure("... from its readiness", "resume_after_ready_s", "less", _respawned),
    KillMeasure("a survivor's next pickup", "survivor_next_pickup_s", "less", _never),
    KillMeasure("first orphan picked up", "first_orphan_pickup_s", "less", _some_orphan),
    KillMeasure("... predicted at the latest", "predicted_bound_s", None, _never, timing=False),
    KillMeasure("last orphan settled", "last_orphan_settled_s", "less", _some_unfinished_orphan),
    KillMeasure("backlog back", "backlog_recovered_s", "less", _always),
    KillMeasure("orphans found, jobs", "orphans", None, _never, timing=False),
    KillMeasure("duplicates, jobs", "duplicates", None, _never, timing=False),
)
"""Seconds from the kill unless the title says otherwise."""

COUNTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("jobs enqueued", ("jobs", "enqueued")),
    ("completed once", ("jobs", "completed_once")),
    ("**duplicated**", ("jobs", "duplicated")),
    ("**lost**", ("jobs", "lost")),
    ("**stranded**", ("jobs", "stranded")),
    ("discarded", ("jobs", "discarded")),
    ("pending", ("jobs", "pending")),
    ("ambiguous", ("jobs", "ambiguous")),
    ("late", ("jobs", "late")),
    ("deduplicated", ("jobs", "deduplicated")),
    ("rejected", ("jobs", "rejected")),
    ("not enqueued", ("jobs", "not_enqueued")),
    ("duplicate executions by crash", ("crash", "duplicates_by_crash")),
    ("duplicate executions re-enqueued", ("crash", "duplicates_re_enqueued")),
    ("duplicate executions live", ("crash", "duplicates_live")),
    ("duplicate effects", ("crash", "duplicate_effects")),
    ("re-executions", ("crash", "re_executions")),
    ("keys that were enqueued", ("jobs", "dedup", "keys")),
    ("keys taken more than once", ("jobs", "dedup", "keys_taken_more_than_once")),
    ("keys executed more than once", ("jobs", "dedup", "keys_executed_more_than_once")),
    ("integrity surface at the kill", ("crash", "integrity_surface_at_kill")),
)
"""The ledger, and what the kills did: title and place in the summary."""
ALWAYS_SHOWN = 5
"""So many of `COUNTS` are shown even where they are nought in every run."""

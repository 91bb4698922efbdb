"""Who gets how much: latencies and completions by tenant, and the noisy one against all others.

System-wide jobs have no tenant and stay out.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from analysis.figures import Figures, put
from analysis.history.columns import ABSENT, Bools, Ints
from analysis.history.history import History
from analysis.metrics.latency import Instants, by_group, distribution
from analysis.metrics.throughput import Window

NOISY: Final = "t0000"
"""Of a skewed distribution the workload gives tenant number 0 the noisy share."""
SKEWED: Final = "skewed"
FEW: Final = 5
"""So many tenants stand among the slowest and the quickest."""
MEASURES: Final = ("pickup", "total")


def fairness(
    history: History, times: Instants, window: Window | str, distribution_name: str
) -> Figures:
    """The tenants' block. `distribution_name` is the scenario's workload.tenants.distribution."""
    tenants = history.enqueues.tenant
    tenant = tenants.by_job(history.enqueues.job, len(history.jobs))
    counted = np.where(times.counted, tenant, ABSENT)
    noisy = tenants.names.index(NOISY) if NOISY in tenants.names else None
    figures: Figures = {"distribution": distribution_name, "count": len(tenants.names)}
    if distribution_name != SKEWED:
        noisy, why = None, f"no tenant is the noisy one: the distribution is {distribution_name}"
    else:
        why = "the noisy tenant has no job"
    put(figures, "noisy", NOISY if noisy is not None else None, why)
    is_noisy = counted == (noisy if noisy is not None else ABSENT - 1)
    is_quiet = (counted != ABSENT) & ~is_noisy
    put(figures, "noisy_ms", _pooled(times, is_noisy) if noisy is not None else None, why)
    figures["quiet_ms"] = _pooled(times, is_quiet)
    _put_ratios(figures, times, window, {"noisy": is_noisy, "quiet": is_quiet})
    each = _each(tenants.names, times, counted, window)
    figures["each"] = each
    figures["slowest"] = [_name_and_p95(row) for row in _by_pickup(each)[::-1][:FEW]]
    figures["quickest"] = [_name_and_p95(row) for row in _by_pickup(each)[:FEW]]
    return figures


def _pooled(times: Instants, jobs: Bools) -> Figures:
    measures = times.measures()
    return {name: distribution(*measures[name], jobs) for name in MEASURES}


def _put_ratios(
    figures: Figures, times: Instants, window: Window | str, groups: dict[str, Bools]
) -> None:
    """Latency ratios: noisy p95 / quiet p95. Throughput ratio: (noisy completed / enqueued) /
    (quiet completed / enqueued), of the jobs intended in the window those completed in it."""
    nobody = figures.get("noisy_why")
    for name in MEASURES:
        ratio, why = None, nobody or ""
        if not nobody:
            noisy, quiet = (figures[f"{who}_ms"][name]["p95"] for who in ("noisy", "quiet"))
            ratio, why = _ratio(noisy, quiet, f"the p95 of {name}")
        put(figures, f"latency_ratio_{name}", ratio, why)
    shares: dict[str, float | None] = {}
    for who, jobs in groups.items():
        found = _in_window(times, jobs, window)
        put(figures, f"{who}_in_window", found, str(window))
        shares[who] = (
            found["completed"] / found["enqueued"] if found and found["enqueued"] else None
        )
    ratio, why = _ratio(shares["noisy"], shares["quiet"], "the share of completed jobs")
    put(figures, "throughput_ratio", None if nobody else ratio, nobody or why)


def _ratio(noisy: float | None, quiet: float | None, what: str) -> tuple[float | None, str]:
    for who, value in (("noisy tenant", noisy), ("quiet tenants", quiet)):
        if value is None:
            return None, f"{what} of the {who} cannot be had"
    if not quiet:
        return None, f"{what} of the quiet tenants is nought"
    return round(noisy / quiet, 6), ""  # type: ignore[operator]


def _in_window(times: Instants, jobs: Bools, window: Window | str) -> Figures | None:
    if isinstance(window, str):
        return None
    enqueued = jobs & window.holds(times.intended)
    completed = enqueued & (times.completed <= window.to_ns)
    return {"enqueued": int(enqueued.sum()), "completed": int(completed.sum())}


def _each(names: list[str], times: Instants, tenant: Ints, window: Window | str) -> list[Figures]:
    """One row a tenant, in the order of their names."""
    measures = times.measures()
    latencies = {name: by_group(*measures[name], tenant, len(names)) for name in MEASURES}
    rows: list[Figures] = [
        {"tenant": tenant_name, **{name: latencies[name][place] for name in MEASURES}}
        for place, tenant_name in enumerate(names)
    ]
    if isinstance(window, str):
        return rows
    enqueued = (tenant != ABSENT) & window.holds(times.intended)
    completed = enqueued & (times.completed <= window.to_ns)
    for what, jobs in (("enqueued", enqueued), ("completed", completed)):
        for row, count in zip(rows, _count(tenant[jobs], len(names)), strict=True):
            row[f"{what}_in_window"] = count
    return rows


def _count(codes: Ints, length: int) -> list[int]:
    counts: list[int] = np.bincount(codes, minlength=length).tolist()
    return counts


def _by_pickup(each: list[Figures]) -> list[Figures]:
    """The quickest first; a p95 among the censored is beyond every other."""
    known = [row for row in each if row["pickup"]["n"]]

    def place(row: Figures) -> tuple[bool, Any, str]:
        p95 = row["pickup"]["p95"]
        return p95 is None, p95 or 0.0, row["tenant"]

    return sorted(known, key=place)


def _name_and_p95(row: Figures) -> Figures:
    return {"tenant": row["tenant"], "pickup_p95_ms": row["pickup"]["p95"]}


def by_label(history: History, times: Instants) -> dict[str, Figures]:
    """pickup and total of every kind and of every class of job, milliseconds."""
    enqueues = history.enqueues
    measures = times.measures()
    found: dict[str, Figures] = {}
    for what, labels in (("kind", enqueues.kind), ("class", enqueues.job_class)):
        codes = labels.by_job(enqueues.job, len(history.jobs))
        counted = np.where(times.counted, codes, ABSENT)
        columns = {name: by_group(*measures[name], counted, len(labels.names)) for name in MEASURES}
        found[what] = {
            label: {name: columns[name][place] for name in MEASURES}
            for place, label in enumerate(labels.names)
        }
    return found

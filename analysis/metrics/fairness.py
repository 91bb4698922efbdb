"""Who gets how much: latencies and completions by tenant, and the noisy one against all others.

System-wide jobs have no tenant and stay out.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
import numpy as np

from analysis.evidence.hiccups import LOAD_UNSAMPLED
from analysis.history.columns import ABSENT, Bools, Ints, Labels
from analysis.history.history import History
from analysis.metrics.latency import (
    Distribution,
    Instants,
    Percentiles,
    PickupAndTotal,
    by_group,
    distribution,
)
from analysis.metrics.throughput import Window
from analysis.section import Section, why_none

NOISY: Final = "t0000"
"""Of a skewed distribution the workload gives tenant number 0 the noisy share."""
SKEWED: Final = "skewed"
FEW: Final = 5
"""So many tenants stand among the slowest and the quickest."""
MEASURES: Final = ("pickup", "total")


class PooledTenants(Section, frozen=True, kw_only=True):
    """The latencies of all jobs of some tenants together."""

    pickup: Distribution
    """From the intended enqueue to the first start."""
    total: Distribution
    """From the intended enqueue to the first completion."""


class InWindow(Section, frozen=True, kw_only=True):
    """Jobs that were intended while the load was on."""

    enqueued: int
    """How many there are."""
    completed: int
    """Those of them that were completed while it was on."""


class Tenant(Section, frozen=True, kw_only=True):
    """One tenant's jobs."""

    tenant: str
    """Who it is."""
    pickup: Percentiles
    """From the intended enqueue to the first start, ms."""
    total: Percentiles
    """From the intended enqueue to the first completion, ms."""
    enqueued_in_window: int | None = None
    """Jobs intended while the load was on; left out where there was no load."""
    completed_in_window: int | None = None
    """Those of them that were completed while it was on."""


class TenantAndPickup(Section, frozen=True, kw_only=True):
    """A tenant among the slowest or the quickest."""

    tenant: str
    """Who it is."""
    pickup_p95_ms: float | None
    """Its 95th percentile of pickup, ms; null = it falls among jobs that were never started."""


class Tenants(Section, frozen=True, kw_only=True):
    """Who gets how much. Jobs of the system as a whole have no tenant and stay out."""

    distribution: str
    """How the scenario deals the jobs out to tenants."""
    count: int
    """Tenants that have a job."""
    noisy: str | None
    """The tenant that a skewed distribution gives the noisy share to."""
    noisy_why: str | None = None
    noisy_ms: PooledTenants | None
    """The noisy tenant's latencies, ms."""
    noisy_ms_why: str | None = None
    quiet_ms: PooledTenants
    """All others' latencies, ms."""
    latency_ratio_pickup: float | None
    """p95 of pickup of the noisy tenant over that of the others."""
    latency_ratio_pickup_why: str | None = None
    latency_ratio_total: float | None
    """p95 of total of the noisy tenant over that of the others."""
    latency_ratio_total_why: str | None = None
    noisy_in_window: InWindow | None
    """The noisy tenant's jobs while the load was on."""
    noisy_in_window_why: str | None = None
    quiet_in_window: InWindow | None
    """The others' jobs while the load was on."""
    quiet_in_window_why: str | None = None
    throughput_ratio: float | None
    """completed / enqueued in the window of the noisy tenant over that of the others."""
    throughput_ratio_why: str | None = None
    each: list[Tenant]
    """One a tenant, by their names."""
    slowest: list[TenantAndPickup]
    """The five with the greatest p95 of pickup, the slowest first."""
    quickest: list[TenantAndPickup]
    """The five with the least p95 of pickup, the quickest first."""
    machine_limited: bool | None
    """Whether the machine stalled, or the producer woke late, while jobs were under way."""
    machine_limited_why: str | None = None


class _Ratio(NamedTuple):
    """Noisy over quiet, or why that cannot be had: one of the two is None."""

    value: float | None
    why: str | None


def fairness(
    history: History,
    times: Instants,
    window: Window | str,
    distribution_name: str,
    limited: bool | None,
) -> Tenants:
    """The tenants' section. `window` = when the load was on, or why it never was;
    `distribution_name` is the scenario's workload.tenants.distribution; `limited` = whether the
    machine stalled meanwhile, None = nobody knows."""
    tenants = history.enqueues.tenant
    tenant = tenants.by_job(history.enqueues.job, len(history.jobs))
    counted = np.where(times.counted, tenant, ABSENT)
    nobody = _why_nobody_is_noisy(tenants.names, distribution_name)
    is_noisy = counted == (ABSENT - 1 if nobody else tenants.names.index(NOISY))
    is_quiet = (counted != ABSENT) & ~is_noisy
    noisy_ms, quiet_ms = None if nobody else _pooled(times, is_noisy), _pooled(times, is_quiet)
    pickup, total = (_latency_ratio(noisy_ms, quiet_ms, name, nobody) for name in MEASURES)
    noisy_in, quiet_in = (_in_window(times, jobs, window) for jobs in (is_noisy, is_quiet))
    throughput = _throughput_ratio(noisy_in, quiet_in, nobody)
    each = _each(tenants.names, times, counted, window)
    by_pickup = _by_pickup(each)
    return Tenants(
        distribution=distribution_name,
        count=len(tenants.names),
        noisy=None if nobody else NOISY,
        noisy_why=nobody,
        noisy_ms=noisy_ms,
        noisy_ms_why=nobody,
        quiet_ms=quiet_ms,
        latency_ratio_pickup=pickup.value,
        latency_ratio_pickup_why=pickup.why,
        latency_ratio_total=total.value,
        latency_ratio_total_why=total.why,
        noisy_in_window=noisy_in,
        noisy_in_window_why=why_none(noisy_in, str(window)),
        quiet_in_window=quiet_in,
        quiet_in_window_why=why_none(quiet_in, str(window)),
        throughput_ratio=throughput.value,
        throughput_ratio_why=throughput.why,
        each=each,
        slowest=[_name_and_p95(row) for row in by_pickup[::-1][:FEW]],
        quickest=[_name_and_p95(row) for row in by_pickup[:FEW]],
        machine_limited=limited,
        machine_limited_why=why_none(limited, LOAD_UNSAMPLED),
    )


def _why_nobody_is_noisy(names: list[str], distribution_name: str) -> str | None:
    """None = somebody is."""
    if distribution_name != SKEWED:
        return f"no tenant is the noisy one: the distribution is {distribution_name}"
    return None if NOISY in names else "the noisy tenant has no job"


def _pooled(times: Instants, jobs: Bools) -> PooledTenants:
    pickup, total = (distribution(*times.measures()[name], jobs) for name in MEASURES)
    return PooledTenants(pickup=pickup, total=total)


def _latency_ratio(
    noisy_ms: PooledTenants | None, quiet_ms: PooledTenants, name: str, nobody: str | None
) -> _Ratio:
    """Noisy p95 / quiet p95."""
    if noisy_ms is None:
        return _Ratio(None, nobody)
    noisy, quiet = (getattr(pooled, name).p95 for pooled in (noisy_ms, quiet_ms))
    return _ratio(noisy, quiet, f"the p95 of {name}")


def _throughput_ratio(noisy: InWindow | None, quiet: InWindow | None, nobody: str | None) -> _Ratio:
    """(noisy completed / enqueued) / (quiet completed / enqueued), of the jobs intended in the
    window those completed in it."""
    if nobody:
        return _Ratio(None, nobody)
    return _ratio(_share(noisy), _share(quiet), "the share of completed jobs")


def _share(found: InWindow | None) -> float | None:
    return found.completed / found.enqueued if found and found.enqueued else None


def _ratio(noisy: float | None, quiet: float | None, what: str) -> _Ratio:
    if noisy is None:
        return _Ratio(None, f"{what} of the noisy tenant cannot be had")
    if quiet is None:
        return _Ratio(None, f"{what} of the quiet tenants cannot be had")
    if not quiet:
        return _Ratio(None, f"{what} of the quiet tenants is nought")
    return _Ratio(round(noisy / quiet, 6), None)


def _in_window(times: Instants, jobs: Bools, window: Window | str) -> InWindow | None:
    if isinstance(window, str):
        return None
    enqueued = jobs & window.holds(times.intended)
    completed = enqueued & (times.completed <= window.to_ns)
    return InWindow(enqueued=int(enqueued.sum()), completed=int(completed.sum()))


def _each(names: list[str], times: Instants, tenant: Ints, window: Window | str) -> list[Tenant]:
    """One a tenant, in the order of their names."""
    measures = times.measures()
    pickup, total = (by_group(*measures[name], tenant, len(names)) for name in MEASURES)
    enqueued: list[int] | list[None] = [None] * len(names)
    completed: list[int] | list[None] = [None] * len(names)
    if not isinstance(window, str):
        intended = (tenant != ABSENT) & window.holds(times.intended)
        enqueued = _count(tenant[intended], len(names))
        completed = _count(tenant[intended & (times.completed <= window.to_ns)], len(names))
    return [
        Tenant(
            tenant=name,
            pickup=pickup[place],
            total=total[place],
            enqueued_in_window=enqueued[place],
            completed_in_window=completed[place],
        )
        for place, name in enumerate(names)
    ]


def _count(codes: Ints, length: int) -> list[int]:
    counts: list[int] = np.bincount(codes, minlength=length).tolist()
    return counts


def _by_pickup(each: list[Tenant]) -> list[Tenant]:
    """The quickest first; a p95 among the censored is beyond every other."""
    known = [row for row in each if row.pickup.n]

    def place(row: Tenant) -> tuple[bool, float, str]:
        p95 = row.pickup.p95
        return p95 is None, p95 or 0.0, row.tenant

    return sorted(known, key=place)


def _name_and_p95(row: Tenant) -> TenantAndPickup:
    return TenantAndPickup(tenant=row.tenant, pickup_p95_ms=row.pickup.p95)


class ByLabel(Section, frozen=True, kw_only=True):
    """Latencies of groups of jobs, by a group's name."""

    kind: dict[str, PickupAndTotal]
    """By kind of job."""
    job_class: dict[str, PickupAndTotal] = msgspec.field(name="class")
    """By class of job: short, medium or long."""


def by_label(history: History, times: Instants) -> ByLabel:
    """pickup and total of every kind and of every class of job, milliseconds."""
    enqueues = history.enqueues
    return ByLabel(
        kind=_of_labels(enqueues.kind, history, times),
        job_class=_of_labels(enqueues.job_class, history, times),
    )


def _of_labels(labels: Labels, history: History, times: Instants) -> dict[str, PickupAndTotal]:
    codes = labels.by_job(history.enqueues.job, len(history.jobs))
    counted = np.where(times.counted, codes, ABSENT)
    measures = times.measures()
    pickup, total = (by_group(*measures[name], counted, len(labels.names)) for name in MEASURES)
    return {
        label: PickupAndTotal(pickup=pickup[place], total=total[place])
        for place, label in enumerate(labels.names)
    }

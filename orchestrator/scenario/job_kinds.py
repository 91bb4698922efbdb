"""The shape of a job: the methodology's classes and kinds, and what a scenario makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, log

from orchestrator.scenario.draws import rational
from orchestrator.scenario.types import JobClass, Kind, KindOverride, Scenario, WorkloadSettings
from worker_child.adapters.contract import Offer
from worker_child.protocol import Profile

US_PER_S = 1_000_000

QUERY_US = 80_000
"""No query of a DB job is planned longer; each must stay under 100 ms with some room."""

CPU_ITERATIONS_PER_US = 2
"""Rounds of PBKDF2-HMAC-SHA256 that stand for a microsecond of planned CPU time.

A core of 2020 does 2 to 4 with OpenSSL. The count is fixed, so that every machine and language
does the same work; how long it takes is the machine's affair.
"""


@dataclass(frozen=True, slots=True)
class ClassBounds:
    """Between which lengths a class lies, before `time_scale`, microseconds."""

    low_us: int
    high_us: int
    scaled: bool


@dataclass(frozen=True, slots=True)
class KindShape:
    """What a kind of job is like."""

    job_class: JobClass
    profile: Profile
    tenant_scoped: bool
    length_us: int | None = None
    """Where the scenario fixes it; else it is drawn within the class."""


CLASSES: dict[JobClass, ClassBounds] = {
    "short": ClassBounds(5_000, 250_000, scaled=False),
    "medium": ClassBounds(1_000_000, 30_000_000, scaled=True),
    "long": ClassBounds(30_000_000, 300_000_000, scaled=True),
}
"""In ascending order, which `time_scale` must not change."""

KINDS: dict[Kind, KindShape] = {
    "document_process": KindShape("long", "external_api", tenant_scoped=True),
    "document_batch_analyze": KindShape("long", "external_api", tenant_scoped=True),
    "entity_update": KindShape("short", "db", tenant_scoped=True),
    "entity_enrich": KindShape("medium", "external_api", tenant_scoped=True),
    "tenant_rollup": KindShape("medium", "db", tenant_scoped=True),
    "tenant_snapshot": KindShape("short", "db", tenant_scoped=True),
    "daily_coordinator": KindShape("short", "db", tenant_scoped=False),
    "monthly_coordinator": KindShape("short", "db", tenant_scoped=False),
    "notification_deliver": KindShape("short", "external_api", tenant_scoped=True),
}
"""In the order in which draws are mapped to kinds: changing it changes every workload."""


COORDINATORS: dict[Kind, Kind] = {
    "daily_coordinator": "tenant_snapshot",
    "monthly_coordinator": "tenant_rollup",
}
"""The kinds that fan out, and into which per-tenant jobs."""


def kind_shape(settings: WorkloadSettings, kind: Kind) -> KindShape:
    """The methodology's shape of `kind`, with the scenario's overrides."""
    shape, override = KINDS[kind], settings.kinds.get(kind, KindOverride())
    scoped = override.tenant_scoped
    return KindShape(
        job_class=override.job_class or shape.job_class,
        profile=override.profile or shape.profile,
        tenant_scoped=shape.tenant_scoped if scoped is None else scoped,
        length_us=None if override.length_s is None else round(override.length_s * US_PER_S),
    )


def shares(settings: WorkloadSettings) -> dict[Kind, Fraction]:
    """Every kind's exact share in the order of `KINDS`, whatever the file's order was."""
    return {kind: rational(settings.mix.get(kind, 0.0)) for kind in KINDS}


def fan_out_shares(settings: WorkloadSettings) -> dict[Kind, Fraction]:
    """Per-tenant jobs of each kind for one job of the stream, on average."""
    return {
        kind: shares(settings)[coordinator] * settings.fan_out
        for coordinator, kind in COORDINATORS.items()
        if settings.fan_out and settings.mix.get(coordinator)
    }


def kinds_at_work(settings: WorkloadSettings) -> set[Kind]:
    """Every kind of which a job may come: from the stream, held, or fanned out."""
    enqueued = {
        *settings.mix,
        *(group.kind for group in settings.held),
        *(wave.kind for wave in settings.waves),
    }
    fanned = {COORDINATORS[kind] for kind in enqueued & COORDINATORS.keys()}
    return enqueued | fanned if settings.fan_out else enqueued


def needed_offers(scenario: Scenario) -> list[Offer]:
    """What the scenario needs of a library beyond what every adapter does."""
    settings = scenario.workload
    of_faults = {offer for fault in scenario.faults for offer in fault.NEEDS}
    needs: dict[Offer, bool] = {
        "fan_out": settings.fan_out > 0,
        "dedup": settings.dedup is not None,
        "cache": settings.cache is not None,
        "sigterm": "sigterm" in of_faults,
        "child_processes": "child_processes" in of_faults,
        "worker_name": "worker_name" in of_faults,
    }
    return [offer for offer, needed in needs.items() if needed]


def length_bounds_us(job_class: JobClass, time_scale: float) -> tuple[int, int]:
    """Between which lengths a class lies under `time_scale`, microseconds, both included."""
    bounds = CLASSES[job_class]
    factor = rational(time_scale) if bounds.scaled else Fraction(1)
    return max(1, round(bounds.low_us * factor)), max(2, round(bounds.high_us * factor))


def mean_length_s(job_class: JobClass, time_scale: float) -> float:
    """The mean of the log-uniform distribution: (high - low) / ln(high / low)."""
    low_us, high_us = length_bounds_us(job_class, time_scale)
    return (high_us - low_us) / log(high_us / low_us) / US_PER_S


def queries(profile: Profile, length_us: int) -> int:
    """Into how many queries of equal length a DB job divides its time."""
    return ceil(length_us / QUERY_US) if profile == "db" else 0


def cpu_iterations(profile: Profile, length_us: int) -> int:
    """How many rounds a CPU job burns."""
    return length_us * CPU_ITERATIONS_PER_US if profile == "cpu" else 0

"""Whether the workers can carry the load of a scenario, by arithmetic, before anything runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from orchestrator.scenario.arrivals import peak_rate
from orchestrator.scenario.draws import rational
from orchestrator.scenario.job_kinds import (
    US_PER_S,
    KindShape,
    fan_out_shares,
    kind_shape,
    length_bounds_us,
    mean_length_s,
    shares,
)
from orchestrator.scenario.types import Scenario, WorkloadSettings

OVERHEAD_S = 0.1
"""What claiming and acknowledging may add to a job."""

_OVERHEAD = rational(OVERHEAD_S)
MOST_UTILISATION = Fraction(3, 5)
MOST_CPU_SHARE = Fraction(1, 2)
"""Above these a queue's own delay could no longer be told from a lack of workers."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the load asks of the workers. Planned failures are executed too, and count."""

    total_concurrency: int
    """slots x concurrency."""
    slots: int
    longest_length_s: float
    executions_per_job: Fraction
    cores: int
    length: Fraction
    """Planned wall-clock length of an execution, seconds: exact where lengths are fixed, so that a
    load of just what is allowed is allowed."""
    fan_out: Fraction
    """How long the jobs that coordinators enqueue occupy a worker, for one job of the stream."""
    peak_rate: Fraction
    """The curve's highest rate of jobs, a second; several enqueuers of one key make one job."""
    cpu_demand: Fraction
    """Cores that the CPU jobs keep busy at the peak rate."""

    @property
    def mean_length_s(self) -> float:
        """Planned wall-clock length of an execution."""
        return float(self.length)

    @property
    def peak_rate_per_s(self) -> float:
        """The curve's highest rate of jobs."""
        return float(self.peak_rate)

    @property
    def cpu_demand_cores(self) -> float:
        """Cores that the CPU jobs keep busy at the peak rate."""
        return float(self.cpu_demand)

    @property
    def work(self) -> Fraction:
        """Seconds that a job occupies a worker, all its executions and per-tenant jobs together."""
        return (self.length + _OVERHEAD) * self.executions_per_job + self.fan_out

    @property
    def filled(self) -> Fraction:
        """The share of the total concurrency that the peak rate occupies."""
        return self.peak_rate * self.work / self.total_concurrency

    @property
    def utilisation(self) -> float:
        """The share of the total concurrency that the peak rate occupies."""
        return float(self.filled)

    @property
    def sustainable_rate_per_s(self) -> float:
        """The rate of jobs at which every worker always runs as many as it can."""
        return float(self.total_concurrency / self.work)

    def backlog(self, outage_s: float, slots_out: int | None = None) -> float:
        """How many jobs an outage of `slots_out` workers (None = all) leaves, at the peak rate."""
        out = self.slots if slots_out is None else slots_out
        living_per_s = self.sustainable_rate_per_s * (self.slots - out) / self.slots
        return outage_s * max(0.0, self.peak_rate_per_s - living_per_s)

    def catch_up_s(self, outage_s: float, slots_out: int | None = None) -> float | None:
        """How long after an outage of `slots_out` workers (None = all) the backlog lasts; None = it
        never ends.

        backlog / (sustainable rate - rate), at the peak rate.
        """
        backlog = self.backlog(outage_s, slots_out)
        spare_per_s = self.sustainable_rate_per_s - self.peak_rate_per_s
        if not backlog:
            return 0.0
        return backlog / spare_per_s if spare_per_s > 0 else None

    @property
    def refusals(self) -> list[str]:
        """Why a scenario without ``over_capacity`` may not run; empty = it may."""
        found = []
        if self.filled > MOST_UTILISATION:
            most = MOST_UTILISATION * self.total_concurrency / self.work
            most_per_s = floor(most * 1000) / 1000
            wanted = ceil(self.peak_rate * self.work / MOST_UTILISATION)
            found.append(
                f"{self.peak_rate_per_s:g} jobs/s x {float(self.work):.3f} s a job would fill "
                f"{self.utilisation:.1%} of the workers' total concurrency of "
                f"{self.total_concurrency} (slots x concurrency), at most "
                f"{float(MOST_UTILISATION):.0%} are allowed: bring the highest rate down to "
                f"{most_per_s:g} jobs/s, or the total concurrency up to {wanted}, or set "
                "over_capacity = true"
            )
        if self.cpu_demand > MOST_CPU_SHARE * self.cores:
            found.append(
                f"the CPU jobs would keep {self.cpu_demand_cores:.2f} cores busy, at most "
                f"{float(MOST_CPU_SHARE):.0%} of this machine's {self.cores} are allowed: lower "
                "their share or workload.rate_per_s, or set over_capacity = true"
            )
        return found


def capacity(scenario: Scenario, cores: int | None = None) -> Capacity:
    """Weigh the scenario's load against its workers on a machine of `cores` (None = this one)."""
    settings = scenario.workload
    weights = shares(settings)
    total = sum(weights.values())
    mean = cpu = Fraction(0)
    for kind, weight in weights.items():
        if not weight:
            continue
        shape = kind_shape(settings, kind)
        length = weight / total * _mean(shape, settings.time_scale)
        mean += length
        cpu += length if shape.profile == "cpu" else 0
    fan_out = Fraction(0)
    for kind, per_job in fan_out_shares(settings).items():
        fan_out += per_job * (_mean(kind_shape(settings, kind), settings.time_scale) + _OVERHEAD)
    executions = 1 + sum((rational(e.share) * e.failures for e in settings.errors), Fraction(0))
    rate = peak_rate(settings) / _enqueues_per_job(settings)
    if settings.closed_loop:
        # One job at a time, however many the rate would allow.
        rate = min(rate, 1 / ((mean + _OVERHEAD) * executions))
    return Capacity(
        total_concurrency=scenario.workers.slots * scenario.workers.concurrency,
        slots=scenario.workers.slots,
        longest_length_s=longest_length_s(settings),
        executions_per_job=executions,
        cores=len(os.sched_getaffinity(0)) if cores is None else cores,
        length=mean,
        fan_out=fan_out,
        peak_rate=rate,
        cpu_demand=rate * cpu * executions,
    )


def distinct_rate_per_s(settings: WorkloadSettings) -> float:
    """How many jobs a second the scenario's rate comes to; several enqueues of one key are one."""
    return settings.rate_per_s / float(_enqueues_per_job(settings))


def _enqueues_per_job(settings: WorkloadSettings) -> Fraction:
    if settings.cache is not None:
        # Each address is one job's work, and they come into play evenly over the stream.
        asks = rational(settings.rate_per_s) * rational(settings.duration_s)
        return max(Fraction(1), asks / settings.cache.unique_addresses)
    at_once = settings.dedup is not None and settings.dedup.apart_s == 0
    return Fraction(settings.dedup.enqueuers if settings.dedup is not None and at_once else 1)


def longest_length_s(settings: WorkloadSettings) -> float:
    """The longest planned length that a job of the scenario can have."""
    used = [kind_shape(settings, kind) for kind, share in shares(settings).items() if share > 0]
    used += [kind_shape(settings, kind) for kind in fan_out_shares(settings)]
    held_s = [group.length_s for group in settings.held]
    held_s += [wave.length_s for wave in settings.waves]
    stream_s = [_longest_s(shape, settings.time_scale) for shape in used]
    return max([*stream_s, *held_s], default=0.0)


def _mean(shape: KindShape, time_scale: float) -> Fraction:
    if shape.length_us is not None:
        return Fraction(shape.length_us, US_PER_S)
    return Fraction(mean_length_s(shape.job_class, time_scale))


def _longest_s(shape: KindShape, time_scale: float) -> float:
    if shape.length_us is not None:
        return shape.length_us / US_PER_S
    return length_bounds_us(shape.job_class, time_scale)[1] / US_PER_S

"""Whether the workers can carry the load of a scenario, by arithmetic, before anything runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import ceil, floor

from orchestrator.scenario.arrivals import peak_rate_per_s
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

MOST_UTILISATION = 0.6
MOST_CPU_SHARE = 0.5
"""Above these a queue's own delay could no longer be told from a lack of workers."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the load asks of the workers. Planned failures are executed too, and count."""

    total_concurrency: int
    """slots x concurrency."""
    mean_length_s: float
    """Planned wall-clock length of an execution."""
    longest_length_s: float
    executions_per_job: float
    fan_out_s_per_job: float
    """How long the jobs that coordinators enqueue occupy a worker, for one job of the stream."""
    peak_rate_per_s: float
    """The curve's highest rate of jobs."""
    cpu_demand_cores: float
    """Cores that the CPU jobs keep busy at the peak rate."""
    cores: int

    @property
    def work_s_per_job(self) -> float:
        """How long a job occupies a worker, all its executions and per-tenant jobs together."""
        executions_s = (self.mean_length_s + OVERHEAD_S) * self.executions_per_job
        return executions_s + self.fan_out_s_per_job

    @property
    def utilisation(self) -> float:
        """The share of the total concurrency that the peak rate occupies."""
        return self.peak_rate_per_s * self.work_s_per_job / self.total_concurrency

    @property
    def sustainable_rate_per_s(self) -> float:
        """The rate of jobs at which every worker always runs as many as it can."""
        return self.total_concurrency / self.work_s_per_job

    def catch_up_s(self, outage_s: float) -> float | None:
        """How long after an outage of all workers the backlog lasts; None = it never ends.

        outage x rate / (sustainable rate - rate), at the peak rate.
        """
        spare_per_s = self.sustainable_rate_per_s - self.peak_rate_per_s
        return outage_s * self.peak_rate_per_s / spare_per_s if spare_per_s > 0 else None

    @property
    def refusals(self) -> list[str]:
        """Why a scenario without ``over_capacity`` may not run; empty = it may."""
        found = []
        if self.utilisation > MOST_UTILISATION:
            most_per_s = floor(MOST_UTILISATION * self.sustainable_rate_per_s * 1000) / 1000
            wanted = ceil(self.peak_rate_per_s * self.work_s_per_job / MOST_UTILISATION)
            found.append(
                f"{self.peak_rate_per_s:g} jobs/s x {self.work_s_per_job:.3f} s a job would fill "
                f"{self.utilisation:.1%} of the workers' total concurrency of "
                f"{self.total_concurrency} (slots x concurrency), at most {MOST_UTILISATION:.0%} "
                f"are allowed: bring the highest rate down to {most_per_s:g} jobs/s, or the total "
                f"concurrency up to {wanted}, or set over_capacity = true"
            )
        if self.cpu_demand_cores > MOST_CPU_SHARE * self.cores:
            found.append(
                f"the CPU jobs would keep {self.cpu_demand_cores:.2f} cores busy, at most "
                f"{MOST_CPU_SHARE:.0%} of this machine's {self.cores} are allowed: lower their "
                "share or workload.rate_per_s, or set over_capacity = true"
            )
        return found


def capacity(scenario: Scenario, cores: int | None = None) -> Capacity:
    """Weigh the scenario's load against its workers on a machine of `cores` (None = this one)."""
    settings = scenario.workload
    weights = {kind: float(share) for kind, share in shares(settings).items()}
    total = sum(weights.values())
    mean_s = cpu_s = 0.0
    for kind, weight in weights.items():
        shape = kind_shape(settings, kind)
        length_s = weight / total * _mean_s(shape, settings.time_scale)
        mean_s += length_s
        cpu_s += length_s if shape.profile == "cpu" else 0.0
    fan_out_s = 0.0
    for kind, per_job in fan_out_shares(settings).items():
        length_s = _mean_s(kind_shape(settings, kind), settings.time_scale)
        fan_out_s += float(per_job) * (length_s + OVERHEAD_S)
    executions = 1 + sum(error.share * error.failures for error in settings.errors)
    rate_per_s = peak_rate_per_s(settings)
    if settings.closed_loop:
        # One job at a time, however many the rate would allow.
        rate_per_s = min(rate_per_s, 1 / ((mean_s + OVERHEAD_S) * executions))
    return Capacity(
        total_concurrency=scenario.workers.slots * scenario.workers.concurrency,
        mean_length_s=mean_s,
        longest_length_s=longest_length_s(settings),
        executions_per_job=executions,
        fan_out_s_per_job=fan_out_s,
        peak_rate_per_s=rate_per_s,
        cpu_demand_cores=rate_per_s * cpu_s * executions,
        cores=len(os.sched_getaffinity(0)) if cores is None else cores,
    )


def longest_length_s(settings: WorkloadSettings) -> float:
    """The longest planned length that a job of the scenario can have."""
    used = [kind_shape(settings, kind) for kind, share in shares(settings).items() if share > 0]
    used += [kind_shape(settings, kind) for kind in fan_out_shares(settings)]
    held_s = [group.length_s for group in settings.held]
    stream_s = [_longest_s(shape, settings.time_scale) for shape in used]
    return max([*stream_s, *held_s], default=0.0)


def _mean_s(shape: KindShape, time_scale: float) -> float:
    if shape.length_us is not None:
        return shape.length_us / US_PER_S
    return mean_length_s(shape.job_class, time_scale)


def _longest_s(shape: KindShape, time_scale: float) -> float:
    if shape.length_us is not None:
        return shape.length_us / US_PER_S
    return length_bounds_us(shape.job_class, time_scale)[1] / US_PER_S

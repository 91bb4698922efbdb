"""What was asked of a run: the parts of the resolved scenario that the judgement rests on."""

from __future__ import annotations

from typing import Any

import msgspec

from analysis.history.history import History
from worker_child.protocol import Note, held_job_id, stream_job_id


class AskedWorkers(msgspec.Struct, frozen=True):
    """Of the scenario's workers."""

    slots: int = 1
    concurrency: int = 1
    max_attempts: int = 1


class AskedCurve(msgspec.Struct, frozen=True):
    """Of the load's curve; a burst lasts `length_s` from `from_s` on."""

    shape: str = "steady"
    from_s: float | None = None
    length_s: float | None = None


class AskedErrors(msgspec.Struct, frozen=True):
    """Of one set of planned errors: when the jobs that fail are intended."""

    from_s: float | None = None
    to_s: float | None = None


class AskedTenants(msgspec.Struct, frozen=True):
    """Of the scenario's tenants."""

    distribution: str = "uniform"


class AskedDedup(msgspec.Struct, frozen=True):
    """How many enqueue each key."""

    enqueuers: int


class AskedWorkload(msgspec.Struct, frozen=True):
    """Of the scenario's workload."""

    warmup_s: float = 0.0
    time_scale: float = 1.0
    curve: AskedCurve = AskedCurve()
    errors: tuple[AskedErrors, ...] = ()
    tenants: AskedTenants = AskedTenants()
    dedup: AskedDedup | None = None


class AskedLimits(msgspec.Struct, frozen=True):
    """Of the scenario's limits."""

    backlog_margin_s: float = 0.0
    max_bound_s: float | None = None


class AskedFault(msgspec.Struct, frozen=True):
    """Of one entry of the scenario's faults."""

    at_s: float | None = None
    repeat: int | None = None
    respawn_after_s: float | None = None


class Asked(msgspec.Struct, frozen=True):
    """Of the scenario as a whole."""

    effects: bool = True
    workers: AskedWorkers = AskedWorkers()
    workload: AskedWorkload = AskedWorkload()
    limits: AskedLimits = AskedLimits()
    faults: list[AskedFault] = []
    expectations: dict[str, Any] = {}


def asked_of(history: History) -> Asked:
    """Read the resolved scenario of a run. Raises msgspec.ValidationError."""
    return msgspec.convert(history.start.scenario, Asked)


def planned_kills(faults: list[AskedFault]) -> list[AskedFault]:
    """By a fault's number: the entry that it comes from.

    A repeated entry stands for as many kills; those planned for an instant are numbered in the
    order of time, all others keep their place (as `orchestrator.faults.plan.plan_kills` has it).
    """
    kills = [fault for fault in faults for _ in range(fault.repeat or 1)]
    timed = iter(sorted((k for k in kills if k.at_s is not None), key=lambda k: k.at_s or 0.0))
    return [kill if kill.at_s is None else next(timed) for kill in kills]


def started_ns(history: History) -> int | None:
    """T = 0: the first intended enqueue; None = the run did not come so far."""
    if history.end is not None and history.end.started_ns is not None:
        return history.end.started_ns
    for note in history.records.of(Note):
        if note.code == "phase" and note.detail.get("phase") == "load":
            return note.t_ns
    return None


def unplanned(history: History) -> list[str]:
    """Ids that some line names and that the workload never planned, in order.

    A child ``x/3`` of a planned job x is planned. Without a run_end nobody knows what was.
    """
    end = history.end
    if end is None:
        return []
    planned = {"j": (end.stream_jobs, stream_job_id), "h": (end.held_jobs, held_job_id)}

    def is_planned(job_id: str) -> bool:
        root = job_id.partition("/")[0]
        digits = root[1:]
        if root[:1] not in planned or not (digits.isascii() and digits.isdecimal()):
            return False
        count, name = planned[root[0]]
        return int(digits) < count and name(int(digits)) == root

    ids = history.jobs
    beyond = [stream_job_id(i) for i in ids.stream[ids.stream >= end.stream_jobs].tolist()]
    return sorted([*beyond, *(job_id for job_id in ids.others if not is_planned(job_id))])

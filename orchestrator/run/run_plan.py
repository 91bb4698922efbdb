"""What the supervisor is told, and what it tells while it works."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.scenario.job_kinds import kinds_at_work
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import Workload
from worker_child.adapters.contract import Adapter, Preset
from worker_child.protocol import PROTOCOL_VERSION, ClockAnchor, Init, session_name


class Phase(Enum):
    """Where a run stands; each one's beginning is noted in the history."""

    SETUP = "setup"
    LOAD = "load"
    HOLD = "hold"
    DRAIN = "drain"
    STOP = "stop"
    AUDIT = "audit"


class Interrupted(Exception):  # noqa: N818 - it is a wish, not an error
    """The user asked the run to end (SIGINT or SIGTERM)."""


@dataclass(frozen=True)
class Status:
    """What a live view shows; all counts so far."""

    phase: Phase
    elapsed_s: float
    enqueued: int
    """Jobs; by the producer and, fanned out, by other jobs."""
    completed: int
    in_flight: int
    kills: int
    duplicates: int
    waiting_for: str


@dataclass(frozen=True)
class Orders:
    """What a run is to do, resolved and validated."""

    run_id: str
    scenario: Scenario
    library: str
    adapter: Adapter
    preset: Preset
    ordinal: int
    workload: Workload
    longest_length_s: float
    provider_url: str | None = None
    """None = external-API jobs sleep."""


def worker_init(
    orders: Orders, dsn: str, clock_anchor: ClockAnchor, slot: int, incarnation: int
) -> Init:
    """What one incarnation is told. Its event descriptor is known only when it is spawned."""
    workers, workload = orders.scenario.workers, orders.scenario.workload
    return Init(
        protocol=PROTOCOL_VERSION,
        run_id=orders.run_id,
        role="worker",
        slot=slot,
        incarnation=incarnation,
        library=orders.library,
        settings=orders.preset.settings,
        dsn=dsn,
        application_name=session_name(orders.run_id, slot, incarnation),
        concurrency=workers.concurrency,
        pool_size=workers.pool_size,
        max_attempts=workers.max_attempts,
        kinds=tuple(sorted(kinds_at_work(workload))),
        effects=orders.scenario.effects,
        event_fd=-1,
        clock_anchor=clock_anchor,
        provider=orders.provider_url,
    )

"""What a run is to do, and what each of its workers is told."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from orchestrator.run.request import Request
from orchestrator.scenario.job_kinds import kinds_at_work
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.worker_faults import named_slots
from orchestrator.scenario.workload import Workload
from worker_child.adapters.contract import Adapter, Preset
from worker_child.names import lasting_name, session_name
from worker_child.protocol import PROTOCOL_VERSION, ClockAnchor, Init


@dataclass(frozen=True)
class RunPlan:
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


def plan_run(request: Request, provider_url: str | None = None) -> RunPlan:
    """What a supervisor is told of a request."""
    return RunPlan(
        run_id=request.run_id,
        scenario=request.scenario,
        library=request.library,
        adapter=request.adapter,
        preset=request.preset,
        ordinal=request.ordinal,
        workload=request.resolved.workload,
        longest_length_s=request.resolved.capacity.longest_length_s,
        provider_url=provider_url,
    )


def worker_init(
    plan: RunPlan, dsn: str, clock_anchor: ClockAnchor, slot: int, incarnation: int
) -> Init:
    """What one incarnation is told. Its event descriptor is known only when it is spawned."""
    workers, workload = plan.scenario.workers, plan.scenario.workload
    is_named = slot in named_slots(plan.scenario.faults)
    return Init(
        protocol=PROTOCOL_VERSION,
        run_id=plan.run_id,
        role="worker",
        slot=slot,
        incarnation=incarnation,
        library=plan.library,
        settings=plan.preset.settings,
        dsn=dsn,
        application_name=session_name(plan.run_id, slot, incarnation),
        concurrency=workers.concurrency,
        pool_size=workers.pool_size,
        max_attempts=workers.max_attempts,
        kinds=tuple(sorted(kinds_at_work(workload))),
        effects=plan.scenario.effects,
        event_fd=-1,
        clock_anchor=clock_anchor,
        provider=plan.provider_url,
        worker_name=lasting_name(plan.run_id, slot) if is_named else UNSET,
    )

"""The first line of a history: everything that is needed to repeat a run and to judge it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from orchestrator.history.records import HISTORY_VERSION, RunStart
from orchestrator.postgres.server import Server
from orchestrator.run import environment
from orchestrator.run.request import Request, offers_of
from orchestrator.scenario.job_kinds import needed_offers

_COMPARABLE = ("server", "workload", "workers", "faults", "effects", "limits")
"""The parts of a scenario that must be equal before two runs may be pooled."""


def run_start(
    request: Request, server: Server, worker_start: Mapping[str, str] = MappingProxyType({})
) -> RunStart:
    """Describe the run that is about to begin on `server`.

    `worker_start` says how its workers come to be, where they are not all started anew.
    """
    resolved, preset = request.resolved, request.preset
    machine = environment.describe(request.results) | dict(worker_start)
    postgres = server.description
    version = request.adapter.version()
    comparable: dict[str, Any] = {
        "scenario": {key: resolved.table[key] for key in _COMPARABLE},
        "library": request.library,
        "library_version": version,
        "adapter_sha256": request.adapter_sha256,
        "settings": preset.settings,
        "postgres": {key: value for key, value in postgres.items() if key != "measured"},
        "history_version": HISTORY_VERSION,
        "code": machine["code"],
        "python": machine["python"],
        "packages": machine["packages"],
        "kernel": machine["kernel"],
        **worker_start,
    }
    return RunStart(
        t_ns=time.monotonic_ns(),
        history_version=HISTORY_VERSION,
        scenario_name=resolved.scenario.name,
        library=request.library,
        preset=preset.name,
        ordinal=request.ordinal,
        seed=resolved.scenario.seed,
        scenario=resolved.scenario,
        scenario_sha256=resolved.digest,
        settings=preset.settings,
        library_version=version,
        rescue=preset.rescue,
        acknowledges_in_transaction=preset.acknowledges_in_transaction,
        periods_s=preset.periods_s,
        environment={**machine, "postgres": postgres},
        cell_hash=environment.cell_hash(comparable),
        parity=dict(preset.parity),
        adapter_sha256=request.adapter_sha256,
        offers=offers_of(request.adapter),
        needs=tuple(needed_offers(resolved.scenario)),
        planned_stream_jobs=_planned_stream_jobs(request),
        changed_settings=dict(request.changes),
        preset_hash=request.preset_hash,
        invocation=request.invocation,
    )


def _planned_stream_jobs(request: Request) -> int | None:
    """None where the run cuts the stream: a closed loop sends as many as finish in time."""
    closed_loop = request.scenario.workload.closed_loop
    return None if closed_loop else request.resolved.workload.stream_jobs

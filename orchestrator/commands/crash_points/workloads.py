"""The two workloads whose round trips are enumerated, as scenarios: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from orchestrator.run.request import offers_of
from orchestrator.scenario.faults import DELIVERY_LIMIT_S
from orchestrator.scenario.load import scenario_from_resolved
from orchestrator.scenario.triggered import AtPoint
from orchestrator.scenario.types import Scenario
from worker_child.adapters.contract import Adapter, Preset
from worker_child.protocol import HoldPoint, Rescue

WorkloadName = Literal["single", "batch"]
WORKLOADS: tuple[WorkloadName, ...] = ("single", "batch")

FRESH_JOBS = 2
"""Jobs that come once everything is over: does the queue still work?"""
LONGEST_IDLE_S = 60.0
"""A library's rhythms up to this length are waited for; longer ones are not seen."""
_IDLE_MARGIN = 1.1
_IDLE_LEAST_S = 1.0
_LENGTH_S = 0.02
_BATCH_LENGTH_S = 0.2
"""So that all have been started before the first of them ends."""
_COORDINATOR, _CHILD = "daily_coordinator", "tenant_rollup"
_RESPAWN_AFTER_S = 0.1
_BATCH = 3
_CONCURRENCY = 10
Least = tuple[int, int]
"""A worker's concurrency and the size of its pool."""
SMALLEST_FIRST: tuple[Least, ...] = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 4))
"""Tried one after the other: some queues take no single one."""
_SEED = 1
_DRAIN_S = 15.0
_READY_S = 20.0
_RESCUER_READY_S = 2.0
"""What is allowed for a second worker to come, and to look around."""


@dataclass(frozen=True)
class Ability:
    """What of the workloads a library can do."""

    fans_out: bool
    retries: bool
    least: Least
    """The smallest worker that it takes."""

    @classmethod
    def of(cls, adapter: Adapter, preset: Preset, least: Least) -> Ability:
        """By what its adapter offers and says of itself."""
        return cls(
            least=least,
            fans_out="fan_out" in offers_of(adapter),
            retries=not preset.parity.get("retries", "").startswith("nobody"),
        )


def idle_s(preset: Preset) -> float:
    """How long a worker without jobs is watched: the longest of its rhythms up to a minute."""
    known = [period_s for period_s in preset.periods_s.values() if period_s <= LONGEST_IDLE_S]
    return max([_IDLE_LEAST_S, *(period_s * _IDLE_MARGIN for period_s in known)])


def plainest_scenario(least: Least) -> Scenario:
    """What every queue can do: by it its presets are looked at before anything is asked of it."""
    nothing = Ability(fans_out=False, retries=False, least=least)
    return _scenario("crash_points", "One job after another.", "single", nothing, 0.0, {})


def listing_scenario(workload: WorkloadName, ability: Ability, preset: Preset) -> Scenario:
    """Without harm: every round trip is noted. A worker with one job at a time is first watched
    without any."""
    quiet_s = idle_s(preset) if workload == "single" else 0.0
    return _scenario(
        f"crash_points_{workload}",
        "Nobody is harmed: the round trips between the worker and the database are listed.",
        workload,
        ability,
        quiet_s,
        {"list_round_trips": True},
    )


def kill_scenario(
    name: str, workload: WorkloadName, ability: Ability, point: AtPoint, quiet_s: float
) -> Scenario:
    """A kill at one round trip; `quiet_s` is how long the worker is left without jobs for it."""
    fault = {"what": "kill", "respawn_after_s": _RESPAWN_AFTER_S, "at_point": _table_of(point)}
    description = f"The worker is killed {point.side} one of its round trips with the database."
    return _scenario(name, description, workload, ability, quiet_s, {"faults": [fault]})


def body_scenario(name: str, workload: WorkloadName, ability: Ability, hold: HoldPoint) -> Scenario:
    """A kill while the first job, or all three of *batch*, stand at one place of their body."""
    fault = {"what": "kill", "respawn_after_s": _RESPAWN_AFTER_S, "when_held": True}
    description = "The worker is killed while its jobs are held at one place of their body."
    return _scenario(name, description, workload, ability, 0.0, {"faults": [fault]}, hold=hold)


def deliver_within_s(rescue: Rescue | None, max_bound_s: float) -> float:
    """How long a delayed request waits at most, so that its jobs can be rescued meanwhile, once the
    next worker is ready, seconds."""
    return _RESCUER_READY_S if rescue is None else min(stall_s(rescue), max_bound_s)


def delay_scenario(
    name: str,
    workload: WorkloadName,
    ability: Ability,
    point: AtPoint,
    quiet_s: float,
    within_s: float,
) -> Scenario:
    """A kill before one round trip, whose request is delivered when the next worker is there."""
    fault = {
        "what": "kill",
        "respawn_after_s": _RESPAWN_AFTER_S,
        "deliver_within_s": within_s,
        "at_point": _table_of(point),
    }
    description = (
        "The worker is killed before one of its round trips with the database, and the request is "
        "delivered when another worker is there."
    )
    limits = {
        "drain_s": _DRAIN_S + within_s,
        "ready_s": _READY_S,
        # The certificate waits for the delivery, then for the end of its session.
        "sessions_gone_s": _RESPAWN_AFTER_S + _READY_S + within_s + DELIVERY_LIMIT_S + _DRAIN_S,
    }
    return _scenario(
        name, description, workload, ability, quiet_s, {"faults": [fault]}, limits=limits
    )


def stall_s(rescue: Rescue) -> float:
    """How long a worker stands still, so that its jobs can be rescued meanwhile, seconds."""
    return rescue.bound_s(_RESCUER_READY_S) + _RESCUER_READY_S


def stall_scenario(
    name: str,
    workload: WorkloadName,
    ability: Ability,
    point: AtPoint,
    quiet_s: float,
    stalled_s: float,
) -> Scenario:
    """The worker's connections stand still at one round trip while another worker is there."""
    fault = {"what": "stall", "stall_s": stalled_s, "at_point": _table_of(point)}
    description = (
        f"The worker's connections stand still {point.side} one of its round trips with the "
        "database while another worker is there; then everything flows again."
    )
    more = {"faults": [fault]}
    waits_s = {"drain_s": _DRAIN_S, "ready_s": _READY_S}
    limits = {name: limit_s + stalled_s for name, limit_s in waits_s.items()}
    return _scenario(name, description, workload, ability, quiet_s, more, slots=2, limits=limits)


def rescue_scenario(ability: Ability, completion: AtPoint, stalled_s: float) -> Scenario:
    """A worker stands still where its job is completed, and the round trips of the one that comes
    meanwhile are listed."""
    fault = {
        "what": "stall",
        "stall_s": stalled_s,
        "at_point": _table_of(completion),
        "list_rescuer": True,
    }
    description = (
        "A worker stands still where its job is completed, and the round trips of the worker that "
        "comes meanwhile are listed."
    )
    return _stalled("crash_points_rescue", description, ability, fault, stalled_s)


def race_scenario(
    name: str, ability: Ability, completion: AtPoint, rescuer_at: AtPoint, stalled_s: float
) -> Scenario:
    """The rescuer's race: a worker stands still where its job is completed, another one is held at
    one of its round trips, the completion is let through, then the other one."""
    fault = {
        "what": "stall",
        "stall_s": stalled_s,
        "at_point": _table_of(completion),
        "rescuer_at": _table_of(rescuer_at),
    }
    description = (
        "A rescuer is held at one of its round trips with the database while the worker whose job "
        "it rescues completes that job; then it goes on."
    )
    return _stalled(name, description, ability, fault, stalled_s)


def _stalled(
    name: str, description: str, ability: Ability, fault: Mapping[str, Any], stalled_s: float
) -> Scenario:
    waits_s = {"drain_s": _DRAIN_S, "ready_s": _READY_S}
    limits = {name: limit_s + stalled_s for name, limit_s in waits_s.items()}
    more = {"faults": [fault]}
    return _scenario(name, description, "single", ability, 0.0, more, slots=2, limits=limits)


def _table_of(point: AtPoint) -> dict[str, Any]:
    return {
        "statement": point.statement,
        "ordinal": point.ordinal,
        "with_rows": point.with_rows,
        "side": point.side,
        **({} if point.phase is None else {"phase": point.phase}),
        **({} if point.wave is None else {"wave": point.wave}),
    }


def _scenario(
    name: str,
    description: str,
    workload: WorkloadName,
    ability: Ability,
    quiet_s: float,
    more: Mapping[str, Any],
    *,
    slots: int = 1,
    limits: Mapping[str, float] = MappingProxyType({}),
    hold: HoldPoint | None = None,
) -> Scenario:
    waves = (
        _single(ability)
        if workload == "single"
        else [{"count": _BATCH, "length_s": _BATCH_LENGTH_S}]
    )
    if hold is not None:
        waves = [{**waves[0], "hold": hold}]
    concurrency, pool_size = ability.least if workload == "single" else (_CONCURRENCY, _BATCH)
    return scenario_from_resolved(
        {
            "name": name,
            "description": description,
            "seed": _SEED,
            "preset": "tuned",
            "over_capacity": True,
            "workload": {
                "duration_s": 1.0,
                "rate_per_s": 1.0,
                "mix": {"notification_deliver": 1.0},
                "kinds": {_CHILD: {"class": "short", "length_s": _LENGTH_S}},
                "fan_out": int(any(wave.get("kind") == _COORDINATOR for wave in waves)),
                "waves": [*waves, {"count": FRESH_JOBS}],
                "waves_from": "ready" if workload == "single" else "before",
                "idle_s": quiet_s,
            },
            "workers": {"slots": slots, "concurrency": concurrency, "pool_size": pool_size},
            "limits": {
                "backlog_margin_s": 2.0,
                "confirm_s": 0.5,
                "drain_s": _DRAIN_S,
                **limits,
            },
            "expectations": dict.fromkeys(_NOT_JUDGED, "none"),
            **more,
        }
    )


def _single(ability: Ability) -> list[dict[str, Any]]:
    """One job each: a plain one, one that fails once, one that enqueues another."""
    waves: list[dict[str, Any]] = [{}]
    if ability.retries:
        waves.append({"failures": 1})
    if ability.fans_out:
        waves.append({"kind": _COORDINATOR})
    return waves


_NOT_JUDGED = (
    "lost",
    "stranded",
    "given_up",
    "discarded_unplanned",
    "unplanned_failures",
    "missing_children",
    "late_first_orphans",
)
"""What became of the jobs names the point; it does not make its run fail."""

"""Whether what is done at a round trip can come about: the waves that it waits for, its worker, its
side."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.scenario.faults import DELIVERY_LIMIT_S, BackendTerminate, Kill, Stall
from orchestrator.scenario.reader import Flaw
from orchestrator.scenario.triggered import AtPoint
from orchestrator.scenario.types import Scenario


def check_waves(scenario: Scenario) -> Iterator[Flaw]:
    """Waves have an end and nothing beside them; what needs them has them."""
    settings = scenario.workload
    if not settings.waves:
        given = {
            "workload.waves_from": settings.waves_from != "ready",
            "workload.idle_s": settings.idle_s > 0,
            "list_round_trips": scenario.list_round_trips,
        }
        for key, is_given in given.items():
            if is_given:
                yield Flaw(key, ": only a stream that comes in waves has it; give workload.waves")
        return
    beside = {
        "endless": settings.endless,
        "closed_loop": settings.closed_loop,
        "dedup": settings.dedup is not None,
        "held": bool(settings.held),
        "errors": bool(settings.errors),
    }
    for key, is_given in beside.items():
        if is_given:
            yield Flaw(f"workload.{key}", " does not go with workload.waves")
    holding = [index for index, wave in enumerate(settings.waves) if wave.hold is not None]
    sent_first = settings.waves_from == "before" and len(settings.waves) == 1
    if len(holding) > 1 or (holding == [len(settings.waves) - 1] and not sent_first):
        yield Flaw(
            "workload.waves",
            ": one wave alone may hold its jobs, and not the last: that goes out after the fault",
        )
    for index, fault in enumerate(scenario.faults):
        if fault.at_point is None and not fault.when_held:
            yield Flaw(
                f"faults.{index}",
                ": in workload.waves a fault has the trigger at_point, or when_held",
            )


def check_points(scenario: Scenario) -> Iterator[Flaw]:
    """A fault at a round trip is alone, in slot 0, and finds a stream that waits for it."""
    for index, fault in enumerate(scenario.faults):
        at = f"faults.{index}.at_point"
        if fault.at_point is None:
            continue
        if not scenario.workload.waves:
            yield Flaw(at, " needs jobs that come in workload.waves")
        if len(scenario.faults) > 1:
            yield Flaw(at, " stands beside other faults; it must be alone")
        if fault.slots != (0,):
            yield Flaw(at, ": the proxy stands before the worker of slot 0")
        yield from _acknowledgement(at, fault.at_point)


def _acknowledgement(at: str, point: AtPoint) -> Iterator[Flaw]:
    """Without a statement: it is known by what it has done, once."""
    if point.statement is not None:
        return
    if point.side != "after":
        known = "without a statement it is the acknowledgement, which is known after it alone"
        yield Flaw(f"{at}.side", f" = {point.side}: {known}")
    other = {
        "phase": point.phase not in (None, "completed"),
        "ordinal": point.ordinal != 1,
        "with_rows": point.with_rows,
    }
    for key, given in other.items():
        if given:
            yield Flaw(f"{at}.{key}", ": without a statement it is the acknowledgement, once")


def check_delays(scenario: Scenario) -> Iterator[Flaw]:
    """A request is late when its worker was killed at it and another process has its place."""
    for index, fault in enumerate(scenario.faults):
        delayed = fault.at_point is not None and fault.at_point.side == "delayed"
        if not isinstance(fault, Kill):
            if delayed:
                yield Flaw(f"faults.{index}.at_point.side", " = delayed goes with a kill alone")
            continue
        within_s = fault.deliver_within_s
        if delayed and within_s is None:
            yield Flaw(f"faults.{index}.deliver_within_s", " is missing: the side is delayed")
        if not delayed and within_s is not None:
            yield Flaw(
                f"faults.{index}.deliver_within_s", " needs a round trip, at_point.side = delayed"
            )
        if delayed and fault.respawn_after_s is None:
            yield Flaw(
                f"faults.{index}.respawn_after_s",
                " is missing: a late request waits for the next process",
            )
        if delayed and within_s is not None and fault.respawn_after_s is not None:
            limits = scenario.limits
            at_most_s = fault.respawn_after_s + limits.ready_s + within_s + DELIVERY_LIMIT_S
            if limits.sessions_gone_s <= at_most_s:
                yield Flaw(
                    "limits.sessions_gone_s",
                    f" = {limits.sessions_gone_s:g}: a late request may take {at_most_s:g} s from "
                    "the kill (respawn_after_s, limits.ready_s, deliver_within_s and "
                    f"{DELIVERY_LIMIT_S:g} s for its answer), and its session lives until then",
                )


def check_terminated(scenario: Scenario) -> Iterator[Flaw]:
    """The session that is at a round trip is found at one, and nothing else is."""
    for index, fault in enumerate(scenario.faults):
        if not isinstance(fault, BackendTerminate):
            continue
        if (fault.which == "acknowledging") != (fault.at_point is not None):
            needs = 'which = "acknowledging" and at_point need each other'
            yield Flaw(f"faults.{index}.which", f' = "{fault.which}": {needs}')


def check_stalls(scenario: Scenario) -> Iterator[Flaw]:
    """A stall has a slot beside the victim's for who comes meanwhile."""
    for index, fault in enumerate(scenario.faults):
        if not isinstance(fault, Stall):
            continue
        if fault.rescuer_slot in fault.slots or fault.rescuer_slot >= scenario.workers.slots:
            yield Flaw(
                f"faults.{index}.rescuer_slot",
                f" = {fault.rescuer_slot}: it must be another slot than {fault.slot}, below "
                f"workers.slots = {scenario.workers.slots}",
            )
        at, point = f"faults.{index}.rescuer_at", fault.rescuer_at
        if point is None:
            continue
        if fault.list_rescuer:
            yield Flaw(f"faults.{index}.list_rescuer", " does not go with rescuer_at")
        if point.side == "delayed":
            yield Flaw(f"{at}.side", " = delayed goes with a kill alone")
        if point.statement is None:
            yield Flaw(f"{at}.statement", " is missing: the rescuer is held at a statement")
        for key in ("phase", "wave"):
            if getattr(point, key) is not None:
                yield Flaw(f"{at}.{key}", ": the rescuer is new, and has none")

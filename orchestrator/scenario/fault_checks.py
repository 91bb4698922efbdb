"""Whether a scenario's faults can come about: their triggers, their victims, their order."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.scenario.arrivals import Arrivals
from orchestrator.scenario.faults import KillDuringEnqueue
from orchestrator.scenario.reader import Flaw
from orchestrator.scenario.triggered import Triggered, TriggerKey
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.worker_faults import Deploy, Terminate, named_slots

PRODUCERS_APART_S = 0.5
"""So far apart producers are killed: the next one has to be there."""


def triggers(fault: Triggered) -> list[TriggerKey]:
    """Which of the five triggers the fault names; a usable one names exactly one."""
    given: dict[TriggerKey, bool] = {
        "at_s": fault.at_s is not None,
        "when": fault.when is not None,
        "when_held": fault.when_held,
        "at_point": fault.at_point is not None,
        "repeat": fault.repeat is not None,
    }
    return [name for name, is_given in given.items() if is_given]


def planned_faults(scenario: Scenario) -> int:
    """How many faults the scenario's entries come to."""
    return sum((fault.repeat or 1) * len(fault.each) for fault in scenario.faults)


def check_triggers(scenario: Scenario) -> Iterator[Flaw]:
    """Each fault has exactly one trigger, and one that its sort takes."""
    for index, fault in enumerate(scenario.faults):
        given = triggers(fault)
        if fault.BY_JOBS:
            if given:
                what = fault.__struct_config__.tag
                yield Flaw(f"faults.{index}.{given[0]}", f" is no trigger of a {what}; it has none")
        elif len(given) != 1:
            found = " and ".join(given) or "no trigger"
            yield Flaw(
                f"faults.{index}",
                f" has {found}: exactly one of at_s, when, when_held, at_point, repeat is needed",
            )
        elif given[0] not in fault.TRIGGERS:
            what, takes = fault.__struct_config__.tag, ", ".join(fault.TRIGGERS)
            yield Flaw(f"faults.{index}.{given[0]}", f" is no trigger of a {what}; it has {takes}")


def check_victims(scenario: Scenario) -> Iterator[Flaw]:
    """Each fault's slots exist, and none is named twice."""
    slots = scenario.workers.slots
    for index, fault in enumerate(scenario.faults):
        at = f"faults.{index}.{'slots' if 'slots' in fault.__struct_fields__ else 'slot'}"
        for slot in fault.slots:
            if slot >= slots:
                known = f"slots 0 to {slots - 1}" if slots > 1 else "slot 0 alone"
                yield Flaw(at, f" = {slot}: workers.slots = {slots} makes {known}")
        if len(set(fault.slots)) < len(fault.slots):
            yield Flaw(at, " names a slot twice")


def check_timed(scenario: Scenario) -> Iterator[Flaw]:
    """A timed fault comes while jobs come."""
    settings = scenario.workload
    end_s = settings.duration_s
    for index, fault in enumerate(scenario.faults):
        at = f"faults.{index}.at_s"
        if fault.at_s is None:
            continue
        if settings.endless and fault.at_s < end_s:
            limit = f"in an endless stream no fault may come before duration_s = {end_s:g}"
            yield Flaw(at, f" = {fault.at_s:g}: {limit}")
        last_s = max(part.at_s or 0.0 for part in fault.each)
        if not settings.endless and last_s >= end_s:
            over = f"the stream is over at duration_s = {end_s:g}"
            until = f", and the last of it at {last_s:g} s" if last_s > fault.at_s else ""
            yield Flaw(at, f" = {fault.at_s:g}{until}: {over}")


def check_when(scenario: Scenario) -> Iterator[Flaw]:
    """The state that a fault waits for can come about."""
    jobs = Arrivals(scenario.workload).count
    most = scenario.workers.slots * scenario.workers.concurrency
    for index, fault in enumerate(scenario.faults):
        at, when = f"faults.{index}.when", fault.when
        if when is None:
            continue
        if when.completed is None and when.in_flight is None:
            yield Flaw(at, " is empty: name completed, in_flight or both")
        if when.completed is not None and jobs is not None and when.completed > jobs:
            yield Flaw(f"{at}.completed", f" = {when.completed}: the stream has only {jobs} jobs")
        if when.in_flight is not None and when.in_flight > most:
            yield Flaw(
                f"{at}.in_flight", f" = {when.in_flight}: slots x concurrency is only {most}"
            )


def check_repeated(scenario: Scenario) -> Iterator[Flaw]:
    """A repeated fault is alone, finds a new victim each time, and a stream that outlasts it."""
    for index, fault in enumerate(scenario.faults):
        at = f"faults.{index}"
        if fault.repeat is None:
            continue
        if not scenario.workload.endless:
            outlast = "set workload.endless = true"
            yield Flaw(f"{at}.repeat", f" needs a stream that outlasts the last kill: {outlast}")
        if fault.outage_s is None:
            yield Flaw(f"{at}.respawn_after_s", " is missing: a repeated kill needs a new victim")
        if len(scenario.faults) > 1:
            yield Flaw(f"{at}.repeat", " stands beside other faults; it must be alone")


def check_endless(scenario: Scenario) -> Iterator[Flaw]:
    """An endless stream meets a fault, after which it is cut."""
    if scenario.workload.endless and not scenario.faults:
        yield Flaw("workload.endless", " = true without a fault: nothing would ever cut the stream")
    if scenario.workload.endless and any(fault.when for fault in scenario.faults):
        yield Flaw(
            "workload.endless", " = true with a `when`: a state that never comes never ends it"
        )


def check_order(scenario: Scenario) -> Iterator[Flaw]:
    """No timed fault hits a slot that is empty after an earlier one."""
    empty_until_s: dict[int, float] = {}
    blamed: set[int] = set()
    timed = [
        (part.at_s, index, part)
        for index, fault in enumerate(scenario.faults)
        for part in fault.each
        if part.at_s is not None
    ]
    for at_s, index, part in sorted(timed, key=lambda each: each[:2]):
        outage_s = float("inf") if part.outage_s is None else part.outage_s
        for slot in part.slots:
            if at_s <= empty_until_s.get(slot, -1.0) and index not in blamed:
                blamed.add(index)
                yield Flaw(
                    f"faults.{index}.at_s", f" = {at_s:g}: slot {slot} is still empty at that time"
                )
            empty_until_s[slot] = at_s + outage_s


def check_nobody_left(scenario: Scenario) -> Iterator[Flaw]:
    """Somebody lives after the last fault, or the file says that nobody is to."""
    for_good = {
        slot: index
        for index, fault in enumerate(scenario.faults)
        if fault.outage_s is None and not fault.repeat  # a repeated one is refused by itself
        for slot in fault.slots
    }
    if scenario.nobody_left or not for_good or len(for_good) < scenario.workers.slots:
        return
    last = max(for_good.values())
    emptied = "the only slot" if len(for_good) == 1 else f"the last of the {len(for_good)} slots"
    yield Flaw(
        f"faults.{last}.respawn_after_s",
        f" is missing: {emptied} would stay empty, so that nobody is left to rescue an orphan; "
        "give it a respawn, or set nobody_left = true",
    )


def check_held(scenario: Scenario) -> Iterator[Flaw]:
    """Held jobs fit into the one worker that holds them, and a kill comes for them."""
    held = [
        *(group.count for group in scenario.workload.held),
        *(wave.count for wave in scenario.workload.waves if wave.hold is not None),
    ]
    where = "workload.held" if scenario.workload.held else "workload.waves"
    kills = [index for index, fault in enumerate(scenario.faults) if fault.when_held]
    if kills and not held:
        yield Flaw(
            f"faults.{kills[0]}.when_held",
            " = true, but neither workload.held nor workload.waves holds any jobs",
        )
    if not held:
        return
    if len(scenario.faults) != 1 or not kills:
        yield Flaw(
            where,
            f": held jobs wait for one kill, and it must be the run's only fault: when_held = true "
            f"(found {len(scenario.faults)} faults, {len(kills)} of them so)",
        )
    if scenario.workers.slots != 1:
        yield Flaw(
            "workers.slots",
            f" = {scenario.workers.slots}: with held jobs there must be one, or a survivor might "
            "claim them",
        )
    if scenario.workload.endless:
        yield Flaw("workload.endless", " = true: the stream must end before jobs are held")
    count, concurrency = sum(held), scenario.workers.concurrency
    if count > concurrency:
        yield Flaw(
            where,
            f": {count} jobs cannot be held at once by concurrency = {concurrency}",
        )


def check_taken_servers(scenario: Scenario) -> Iterator[Flaw]:
    """Nothing else is to be seen or done while the server is away."""
    for index, fault in enumerate(scenario.faults):
        if fault.TAKES_SERVER and len(scenario.faults) > 1:
            yield Flaw(
                f"faults.{index}",
                " takes the server or the queue away, from the run's own eyes as well; it must be "
                "alone",
            )


def check_stopped_work(scenario: Scenario) -> Iterator[Flaw]:
    """What stops everybody's work for a while is not asked for again before it is over."""
    seen: set[str] = set()
    for index, fault in enumerate(scenario.faults):
        what = str(fault.__struct_config__.tag)
        if fault.STOPS_WORK and what in seen:
            yield Flaw(f"faults.{index}", f" is a second {what}: one entry of it, or `repeat`")
        seen.add(what)


def check_deploys(scenario: Scenario) -> Iterator[Flaw]:
    """Several slots have their turns one after the other."""
    for index, fault in enumerate(scenario.faults):
        if not isinstance(fault, Deploy):
            continue
        at = f"faults.{index}.every_s"
        if len(fault.slots) > 1 and (fault.every_s is None or fault.at_s is None):
            yield Flaw(at, " is missing, or at_s: several slots are told to stop one by one")
        if len(fault.slots) == 1 and fault.every_s is not None:
            yield Flaw(at, " is given, and only one slot is told to stop")


def check_names(scenario: Scenario) -> Iterator[Flaw]:
    """Who bears a name bears it alone, and hands it on once."""
    named = named_slots(scenario.faults)
    for index, fault in enumerate(scenario.faults):
        if fault.overlaps and (both := named.intersection(fault.slots)):
            yield Flaw(
                f"faults.{index}",
                f" gives slot {min(both)} two workers at a time, which bear one name by a "
                "same_identity: nobody could say whose rows are whose",
            )


def check_terminations(scenario: Scenario) -> Iterator[Flaw]:
    """The second signal comes before the kill."""
    for index, fault in enumerate(scenario.faults):
        if isinstance(fault, Terminate) and fault.again_after_s >= fault.grace_s:
            yield Flaw(
                f"faults.{index}.again_after_s",
                f" = {fault.again_after_s:g}: it must come before the kill, grace_s = "
                f"{fault.grace_s:g}",
            )


def check_producers(scenario: Scenario) -> Iterator[Flaw]:
    """Who is killed while it enqueues is a process that does nothing else, one at a time."""
    instants: list[float] = []
    for index, fault in enumerate(scenario.faults):
        if not isinstance(fault, KillDuringEnqueue):
            continue
        at = f"faults.{index}"
        if scenario.workload.cache is not None:
            yield Flaw(at, ": the callers of workload.cache enqueue nothing by themselves")
        if scenario.workload.closed_loop and fault.batch > 1:
            yield Flaw(f"{at}.batch", f" = {fault.batch}: a closed loop sends one job at a time")
        mine = [part.at_s for part in fault.each if part.at_s is not None]
        if any(abs(one - other) < PRODUCERS_APART_S for one in mine for other in instants):
            near = f"less than {PRODUCERS_APART_S:g} s from another kill_during_enqueue"
            yield Flaw(f"{at}.at_s", f" = {fault.at_s:g}: {near}")
        instants += mine


def check_certificates(scenario: Scenario) -> Iterator[Flaw]:
    """The expected certificates can be had."""
    expected, planned = scenario.expectations.certificates, planned_faults(scenario)
    if expected is not None and expected > planned:
        faults = "fault" if planned == 1 else "faults"
        yield Flaw("expectations.certificates", f" = {expected}: it plans {planned} {faults}")

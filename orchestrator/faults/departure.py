"""A worker is made to leave: told to stop, killed if it does not, and another one in its place."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import msgspec

from orchestrator.faults.certificate import Closed, EndReadAtOnce
from orchestrator.faults.signals import HealedAt, gone_and_filled, ready_ns_of
from orchestrator.faults.targets import Reach, Victim, Worker, worker
from orchestrator.history.worker_faults import Departure
from orchestrator.scenario.worker_faults import Deploy, Terminate
from orchestrator.workers.child import ChildHandle

_NS_PER_S = 1_000_000_000


@dataclass
class Course:
    """How far a departure has come."""

    fault: int | None = None
    """Its number, once it has begun."""
    told_ns: int | None = None
    again_ns: int | None = None
    killed_ns: int | None = None
    successor: ChildHandle | None = None


@dataclass(frozen=True)
class Leaver(Worker):
    """The worker that is to leave."""

    entry: Deploy | Terminate
    course: Course = field(default_factory=Course)


def leaver(reach: Reach, entry: Deploy | Terminate) -> Leaver | None:
    """The worker of the entry's only slot, as for every fault of one."""
    found = worker(reach, entry)
    return None if found is None else Leaver(found.child, entry)


def terminate(reach: Reach, victim: Leaver, fault: int) -> int:
    """SIGTERM to its first process; returns the instant, stamped just before."""
    victim.course.fault = fault
    victim.course.told_ns = reach.fleet.terminate(victim.child, fault)
    return victim.course.told_ns


def terminate_again(reach: Reach, victim: Leaver, fault: int) -> int | None:
    """A second SIGTERM where it still runs; it is over when it has left, or at the end of its
    grace."""
    course, entry = victim.course, victim.entry
    assert isinstance(entry, Terminate), f"{entry} knows no second signal"
    if course.told_ns is not None and course.again_ns is None and victim.child.exit is None:
        due_ns = course.told_ns + round(entry.again_after_s * _NS_PER_S)
        if time.monotonic_ns() >= due_ns:
            course.again_ns = reach.fleet.terminate(victim.child, fault)
    return go_on(reach, victim, fault)


def begin(reach: Reach, victim: Leaver, fault: int) -> int:
    """Tell it to stop, or start its successor, which comes first where the entry says so; returns
    the instant, stamped just before."""
    begun_ns = time.monotonic_ns()
    victim.course.fault = fault
    assert isinstance(victim.entry, Deploy), f"{victim.entry} says nothing of a successor"
    if victim.entry.successor == "before":
        victim.course.successor = reach.fleet.spawn(victim.child.slot, after_fault=fault)
        return begun_ns
    begun_ns = victim.course.told_ns = reach.fleet.tell_to_stop(victim.child, fault)
    if victim.entry.successor == "at":
        victim.course.successor = reach.fleet.spawn(victim.child.slot, after_fault=fault)
    return begun_ns


def go_on(reach: Reach, victim: Leaver, fault: int) -> int | None:
    """Tell it to stop once its successor is ready; it is over when it has left, or at the end of
    its grace."""
    course, child = victim.course, victim.child
    if course.fault is None:
        return None  # it was never begun
    if child.exit is not None:
        return child.exit.reaped_ns
    if course.told_ns is None:
        assert course.successor is not None, "else it is told at once"
        if ready_ns_of(reach, course.successor) is None:
            return time.monotonic_ns() + _NS_PER_S
        course.told_ns = reach.fleet.tell_to_stop(child, fault)
    return course.told_ns + round(victim.entry.grace_s * _NS_PER_S)


def finish(reach: Reach, victim: Leaver, fault: int) -> HealedAt:
    """Kill what has not left, and fill the slot; healed when that one is gone and this one
    ready."""
    course, child = victim.course, victim.child
    if course.fault is None:
        now_ns = time.monotonic_ns()
        return lambda: now_ns
    if child.exit is None:
        course.killed_ns = reach.fleet.kill(child, fault)
    successor = course.successor or reach.fleet.spawn(child.slot, after_fault=fault)

    return gone_and_filled(
        reach, successor, lambda: None if child.exit is None else child.exit.reaped_ns
    )


def describe(entry: Deploy) -> str:
    """For a person, before the run."""
    slots = ", then ".join(map(str, entry.slots))
    every = f", one every {entry.every_s:g} s" if entry.every_s else ""
    return (
        f"a deploy of slot {slots}{every} (told to stop, killed after {entry.grace_s:g} s, the "
        f"next process {_SUCCESSORS[entry.successor]})"
    )


def describe_terminate(entry: Terminate) -> str:
    """For a person, before the run."""
    return (
        f"SIGTERM to slot {entry.slot} (once more after {entry.again_after_s:g} s, killed after "
        f"{entry.grace_s:g} s)"
    )


_SUCCESSORS = {
    "before": "ready before that",
    "at": "started at that moment",
    "after": "started after its end",
}


class DepartureCertificate:
    """The worker was told to stop, and is gone with all that it had: by itself, or killed. The rows
    that it still held are read as soon as it is."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Leaver), f"{victim} does not leave"
        self._victim = victim
        self._end = EndReadAtOnce(reach, victim)

    def before(self) -> msgspec.Struct:
        """The worker's sessions, and those of nobody."""
        return self._end.before()

    def missing(self, *, overdue: bool) -> str | None:
        """That it was told, that it has gone, and what it left."""
        course = self._victim.course
        if course.told_ns is None and not overdue:
            return "the worker to be told to stop"
        if self._victim.child.exit is None and not overdue:
            return "the worker that was told to stop to leave"
        return self._end.missing(course.fault, overdue=overdue)

    def close(self, fault: int) -> Closed:
        """What was seen."""
        closed = self._end.close(fault)
        course = self._victim.course
        seen = msgspec.structs.asdict(closed.parts)
        parts = Departure(
            **seen,
            told_ns=course.told_ns,
            again_ns=course.again_ns,
            killed_ns=course.killed_ns,
        )
        return replace(closed, parts=parts)

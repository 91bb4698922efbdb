"""A worker's first process is killed, and those that it has started live on for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import msgspec

from orchestrator.faults.certificate import Closed, EndReadAtOnce
from orchestrator.faults.signals import HealedAt, gone_and_filled
from orchestrator.faults.targets import Reach, Victim, Worker, worker
from orchestrator.history.worker_faults import LeaderEnd
from orchestrator.scenario.worker_faults import KillLeaderOnly
from orchestrator.workers.child import ChildHandle

_NS_PER_S = 1_000_000_000
_LOOK_EVERY_NS = 250_000_000
"""So often it is looked at who lives on: a look goes through all processes of the machine."""


@dataclass
class _Course:
    """How far it has come."""

    fault: int | None = None
    """Its number, once it has begun."""
    due_ns: int | None = None
    """When those that live on are killed; None = their leader has not been."""
    lived_on: set[int] = field(default_factory=set)
    looked_ns: int = 0
    still_ns: int | None = None
    killed_ns: int | None = None
    alone_ns: int | None = None
    successor: ChildHandle | None = None


@dataclass(frozen=True)
class Led(Worker):
    """The worker whose leader is killed."""

    entry: KillLeaderOnly
    course: _Course = field(default_factory=_Course)

    def look(self, reach: Reach) -> None:
        """Who lives on, once the first process has been reaped."""
        course = self.course
        now_ns = time.monotonic_ns()
        late = course.killed_ns is not None or now_ns - course.looked_ns >= _LOOK_EVERY_NS
        if self.child.exit is None or course.alone_ns is not None or not late:
            return
        course.looked_ns = now_ns
        living = self.child.survivors()
        seen_ns = time.monotonic_ns()
        if not living:
            course.alone_ns = seen_ns
            reach.fleet.nobody_lives_on(self.child)
        elif course.killed_ns is None:
            course.lived_on |= set(living)
            course.still_ns = seen_ns


def find(reach: Reach, entry: KillLeaderOnly) -> Led | None:
    """The worker of the entry's only slot, as for every fault of one."""
    found = worker(reach, entry)
    return None if found is None else Led(found.child, entry)


def kill(reach: Reach, victim: Led, fault: int) -> int:
    """SIGKILL its first process alone; returns the instant, stamped just before."""
    sent_ns = reach.fleet.kill_leader(victim.child, fault)
    victim.course.fault = fault
    victim.course.due_ns = sent_ns + round(victim.entry.survivors_for_s * _NS_PER_S)
    return sent_ns


def go_on(reach: Reach, victim: Led, fault: int) -> int | None:
    """The next worker comes as soon as the first process has ended; it is over when nobody lives
    on, or at the end of their time."""
    course = victim.course
    if course.due_ns is None:
        return None  # it was never begun
    if course.successor is None and victim.child.exit is not None:
        course.successor = reach.fleet.spawn(victim.child.slot, after_fault=fault)
    victim.look(reach)
    return course.due_ns if course.alone_ns is None else course.alone_ns


def end_the_rest(reach: Reach, victim: Led, fault: int) -> HealedAt:
    """Kill who lives on; healed when nobody does, and the next worker is ready."""
    course, child = victim.course, victim.child
    if course.due_ns is None:
        now_ns = time.monotonic_ns()
        return lambda: now_ns
    if course.alone_ns is None:
        course.killed_ns = reach.fleet.kill(child, fault)
    successor = course.successor or reach.fleet.spawn(child.slot, after_fault=fault)

    return gone_and_filled(reach, successor, lambda: course.alone_ns)


def describe(entry: KillLeaderOnly) -> str:
    """For a person, before the run."""
    return (
        f"SIGKILL of the first process of slot {entry.slot} alone (what lives on is killed after "
        f"{entry.survivors_for_s:g} s)"
    )


class LeaderCertificate:
    """The first process is gone, others of the worker were seen after that, and in the end they are
    gone as well, with all that the worker had. The rows that it still held are read then."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Led), f"{victim} has no leader"
        self._victim = victim
        self._reach = reach
        self._end = EndReadAtOnce(reach, victim)

    def before(self) -> msgspec.Struct:
        """The worker's sessions, and those of nobody."""
        return self._end.before()

    def missing(self, *, overdue: bool) -> str | None:
        """That its leader has gone, who lived on, that nobody does, and what they left."""
        course = self._victim.course
        self._victim.look(self._reach)
        if course.due_ns is not None and course.alone_ns is None and not overdue:
            return "the end of those that outlived their leader"
        return self._end.missing(course.fault, overdue=overdue)

    def close(self, fault: int) -> Closed:
        """What was seen."""
        closed = self._end.close(fault)
        course = self._victim.course
        parts = LeaderEnd(
            **msgspec.structs.asdict(closed.parts),
            lived_on=sorted(course.lived_on),
            still_ns=course.still_ns,
            killed_ns=course.killed_ns,
            alone_ns=course.alone_ns,
        )
        return replace(closed, parts=parts)

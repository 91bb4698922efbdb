"""A worker is killed, and the next one of its slot comes back under its name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from orchestrator.faults.certificate import Closed, EndReadAtOnce
from orchestrator.faults.signals import HealedAt, ready_ns_of
from orchestrator.faults.targets import Reach, Victim, Worker, worker
from orchestrator.history.worker_faults import NamesakeEnd
from orchestrator.scenario.worker_faults import SameIdentity
from orchestrator.workers.child import ChildHandle


@dataclass
class Course:
    """How far it has come."""

    fault: int | None = None
    """Its number, once the worker was killed."""
    successor: ChildHandle | None = None


@dataclass(frozen=True)
class Bearer(Worker):
    """The worker whose name the next one is to bear."""

    course: Course = field(default_factory=Course)


def bearer(reach: Reach, entry: SameIdentity) -> Bearer | None:
    """The worker of the entry's only slot, as for every fault of one."""
    found = worker(reach, entry)
    return None if found is None else Bearer(found.child)


def kill(reach: Reach, victim: Bearer, fault: int) -> int:
    """SIGKILL the process group; returns `kill_sent`, stamped just before."""
    victim.course.fault = fault
    return reach.fleet.kill(victim.child, fault)


def respawn(reach: Reach, victim: Bearer, fault: int) -> HealedAt:
    """Fill the slot with its next incarnation; healed when that is ready."""
    successor = victim.course.successor = reach.fleet.spawn(victim.child.slot, after_fault=fault)
    return lambda: ready_ns_of(reach, successor)


def describe(entry: SameIdentity) -> str:
    """For a person, before the run."""
    return f"SIGKILL of slot {entry.slot}, the next process under its worker's name,"


class NamesakeCertificate:
    """The worker is gone with all that it had, as after any kill, and the rows are read then; later
    the next one of its slot has announced itself under the same name."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Bearer), f"{victim} bears no name"
        self._reach = reach
        self._victim = victim
        self._end = EndReadAtOnce(reach, victim)

    def before(self) -> msgspec.Struct:
        """The worker's sessions, and those of nobody."""
        return self._end.before()

    def missing(self, *, overdue: bool) -> str | None:
        """Its end, then the next one's word."""
        course = self._victim.course
        missing = self._end.missing(course.fault, overdue=overdue)
        if missing is not None:
            return missing
        successor = course.successor
        if overdue or (successor is not None and ready_ns_of(self._reach, successor) is not None):
            return None
        return "the next worker of its slot to become ready"

    def close(self, fault: int) -> Closed:
        """What was seen."""
        closed = self._end.close(fault)
        ready = self._reach.tracker.ready
        successor = self._victim.course.successor
        place = None if successor is None else (successor.slot, successor.incarnation)
        first = ready.get(self._victim.place)
        then = None if place is None else ready.get(place)
        parts = NamesakeEnd(
            **msgspec.structs.asdict(closed.parts),
            identity=first.identity if first else None,
            successor=then.incarnation if then else None,
            successor_identity=then.identity if then else None,
            successor_ready_ns=then.t_ns if then else None,
        )
        return replace(closed, parts=parts)

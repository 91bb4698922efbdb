"""A stall: a worker's connections stand still while another worker is there, then flow again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from orchestrator.faults import targets
from orchestrator.faults.certificate import Closed, sessions_before
from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.round_trips import RescuerHeld
from orchestrator.history.worker_faults import SessionsBefore, StallEnd
from orchestrator.scenario.faults import Stall


@dataclass(frozen=True)
class Stalled(Worker):
    """The worker that is to stand still, and the slot of the one that comes meanwhile."""

    rescuer_slot: int


def victim(reach: Reach, entry: Stall) -> Stalled | None:
    """The worker of the entry's slot; None = it has none."""
    found = targets.worker(reach, entry)
    return None if found is None else Stalled(found.child, entry.rescuer_slot)


def freeze(reach: Reach, stalled: Stalled, fault: int) -> int:
    """Freeze its connections, then start the other worker."""
    at_ns = time.monotonic_ns()
    _watch(reach).freeze()
    reach.fleet.spawn(stalled.rescuer_slot)
    return at_ns


def release(reach: Reach, stalled: Stalled, fault: int) -> HealedAt:
    """Let everything flow again."""
    released_ns = _watch(reach).release()
    return lambda: released_ns


def rescuer_is_held(reach: Reach) -> bool:
    """Whether the other worker is held where it was to be."""
    watch = reach.watch
    return watch is not None and watch.rescuer is not None and watch.rescuer.is_holding


def describe(entry: Stall) -> str:
    """For a person, before the run."""
    return f"the connections of slot {entry.slot} stand still"


class StallCertificate:
    """All of its sessions were behind the proxy; nothing passed until everything flowed again."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Stalled), f"{victim} cannot be stalled"
        self._reach = reach
        self._stalled = victim
        self._lived = False
        self._rescuer: RescuerHeld | None = None
        self._is_over = False

    def before(self) -> SessionsBefore:
        """Its sessions, those of nobody, and where it is held."""
        return sessions_before(self._reach, self._stalled)

    def missing(self, *, overdue: bool) -> str | None:
        """That everything flows again; of a rescuer that is held, too."""
        watch = _watch(self._reach)
        if watch.released_ns is None:
            self._lived = self._stalled.child.exit is None
            return "the end of the stall"
        if watch.rescuer is not None and not self._is_over:
            if watch.answered_ns is None and not overdue:
                return "the answer to what the stalled worker had asked"
            pids = self._pids_of_the_rescuer()
            self._rescuer = watch.rescuer.let_go(watch.answered_ns, pids)
            watch.record(watch.rescuer.notes(pids))
            self._is_over = True
        return None

    def _pids_of_the_rescuer(self) -> list[int]:
        child = self._reach.fleet.in_slot(self._stalled.rescuer_slot)
        names = [] if child is None else [child.init.application_name]
        return [session.pid for session in self._reach.probe.sessions(names)]

    def close(self, fault: int) -> Closed:
        """What the freeze let through until then."""
        watch = _watch(self._reach)
        return Closed(StallEnd(watch.frozen, watch.released_ns, self._lived, self._rescuer))


def _watch(reach: Reach) -> RoundTripWatch:
    assert reach.watch is not None, "a stall is at a round trip, and that is watched"
    return reach.watch

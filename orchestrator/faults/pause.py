"""A pause: a worker's process group is stopped for a while, then goes on as if nothing had been."""

from __future__ import annotations

import time

from orchestrator.faults.certificate import Closed, sessions_before
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.worker_faults import PauseEnd, SessionsBefore
from orchestrator.processes import linux
from orchestrator.scenario.faults import Pause

_LOOK_EVERY_NS = 250_000_000
"""So often the sessions of who is stopped are looked at."""


def stop(reach: Reach, victim: Worker, fault: int) -> int:
    """SIGSTOP its process group; returns the instant, stamped just before."""
    return reach.fleet.pause(victim.child)


def go_on(reach: Reach, victim: Worker, fault: int) -> HealedAt:
    """SIGCONT to its process group."""
    resumed_ns = reach.fleet.resume(victim.child)
    return lambda: resumed_ns


def describe(entry: Pause) -> str:
    """For a person, before the run."""
    return f"SIGSTOP of slot {entry.slot}"


class PauseCertificate:
    """All of its processes were seen stopped and its sessions held, until it was seen to go on."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Worker), f"{victim} is no worker"
        self._reach = reach
        self._victim = victim
        self._child = victim.child
        self._members: list[int] = []
        self._stopped_ns: int | None = None
        self._still_stopped_ns: int | None = None
        self._sessions_held: list[int] = []
        self._looked_ns = 0
        self._running_ns: int | None = None
        self._lived = False

    def before(self) -> SessionsBefore:
        """Its sessions, and those of nobody."""
        return sessions_before(self._reach, self._victim)

    def missing(self, *, overdue: bool) -> str | None:
        """Its processes are looked at while they are stopped, and once after that."""
        if self._child.paused_ns is not None:
            self._look_at_the_stopped()
            return "the end of the pause"
        if self._running_ns is None and not self._are_stopped(any_thread=True):
            self._running_ns = time.monotonic_ns()
            self._lived = self._child.exit is None
        return None if self._running_ns is not None else "the paused worker to go on"

    def close(self, fault: int) -> Closed:
        """What was seen."""
        return Closed(
            PauseEnd(
                members=self._members,
                stopped_ns=self._stopped_ns,
                still_stopped_ns=self._still_stopped_ns,
                sessions_held=self._sessions_held,
                continued_ns=self._child.resumed_ns,
                running_ns=self._running_ns,
                lived=self._lived,
            )
        )

    def _look_at_the_stopped(self) -> None:
        if self._stopped_ns is None:
            self._members = self._child.survivors()
        if not self._are_stopped():
            return
        now_ns = self._still_stopped_ns = time.monotonic_ns()
        self._stopped_ns = self._stopped_ns or now_ns
        if now_ns - self._looked_ns >= _LOOK_EVERY_NS:
            self._looked_ns = now_ns
            sessions = self._reach.probe.sessions([self._child.init.application_name])
            self._sessions_held = [session.pid for session in sessions]

    def _are_stopped(self, *, any_thread: bool = False) -> bool:
        """Whether every thread of all of its processes is stopped, or any."""
        states = [linux.thread_states(pid) for pid in self._members]
        if any_thread:
            return any("T" in of_one for of_one in states)
        return bool(states) and all(of_one == {"T"} for of_one in states)

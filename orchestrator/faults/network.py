"""The network between a worker and the database is out for a while: it swallows everything, or
resets whatever is there and whatever comes."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import Any

from orchestrator.faults import targets
from orchestrator.faults.certificate import Closed, sessions_before
from orchestrator.faults.sessions import SessionsGone, shown
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim, Worker, slots_named
from orchestrator.history.network_faults import BlackholeEnd, HeldConnection, ResetEnd
from orchestrator.history.sessions import Session
from orchestrator.history.worker_faults import SessionsBefore
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.faults import Blackhole, Reset
from orchestrator.scenario.triggered import Triggered

_LOOK_EVERY_NS = 250_000_000
"""So often the sessions of who is cut off are looked at."""


@dataclass(frozen=True)
class CutOff(Worker):
    """The worker of a slot, and what lies between that and the server."""

    network: Proxy
    refused_before: int = 0
    """Connections that were reset by earlier faults."""
    seen: dict[str, Any] = field(default_factory=dict)
    """Fields of the certificate's end, as they are seen."""


def victim(reach: Reach, entry: Triggered) -> CutOff | None:
    """The worker of the entry's only slot; None = it has none."""
    found = targets.worker(reach, entry)
    if found is None:
        return None
    proxy = reach.networks[found.child.slot]
    return CutOff(found.child, proxy, refused_before=proxy.facts().refused)


def swallow(reach: Reach, victim: CutOff, fault: int) -> int:
    """Let nothing pass any more; returns the instant, stamped just before."""
    reach.absence.cut_off.add(victim.child.slot)
    at_ns = time.monotonic_ns()
    victim.seen["shut_ns"] = victim.network.shut()
    return at_ns


def flow_again(reach: Reach, victim: CutOff, fault: int) -> HealedAt:
    """See what was held, and let all of it arrive, late and in order."""
    facts, held = victim.network.facts(), victim.network.held_back()
    victim.seen.update(
        looked_ns=time.monotonic_ns(),
        passed_bytes=facts.passed_since_freeze,
        connections=[
            HeldConnection(one.backend_pid, one.from_worker, one.from_server, one.is_new)
            for one in held
        ],
        backend_pids=sorted(facts.backend_pids),
    )
    released_ns = victim.seen["released_ns"] = time.monotonic_ns()
    victim.network.release()
    reach.absence.cut_off.discard(victim.child.slot)
    return lambda: released_ns


def reset(reach: Reach, victim: CutOff, fault: int) -> int:
    """Reset all that there is, and all that comes; returns the instant, stamped just before."""
    reach.absence.cut_off.add(victim.child.slot)
    at_ns = time.monotonic_ns()
    backends = victim.network.reset()
    victim.seen.update(
        reset_ns=time.monotonic_ns(),
        resets=len(backends),
        reset_pids=sorted(pid for pid in backends if pid is not None),
    )
    return at_ns


def accept_again(reach: Reach, victim: CutOff, fault: int) -> HealedAt:
    """See what was refused, and take new connections."""
    facts = victim.network.facts()
    accepted_ns = time.monotonic_ns()
    victim.seen.update(
        refused=facts.refused - victim.refused_before - ("refusal_seen_ns" in victim.seen),
        backend_pids=sorted(facts.backend_pids),
        accepted_ns=accepted_ns,
    )
    victim.network.accept_again()
    reach.absence.cut_off.discard(victim.child.slot)
    return lambda: accepted_ns


def describe_reset(entry: Reset) -> str:
    """For a person, before the run."""
    return f"all connections of {slots_named(entry.slots)} are reset, and each new one,"


def describe_blackhole(entry: Blackhole) -> str:
    """For a person, before the run."""
    return f"a black hole between {slots_named(entry.slots)} and the server"


class NothingPassed:
    """All of its sessions were behind the proxy; nothing passed, though something was sent."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, CutOff), f"{victim} has no network of its own"
        self._reach = reach
        self._victim = victim
        self._looked_ns = 0
        self._sessions: list[int] = []

    def before(self) -> SessionsBefore:
        """Its sessions, and those of nobody."""
        return sessions_before(self._reach, self._victim)

    def missing(self, *, overdue: bool) -> str | None:
        """Its sessions are looked at while nothing passes."""
        if "released_ns" in self._victim.seen:
            return None
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns >= _LOOK_EVERY_NS:
            self._looked_ns = now_ns
            sessions = self._reach.probe.sessions([self._victim.child.init.application_name])
            self._sessions = [session.pid for session in sessions]
        return "the network to be there again"

    def close(self, fault: int) -> Closed:
        """What was seen."""
        lived = self._victim.child.exit is None
        seen = self._victim.seen
        return Closed(BlackholeEnd(**seen, sessions_held=self._sessions, lived=lived))


class ResetAndRefused(SessionsGone):
    """Its sessions were behind the proxy and are gone, also by the server's word, and a connection
    that the parent tried meanwhile was reset; then whether the worker has a new session, as long as
    that may be waited for."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, CutOff), f"{victim} has no network of its own"
        super().__init__(reach, victim)
        self._cut_off = victim
        self._attempt: socket.socket | None = None

    def missing(self, *, overdue: bool) -> str | None:
        """A connection is tried while it lasts; no session before its end is a new one."""
        missing = super().missing(overdue=overdue)
        seen = self._cut_off.seen
        if "accepted_ns" in seen:
            return missing
        self._reconnected_ns = None
        if "refusal_seen_ns" not in seen and "reset_ns" in seen and self._is_refused():
            seen["refusal_seen_ns"] = time.monotonic_ns()
        return "new connections to be taken"

    def _is_refused(self) -> bool:
        """Whether the connection that is tried has been reset by now."""
        if self._attempt is None:
            self._attempt = self._reach.holding(self._cut_off.network.attempt())
        try:
            return not self._attempt.recv(1)
        except BlockingIOError:
            return False  # nobody has looked at it yet
        except ConnectionError:
            return True

    def _is_old(self, session: Session) -> bool:
        return session.pid in self._cut_off.seen.get("reset_pids", ()) or super()._is_old(session)

    def close(self, fault: int) -> Closed:
        """What was seen."""
        if self._attempt is not None:
            self._attempt.close()
        return Closed(
            ResetEnd(
                **self._cut_off.seen,
                sessions_gone_ns=self._gone_ns,
                sessions_left=[shown(session) for session in self._left],
                reconnected_ns=self._reconnected_ns,
                lived=self._child.exit is None,
            )
        )

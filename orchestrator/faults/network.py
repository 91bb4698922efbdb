"""The network between a worker and the database is out for a while: it swallows everything."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from orchestrator.faults import targets
from orchestrator.faults.certificate import Closed, sessions_before
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.network_faults import BlackholeEnd, HeldConnection
from orchestrator.history.records import SessionsBefore
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.faults import Blackhole, Triggered

_LOOK_EVERY_NS = 250_000_000
"""So often the sessions of who is cut off are looked at."""


@dataclass(frozen=True)
class CutOff(Worker):
    """The worker of a slot, and what lies between that and the server."""

    network: Proxy
    seen: dict[str, Any] = field(default_factory=dict)
    """Fields of the certificate's end, as they are seen."""


def victim(reach: Reach, entry: Triggered) -> CutOff | None:
    """The worker of the entry's only slot; None = it has none."""
    found = targets.worker(reach, entry)
    return None if found is None else CutOff(found.child, reach.networks[found.child.slot])


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


def describe_blackhole(entry: Blackhole) -> str:
    """For a person, before the run."""
    return f"a black hole between {_named(entry.slots)} and the server"


def _named(slots: tuple[int, ...]) -> str:
    return f"slot{'s' if len(slots) > 1 else ''} {', '.join(map(str, slots))}"


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

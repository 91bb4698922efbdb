"""A process that enqueues dies in the middle of a batch, and another one goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.faults.certificate import Closed
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim
from orchestrator.history.producer_faults import ProducerBefore, ProducerEnd, ProducerSession
from orchestrator.history.sessions import Session
from orchestrator.history.targets import ProducerTarget
from orchestrator.load.producer_process import ProducerProcess, ProducerProcesses
from orchestrator.processes import linux
from orchestrator.scenario.faults import KillDuringEnqueue

_LOOK_EVERY_NS = 20_000_000


@dataclass(frozen=True)
class Producer:
    """One that stands in the middle of a batch."""

    process: ProducerProcess
    number: int

    @property
    def target(self) -> ProducerTarget:
        """As the history names it."""
        return ProducerTarget(self.number, self.process.process.pid)


def find(reach: Reach, entry: KillDuringEnqueue) -> Producer | None:
    """The first that comes to the middle of a batch after the entry's instant; None = nobody has
    yet."""
    found = _all(reach).stopped_for(entry)
    return None if found is None else Producer(found, _all(reach).number(found))


def kill(reach: Reach, victim: Producer, fault: int) -> int:
    """SIGKILL its process group; returns the instant, stamped just before."""
    return victim.process.kill()


def await_next(reach: Reach, victim: Producer, fault: int) -> HealedAt:
    """Whoever has jobs to send starts another one by itself; healed when that is ready."""
    killed_ns = victim.process.killed_ns
    return lambda: None if killed_ns is None else _all(reach).up_after(killed_ns)


def describe(entry: KillDuringEnqueue) -> str:
    """For a person, before the run."""
    several = f", {entry.rounds} times, one every {entry.every_s:g} s," if entry.rounds > 1 else ""
    return f"SIGKILL of a producer in the middle of a batch{several}"


class EndOfAProducer:
    """It is gone with all that it had, and nothing has passed since it was stopped; then whether
    another one goes on, as long as that may be waited for."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Producer), f"{victim} is no producer"
        self._reach = reach
        self._victim = victim.process
        self._all = _all(reach)
        self._sessions: list[ProducerSession] = []
        self._left: list[ProducerSession] = []
        self._gone_ns: int | None = None
        self._survivors: list[int] = []
        self._looked_ns = 0

    def before(self) -> ProducerBefore:
        """The batch, the request at which it stands, and its sessions."""
        stop, held = self._victim.stop, self._victim.proxy.held
        assert stop is not None, "found where it was stopped"
        assert held is not None, "found once it was frozen"
        mine = set(self._victim.proxy.facts().backend_pids)
        known = self._all.backend_pids()
        seen = self._seen()
        self._sessions = [_named(session) for session in seen if session.pid in mine]
        queued = self._queued(stop.batch.jobs) if stop.side == "after" else []
        self._reach.tracker.seen_in_queue.update(queued)
        return ProducerBefore(
            jobs=list(stop.batch.jobs),
            queued=queued,
            handed_ns=stop.batch.handed_ns,
            frozen_ns=held.frozen_ns,
            statement=stop.round_trip.statement,
            side=stop.side,
            sessions=self._sessions,
            outside=[session.pid for session in seen if session.pid not in known],
        )

    def missing(self, *, overdue: bool) -> str | None:
        """Its end, that of its sessions, then its successor."""
        if overdue:
            self._victim.let_go()
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns >= _LOOK_EVERY_NS or overdue:
            self._looked_ns = now_ns
            self._look()
        if self._victim.process.reaped_ns is None or self._victim.looked is None:
            return "the end of the killed producer"
        if self._gone_ns is None:
            return "the end of the killed producer's sessions"
        return None if self._resumed_ns() is not None else "another producer"

    def close(self, fault: int) -> Closed:
        """What was seen."""
        status, looked = self._victim.process.exit_status, self._victim.looked
        return Closed(
            ProducerEnd(
                reaped_ns=self._victim.process.reaped_ns,
                signal=-status if status is not None and status < 0 else None,
                survivors=self._survivors,
                passed_bytes=None if looked is None else looked.passed_since_freeze,
                unexplained_bytes=0 if looked is None else looked.unexplained,
                sessions_gone_ns=self._gone_ns,
                sessions_left=self._left,
                resumed_ns=self._resumed_ns(),
            )
        )

    def _look(self) -> None:
        if self._victim.process.reaped_ns is None or self._gone_ns is not None:
            return
        members = linux.living_in_group(self._victim.process.pid)
        self._survivors = [process.pid for process in members]
        there = {_named(session) for session in self._seen()}
        self._left = [session for session in self._sessions if session in there]
        if not self._left:
            self._gone_ns = time.monotonic_ns()

    def _queued(self, jobs: Sequence[str]) -> list[str]:
        # The rows first: who has taken one meanwhile, and finished it, has told of it by then.
        rows = self._reach.probe.jobs()
        return [job for job in jobs if job in rows or job in self._reach.tracker.seen]

    def _seen(self) -> list[Session]:
        return self._reach.probe.sessions([self._all.session_name])

    def _resumed_ns(self) -> int | None:
        killed_ns = self._victim.killed_ns
        return None if killed_ns is None else self._all.up_after(killed_ns)


def _named(session: Session) -> ProducerSession:
    return ProducerSession(session.pid, session.backend_start)


def _all(reach: Reach) -> ProducerProcesses:
    assert reach.producers is not None, "a run with such a fault has producers that are processes"
    return reach.producers

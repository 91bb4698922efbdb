"""A worker's sessions with the database are ended; its process goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec

from orchestrator.faults import targets
from orchestrator.faults.certificate import Closed, sessions_before
from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.records import Session, SessionsBefore
from orchestrator.history.server_faults import EndedSession, SessionsEnded
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.faults import BackendTerminate

_LOOK_EVERY_NS = 50_000_000
"""So often it is asked whether the worker has a session again."""


@dataclass(frozen=True)
class Listening(Worker):
    """A worker whose sessions that listen are to end, and no others."""

    network: Proxy
    listeners: tuple[int, ...]
    """Their backends."""


def victim(reach: Reach, entry: BackendTerminate) -> Worker | None:
    """The worker of the entry's slot; None = it has none, or none that listens where one is to."""
    found = targets.worker(reach, entry)
    if found is None or entry.which == "all":
        return found
    proxy = reach.networks[entry.slot]
    listeners = proxy.listeners()
    return Listening(found.child, proxy, listeners) if listeners else None


def terminate(reach: Reach, victim: Worker, fault: int) -> int:
    """pg_terminate_backend of what is to end; returns the instant, stamped just before."""
    pids = victim.listeners if isinstance(victim, Listening) else None
    at_ns = time.monotonic_ns()
    reach.terminated[fault] = reach.probe.terminate(victim.child.init.application_name, pids)
    return at_ns


def describe(entry: BackendTerminate) -> str:
    """For a person, before the run."""
    whose = f"sessions of slot {entry.slot}"
    listen = f"those {whose} that listen"
    return f"pg_terminate_backend of {f'all {whose}' if entry.which == 'all' else listen}"


class SessionsGone:
    """The sessions that were seen and ended are gone, each by its pid and start; then whether the
    worker has another one, as long as that may be waited for."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Worker), f"{victim} is no worker"
        self._reach = reach
        self._victim = victim
        self._child = victim.child
        self._before: list[Session] = []
        self._left: list[Session] = []
        self._gone_ns: int | None = None
        self._reconnected_ns: int | None = None
        self._looked_ns = 0

    def before(self) -> SessionsBefore:
        """The worker's sessions, and those of nobody."""
        before = sessions_before(self._reach, self._victim)
        self._before = before.sessions
        return before

    def missing(self, *, overdue: bool) -> str | None:
        """That the old sessions are gone, then that there is a new one."""
        if self._child.exit is not None and self._gone_ns is not None:
            return None  # it has died of it: there will be no other session of its
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns >= _LOOK_EVERY_NS or overdue:
            self._looked_ns = now_ns
            self._look()
        if self._gone_ns is None:
            return "the end of the worker's sessions"
        return None if self._reconnected_ns is not None else "a new session of the worker"

    def _look(self) -> None:
        seen = self._reach.probe.sessions([self._child.init.application_name])
        self._left = [session for session in seen if self._is_old(session)]
        now_ns = time.monotonic_ns()
        if not self._left and self._gone_ns is None:
            self._gone_ns = now_ns
        if self._reconnected_ns is None and len(seen) > len(self._left):
            self._reconnected_ns = now_ns

    def _is_old(self, session: Session) -> bool:
        """Whether it is one of those that were to end."""
        ended = self._before, *self._reach.terminated.values()
        return any(_place(session) == _place(old) for sessions in ended for old in sessions)

    def close(self, fault: int) -> Closed:
        """What was seen."""
        return Closed(self._parts(fault))

    def _parts(self, fault: int) -> SessionsEnded:
        return SessionsEnded(
            terminated=[shown(session) for session in self._reach.terminated.get(fault, [])],
            sessions_gone_ns=self._gone_ns,
            sessions_left=[shown(session) for session in self._left],
            reconnected_ns=self._reconnected_ns,
            lived=self._child.exit is None,
        )


class ListenersGone(SessionsGone):
    """Of a worker's sessions those that listened are gone; then whether one listens again, as long
    as that may be waited for."""

    def __init__(self, reach: Reach, victim: Listening) -> None:
        super().__init__(reach, victim)
        self._listening = victim
        self._again_ns: int | None = None

    def missing(self, *, overdue: bool) -> str | None:
        """That those are gone that listened, then that another one does."""
        super().missing(overdue=overdue)
        if self._gone_ns is None:
            return "the end of the sessions that listen"
        if self._child.exit is not None:
            return None
        now = self._listening.network.listeners()
        if self._again_ns is None and not set(now) <= set(self._listening.listeners):
            self._again_ns = time.monotonic_ns()
        return None if self._again_ns is not None else "a new session that listens"

    def _is_old(self, session: Session) -> bool:
        return session.pid in self._listening.listeners and super()._is_old(session)

    def _parts(self, fault: int) -> SessionsEnded:
        return msgspec.structs.replace(
            super()._parts(fault),
            reconnected_ns=None,
            listeners=sorted(self._listening.listeners),
            listening_again_ns=self._again_ns,
        )


def certificate(reach: Reach, victim: Victim) -> SessionsGone:
    """By what is to end."""
    if isinstance(victim, Listening):
        return ListenersGone(reach, victim)
    return SessionsGone(reach, victim)


def _place(session: Session) -> tuple[int, str]:
    return session.pid, session.backend_start


def shown(session: Session) -> EndedSession:
    """As the history has it."""
    return EndedSession(session.pid, session.backend_start, session.query)

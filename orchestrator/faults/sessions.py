"""A worker's sessions with the database are ended; its process goes on."""

from __future__ import annotations

import time

from orchestrator.faults.certificate import Closed, sessions_before
from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.records import Session, SessionsBefore
from orchestrator.history.server_faults import EndedSession, SessionsEnded
from orchestrator.scenario.faults import BackendTerminate

_LOOK_EVERY_NS = 50_000_000
"""So often it is asked whether the worker has a session again."""


def terminate(reach: Reach, victim: Worker, fault: int) -> int:
    """pg_terminate_backend of all that it has; returns the instant, stamped just before."""
    at_ns = time.monotonic_ns()
    reach.terminated[fault] = reach.probe.terminate(victim.child.init.application_name)
    return at_ns


def describe(entry: BackendTerminate) -> str:
    """For a person, before the run."""
    return f"pg_terminate_backend of all sessions of slot {entry.slot}"


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
        return Closed(
            SessionsEnded(
                terminated=[shown(session) for session in self._reach.terminated.get(fault, [])],
                sessions_gone_ns=self._gone_ns,
                sessions_left=[shown(session) for session in self._left],
                reconnected_ns=self._reconnected_ns,
                lived=self._child.exit is None,
            )
        )


def _place(session: Session) -> tuple[int, str]:
    return session.pid, session.backend_start


def shown(session: Session) -> EndedSession:
    """As the history has it."""
    return EndedSession(session.pid, session.backend_start, session.query)

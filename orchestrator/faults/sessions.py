"""A worker's sessions with the database are ended; its process goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec

from orchestrator.faults import targets
from orchestrator.faults.certificate import Closed, sessions_before
from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.server_faults import EndedSession, SessionsEnded
from orchestrator.history.sessions import Session
from orchestrator.history.worker_faults import SessionsBefore
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.faults import BackendTerminate

_END_LIMIT_NS = 5_000_000_000
"""So long what is held waits for the end of its session."""
_LOOK_EVERY_NS = 50_000_000
"""So often it is asked whether the worker has a session again."""


@dataclass(frozen=True)
class Aimed(Worker):
    """A worker of whose sessions only some are to end."""

    backends: list[int]
    """Theirs, once they are known."""


@dataclass(frozen=True)
class Listening(Aimed):
    """Those that listen."""

    network: Proxy


@dataclass(frozen=True)
class Acknowledging(Aimed):
    """The one whose round trip is held."""

    watch: RoundTripWatch


def victim(reach: Reach, entry: BackendTerminate) -> Worker | None:
    """The worker of the entry's slot; None = it has none."""
    found = targets.worker(reach, entry)
    if found is None or entry.which == "all":
        return found
    if entry.which == "acknowledging":
        assert reach.watch is not None, "a round trip is watched"
        return Acknowledging(found.child, [], reach.watch)
    proxy = reach.networks[entry.slot]
    return Listening(found.child, list(proxy.listeners()), proxy)


def terminate(reach: Reach, victim: Worker, fault: int) -> int:
    """pg_terminate_backend of what is to end; returns the instant, stamped just before."""
    at_ns = time.monotonic_ns()
    if isinstance(victim, Acknowledging):
        # The proxy says nothing before: it waits for what becomes of the round trip.
        victim.watch.freeze()
        victim.backends.extend(victim.watch.held_backends())
    pids = victim.backends if isinstance(victim, Aimed) else None
    reach.terminated[fault] = reach.probe.terminate(victim.child.init.application_name, pids)
    return at_ns


def go_on(reach: Reach, victim: Worker, fault: int) -> HealedAt:
    """What was held at a round trip flows on once its session has ended, without the answer."""
    if isinstance(victim, Acknowledging):
        return _GoesOn(reach, victim)
    ended_ns = time.monotonic_ns()
    return lambda: ended_ns


class _GoesOn:
    """Asks now and then whether the session has ended; at the limit all flows on without that."""

    def __init__(self, reach: Reach, victim: Acknowledging) -> None:
        self._probe = reach.probe
        self._victim = victim
        self._give_up_ns = time.monotonic_ns() + _END_LIMIT_NS
        self._looked_ns = 0

    def __call__(self) -> int | None:
        watch, now_ns = self._victim.watch, time.monotonic_ns()
        if watch.released_ns is None and now_ns - self._looked_ns >= _LOOK_EVERY_NS:
            self._looked_ns = now_ns
            if now_ns > self._give_up_ns or not self._is_there():
                watch.lose_answer()
                watch.release()
        return watch.released_ns

    def _is_there(self) -> bool:
        seen = self._probe.sessions([self._victim.child.init.application_name])
        return any(session.pid in self._victim.backends for session in seen)


def describe(entry: BackendTerminate) -> str:
    """For a person, before the run."""
    which = {
        "all": f"all sessions of slot {entry.slot}",
        "listener": f"those sessions of slot {entry.slot} that listen",
        "acknowledging": f"the session of slot {entry.slot} that is held",
    }
    return f"pg_terminate_backend of {which[entry.which]}"


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


class SomeGone(SessionsGone):
    """Of a worker's sessions those are gone that were to end."""

    def __init__(self, reach: Reach, victim: Aimed) -> None:
        super().__init__(reach, victim)
        self._aimed = victim

    def missing(self, *, overdue: bool) -> str | None:
        """That they are gone."""
        super().missing(overdue=overdue)
        return "the end of the sessions" if self._gone_ns is None else None

    def _is_old(self, session: Session) -> bool:
        return session.pid in self._aimed.backends and super()._is_old(session)

    def _parts(self, fault: int) -> SessionsEnded:
        parts = super()._parts(fault)
        aimed_at = sorted(self._aimed.backends)
        return msgspec.structs.replace(parts, reconnected_ns=None, aimed_at=aimed_at)


class HeldOneGone(SomeGone):
    """The session that was held at a round trip is gone, and nothing had passed until then."""

    def __init__(self, reach: Reach, victim: Acknowledging) -> None:
        super().__init__(reach, victim)
        self._watch = victim.watch

    def _parts(self, fault: int) -> SessionsEnded:
        return msgspec.structs.replace(super()._parts(fault), freeze=self._watch.frozen)


class ListenersGone(SomeGone):
    """Those that listened are gone; then whether one listens again, as long as that may be waited
    for."""

    def __init__(self, reach: Reach, victim: Listening) -> None:
        super().__init__(reach, victim)
        self._listening = victim
        self._again_ns: int | None = None

    def missing(self, *, overdue: bool) -> str | None:
        """That those are gone that listened, then that another one does."""
        missing = super().missing(overdue=overdue)
        if missing is not None or self._child.exit is not None:
            return missing
        now = self._listening.network.listeners()
        if self._again_ns is None and not set(now) <= set(self._listening.backends):
            self._again_ns = time.monotonic_ns()
        return None if self._again_ns is not None else "a new session that listens"

    def _parts(self, fault: int) -> SessionsEnded:
        parts = super()._parts(fault)
        return msgspec.structs.replace(parts, listening_again_ns=self._again_ns)


def certificate(reach: Reach, victim: Victim) -> SessionsGone:
    """By what is to end."""
    if isinstance(victim, Listening):
        return ListenersGone(reach, victim)
    if isinstance(victim, Acknowledging):
        return HeldOneGone(reach, victim)
    return SessionsGone(reach, victim)


def _place(session: Session) -> tuple[int, str]:
    return session.pid, session.backend_start


def shown(session: Session) -> EndedSession:
    """As the history has it."""
    return EndedSession(session.pid, session.backend_start, session.query)

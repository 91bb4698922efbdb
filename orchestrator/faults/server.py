"""The run's own server is taken away from everybody for a while: a restart, a crash, a pause."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from orchestrator.errors import DatabaseLostError
from orchestrator.faults.certificate import Closed
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim, server_of
from orchestrator.history.server_faults import ServerBack, ServerPaused, ServerSeen
from orchestrator.history.targets import ServerTarget
from orchestrator.processes import linux
from orchestrator.scenario.database_faults import DatabasePause
from orchestrator.scenario.faults import DatabaseCrash, DatabaseRestart
from orchestrator.scenario.triggered import Triggered

BACK_LIMIT_S = 30.0
"""From when the server should come back until it is given up."""
_TRY_EVERY_NS = 20_000_000


@dataclass
class RunServer:
    """The server, and what was seen of it since the fault."""

    postmaster_pid: int
    idle: psycopg.Connection[Any] | None = None
    """The session whose backend is to be killed."""
    back: dict[str, Any] = field(default_factory=dict)
    """Fields of `ServerBack`, as they are seen."""

    @property
    def target(self) -> ServerTarget:
        """As the history names it."""
        return ServerTarget(self.postmaster_pid)


def victim(reach: Reach, entry: Triggered) -> RunServer:
    """The server, as it is now."""
    pid = server_of(reach).postmaster_pid
    assert pid is not None, "a request for such a fault on another's server is refused"
    return RunServer(pid)


def shut_down(reach: Reach, victim: RunServer, fault: int) -> int:
    """Order a fast shutdown; returns the instant, stamped just before."""
    reach.absence.begin()
    at_ns = time.monotonic_ns()
    server_of(reach).cluster.shut_down()
    return at_ns


def start_again(reach: Reach, victim: RunServer, fault: int) -> HealedAt:
    """Start it on its data as soon as it is down; healed when it answers."""
    cluster = server_of(reach).cluster

    def started() -> bool:
        if "down_ns" not in victim.back and cluster.is_down:
            victim.back |= {"down_ns": time.monotonic_ns(), "exit_code": cluster.exit_code}
            cluster.start_again()
        return "down_ns" in victim.back

    return _Return(reach, victim, begun=started, is_it=lambda seen: True)


def kill_a_backend(reach: Reach, victim: RunServer, fault: int) -> int:
    """SIGKILL the idle backend; returns the instant, stamped just before."""
    assert victim.idle is not None, "opened when the certificate was begun"
    reach.absence.begin()
    pid = victim.idle.info.backend_pid
    at_ns = time.monotonic_ns()
    os.kill(pid, signal.SIGKILL)
    victim.back["killed_pid"] = pid
    return at_ns


def await_recovery(reach: Reach, victim: RunServer, fault: int) -> HealedAt:
    """The server heals itself; healed when it answers, and its unlogged tables are empty: until it
    has learned of the death it goes on as before."""
    return _Return(reach, victim, begun=lambda: True, is_it=lambda seen: seen.marker_rows == 0)


def pause(reach: Reach, victim: RunServer, fault: int) -> int:
    """SIGSTOP all of its processes; returns the instant, stamped just before."""
    reach.absence.begin()
    at_ns = time.monotonic_ns()
    victim.back["pids"] = server_of(reach).cluster.pause()
    return at_ns


def go_on(reach: Reach, victim: RunServer, fault: int) -> HealedAt:
    """SIGCONT to all of them; healed when it answers."""
    victim.back["continued_ns"] = time.monotonic_ns()
    server_of(reach).cluster.go_on()
    return _Return(reach, victim, begun=lambda: True, is_it=lambda seen: True)


def describe_restart(entry: DatabaseRestart) -> str:
    """For a person, before the run."""
    return "a fast stop of the server"


def describe_crash(entry: DatabaseCrash) -> str:
    """For a person, before the run."""
    return "SIGKILL of one of the server's backends"


def describe_pause(entry: DatabasePause) -> str:
    """For a person, before the run."""
    return "SIGSTOP of every process of the server"


class _Return:
    """Asks now and then whether the server is back; the eyes of the run are opened when it is."""

    def __init__(
        self,
        reach: Reach,
        victim: RunServer,
        *,
        begun: Callable[[], bool],
        is_it: Callable[[ServerSeen], bool],
    ) -> None:
        """`begun` = it can answer by now; `is_it` = what answers is the server after the fault."""
        self._reach = reach
        self._victim = victim
        self._begun = begun
        self._is_it = is_it
        self._give_up_ns = time.monotonic_ns() + round(BACK_LIMIT_S * 1e9)
        self._tried_ns = 0
        self._back_ns: int | None = None

    def __call__(self) -> int | None:
        """When it was; None = not yet. Raises `DatabaseLostError` when it does not come back.

        A server that answers at the limit counts as back, whatever it shows: that is for the
        certificate to judge.
        """
        now_ns = time.monotonic_ns()
        if self._back_ns is not None or now_ns - self._tried_ns < _TRY_EVERY_NS:
            return self._back_ns
        self._tried_ns = now_ns
        overdue = now_ns > self._give_up_ns
        seen = self._look() if self._begun() or overdue else None
        if seen is None and overdue:
            raise DatabaseLostError(
                f"the run's server did not answer again within {BACK_LIMIT_S:g} s of its fault"
            )
        if seen is not None and (self._is_it(seen) or overdue):
            self._back_ns = time.monotonic_ns()
            self._victim.back |= {"answered_ns": self._back_ns, "after": seen}
            self._reach.absence.end()
        return self._back_ns

    def _look(self) -> ServerSeen | None:
        try:
            self._reach.probe.renew()
            return self._reach.probe.seen()
        except psycopg.OperationalError:
            return None  # not yet


class AwayAndBack:
    """The server went away and came back; what it shows then tells in which way."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, RunServer), f"{victim} is no server"
        self._reach = reach
        self._victim = victim

    def before(self) -> ServerSeen:
        """Its start, and the marker's row; a crash finds its victim here."""
        seen = self._reach.probe.plant_marker()
        self._victim.idle = self._reach.holding(self._reach.probe.another())
        return seen

    def missing(self, *, overdue: bool) -> str | None:
        """That it is back: what is waited for besides is nothing."""
        return None

    def close(self, fault: int) -> Closed:
        """What was seen."""
        if self._victim.idle is not None:
            self._victim.idle.close()
        return Closed(ServerBack(**self._victim.back))


class PausedAndBack:
    """All of the server's processes were seen stopped, until it answered again as it was."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, RunServer), f"{victim} is no server"
        self._reach = reach
        self._victim = victim

    def before(self) -> ServerSeen:
        """Its start, and the marker's row."""
        return self._reach.probe.plant_marker()

    def missing(self, *, overdue: bool) -> str | None:
        """Its processes are looked at while they are stopped."""
        back = self._victim.back
        if "continued_ns" in back:
            return None
        states = [linux.thread_states(pid) for pid in back.get("pids", [])]
        if states and all(of_one == {"T"} for of_one in states):
            now_ns = back["still_stopped_ns"] = time.monotonic_ns()
            back.setdefault("stopped_ns", now_ns)
        return "the end of the pause"

    def close(self, fault: int) -> Closed:
        """What was seen."""
        return Closed(ServerPaused(**self._victim.back))

"""The run's database is closed to its workers for a while: read-only, or to new sessions at all.

What is ordered is ordered, and taken back, in a session with another database of the server, as
this one may take none. The janitor has been charged with the whole server, or with the run's
database, before there was either: nothing that is set on it outlives it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Composed, Identifier

from orchestrator.faults.certificate import Closed
from orchestrator.faults.sessions import shown
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim, server_of
from orchestrator.history.database_faults import DoorBefore, DoorEnd
from orchestrator.history.sessions import Session
from orchestrator.history.targets import DatabaseTarget
from orchestrator.scenario.database_faults import PoolExhaustion, ReadOnly
from orchestrator.scenario.triggered import Triggered

OPEN_LIMIT_S = 10.0
"""From when it is taken back until a new session must be of use."""
_LOOK_EVERY_NS = 250_000_000
"""So often a new session is tried."""
_TRY_EVERY_NS = 20_000_000


@dataclass
class RunDatabase:
    """The run's own database, and what was seen of it since the fault."""

    name: str
    orders: psycopg.Connection[Any] | None = None
    """A session with another database, taken just before the fault."""
    no_limit: bool = False
    """The workers are superusers, whom no connection limit holds."""
    end: dict[str, Any] = field(default_factory=dict)
    """Fields of the certificate's end, as they are seen."""

    @property
    def target(self) -> DatabaseTarget:
        """As the history names it."""
        return DatabaseTarget(self.name)


def victim(reach: Reach, entry: Triggered) -> RunDatabase | None:
    """The database, once some worker uses it."""
    name = database_of(reach)
    return None if name is None else RunDatabase(name)


def database_of(reach: Reach) -> str | None:
    """The name of the run's database; None = no worker lives that could use it."""
    if not reach.fleet.living():
        return None
    return str(conninfo_to_dict(server_of(reach).dsn)["dbname"])


def make_read_only(reach: Reach, victim: RunDatabase, fault: int) -> int:
    """Set it, and end the workers' sessions; returns the instant, stamped just before."""
    return _shut(reach, victim, fault, SQL("SET default_transaction_read_only = on"))


def make_writable(reach: Reach, victim: RunDatabase, fault: int) -> HealedAt:
    """Take it back, and end whoever began under it; healed when a new session may write."""
    lifted = _Lifted(reach, victim, SQL("RESET default_transaction_read_only"))
    told = [
        session
        for name in workers_names(reach)
        for session in reach.probe.terminate_older(name, lifted.at)
    ]
    victim.end["ended_again"] = len(told)
    return lifted


def refuse_sessions(reach: Reach, victim: RunDatabase, fault: int) -> int:
    """Take no session any more, and end the workers'; returns the instant, stamped just before."""
    return _shut(reach, victim, fault, _limit(victim, closed=True))


def take_sessions(reach: Reach, victim: RunDatabase, fault: int) -> HealedAt:
    """Take sessions again; healed when there is one."""
    return _Lifted(reach, victim, _limit(victim, closed=False))


def describe_read_only(entry: ReadOnly) -> str:
    """For a person, before the run."""
    return "new sessions with the database are read-only, the workers' are ended,"


def describe_pool_exhaustion(entry: PoolExhaustion) -> str:
    """For a person, before the run."""
    return "the database takes no new session, the workers' are ended,"


def workers_names(reach: Reach) -> list[str]:
    """The application names of the workers that live."""
    return [child.init.application_name for child in reach.fleet.living()]


def _limit(victim: RunDatabase, *, closed: bool) -> SQL:
    if victim.no_limit:
        return SQL("ALLOW_CONNECTIONS false" if closed else "ALLOW_CONNECTIONS true")
    return SQL("CONNECTION LIMIT 0" if closed else "CONNECTION LIMIT -1")


def _altered(victim: RunDatabase, change: SQL) -> Composed:
    return SQL("ALTER DATABASE {} ").format(Identifier(victim.name)) + change


def _shut(reach: Reach, victim: RunDatabase, fault: int, change: SQL) -> int:
    assert victim.orders is not None, "opened when the certificate was begun"
    order = _altered(victim, change)
    reach.absence.shut = True
    at_ns = time.monotonic_ns()
    victim.orders.execute(order)
    victim.end["order"] = order.as_string()
    reach.terminated[fault] = [
        session for name in workers_names(reach) for session in reach.probe.terminate(name)
    ]
    return at_ns


class _Lifted:
    """Takes the order back, then asks now and then whether a new session is of use."""

    def __init__(self, reach: Reach, victim: RunDatabase, change: SQL) -> None:
        self._reach = reach
        self._victim = victim
        self._give_up_ns = time.monotonic_ns() + round(OPEN_LIMIT_S * 1e9)
        self._tried_ns = 0
        self._over_ns: int | None = None
        with elsewhere(reach) as connection:
            victim.end["lifted_ns"] = time.monotonic_ns()
            connection.execute(_altered(victim, change))
            row = connection.execute("SELECT clock_timestamp()::text").fetchone()
        assert row is not None, "a function has a value"
        self.at: str = row[0]
        """When that was, by the server's clock."""

    def __call__(self) -> int | None:
        """When it was; None = not yet. At the limit it counts as over, whatever a session sees:
        that is for the certificate to judge."""
        now_ns = time.monotonic_ns()
        if self._over_ns is not None or now_ns - self._tried_ns < _TRY_EVERY_NS:
            return self._over_ns
        self._tried_ns = now_ns
        saw, _ = self._reach.probe.try_session(server_of(self._reach).worker_dsn)
        if saw == "read_write":
            self._over_ns = self._victim.end["open_ns"] = time.monotonic_ns()
        elif now_ns > self._give_up_ns:
            self._over_ns = now_ns
        if self._over_ns is not None:
            self._reach.absence.shut = False
        return self._over_ns


@contextmanager
def elsewhere(reach: Reach) -> Iterator[psycopg.Connection[Any]]:
    """A session with another database of the server. Raises psycopg.Error."""
    with psycopg.connect(server_of(reach).maintenance_dsn, autocommit=True) as connection:
        yield connection


class ClosedToWorkers:
    """A new session of the workers' role was of no use for as long as it lasted, and then was; the
    sessions that the workers had are gone."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, RunDatabase), f"{victim} is no database"
        self._reach = reach
        self._victim = victim
        self._names: list[str] = []
        self._before: list[Session] = []
        self._left: list[Session] = []
        self._looked_ns = 0

    def before(self) -> DoorBefore:
        """What a new session may do, and the workers' sessions. Opens the one that orders."""
        server = server_of(self._reach)
        orders = psycopg.connect(server.maintenance_dsn, autocommit=True)
        self._victim.orders = self._reach.holding(orders)
        self._victim.no_limit = self._reach.probe.is_superuser(server.worker_dsn)
        saw, _ = self._reach.probe.try_session(server.worker_dsn)
        self._names = workers_names(self._reach)
        self._before = self._reach.probe.sessions(self._names)
        return DoorBefore(saw, [shown(session) for session in self._before])

    def missing(self, *, overdue: bool) -> str | None:
        """While it lasts new sessions are tried; the old ones are to be gone."""
        now_ns = time.monotonic_ns()
        lasts = "lifted_ns" not in self._victim.end
        if lasts and now_ns - self._looked_ns >= _LOOK_EVERY_NS:
            self._looked_ns = now_ns
            self._try()
        if "sessions_gone_ns" not in self._victim.end:
            self._look_at_the_old()
        gone = "sessions_gone_ns" in self._victim.end
        return None if gone else "the end of the workers' sessions"

    def _try(self) -> None:
        saw, error = self._reach.probe.try_session(server_of(self._reach).worker_dsn)
        if saw != "read_write":
            now_ns = time.monotonic_ns()
            self._victim.end |= {"saw": saw, "error": error, "still_ns": now_ns}
            self._victim.end.setdefault("saw_ns", now_ns)

    def _look_at_the_old(self) -> None:
        ended = (self._before, *self._reach.terminated.values())
        old = {(one.pid, one.backend_start) for sessions in ended for one in sessions}
        seen = self._reach.probe.sessions(self._names)
        self._left = [one for one in seen if (one.pid, one.backend_start) in old]
        if not self._left:
            self._victim.end["sessions_gone_ns"] = time.monotonic_ns()

    def close(self, fault: int) -> Closed:
        """What was seen."""
        if self._victim.orders is not None:
            self._victim.orders.close()
        return Closed(
            DoorEnd(
                **self._victim.end,
                terminated=[shown(one) for one in self._reach.terminated.get(fault, [])],
                sessions_left=[shown(one) for one in self._left],
            )
        )

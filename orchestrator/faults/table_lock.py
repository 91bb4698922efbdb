"""The queue's tables are locked for a while, as a migration locks them; who locks them reads them.

The lock is that of a session: it ends with it, and so with the run, whatever becomes of that.
"""

from __future__ import annotations

import time

from psycopg import pq
from psycopg.sql import SQL, Identifier

from orchestrator.faults.certificate import Closed
from orchestrator.faults.database import OPEN_LIMIT_S, workers_names
from orchestrator.faults.queue_tables import QueueTables
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim
from orchestrator.history.database_faults import LockBefore, LockEnd, Waiter
from orchestrator.scenario.database_faults import TableLock

_LOOK_EVERY_NS = 250_000_000
"""So often it is looked who waits for the lock."""
_TRY_EVERY_NS = 20_000_000
_CANCEL_LIMIT_S = 5.0


def victim(reach: Reach, entry: TableLock) -> QueueTables | None:
    """The tables, once some worker uses them."""
    return QueueTables.used(reach, entry.for_s)


def lock(reach: Reach, victim: QueueTables, fault: int) -> int:
    """Ask for ACCESS EXCLUSIVE on all of them; returns the instant, stamped just before.

    Nobody waits here for the lock to be had: it is behind whoever is at the tables just now, and
    all that come later are behind it.
    """
    reach.absence.begin()
    names = SQL(", ").join(Identifier(*table) for table in victim.tables)
    order = SQL("BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names)
    at_ns = time.monotonic_ns()
    victim.session.pgconn.send_query(order.as_bytes())
    return at_ns


def unlock(reach: Reach, victim: QueueTables, fault: int) -> HealedAt:
    """Let the tables go; healed when the lock is seen to be gone."""
    holder = victim.session
    victim.end["unlocked_ns"] = time.monotonic_ns()
    if reach.absence.through is None:
        holder.cancel_safe(timeout=_CANCEL_LIMIT_S)  # it was never had
    reach.absence.through = None
    with holder.lock:  # nobody reads through it at this moment, nor will
        holder.close()
    return _Gone(reach, victim)


def describe(entry: TableLock) -> str:
    """For a person, before the run."""
    return "ACCESS EXCLUSIVE lock on the queue's tables"


class _Gone:
    """Asks now and then whether the lock is gone; the eyes of the run are opened when it is."""

    def __init__(self, reach: Reach, victim: QueueTables) -> None:
        self._reach = reach
        self._victim = victim
        self._give_up_ns = time.monotonic_ns() + round(OPEN_LIMIT_S * 1e9)
        self._tried_ns = 0
        self._over_ns: int | None = None

    def __call__(self) -> int | None:
        """When it was; None = not yet. At the limit it counts as gone: what is to be seen then, the
        certificate lacks."""
        now_ns = time.monotonic_ns()
        if self._over_ns is not None or now_ns - self._tried_ns < _TRY_EVERY_NS:
            return self._over_ns
        self._tried_ns = now_ns
        holder_pid = self._victim.end["holder_pid"]
        if not self._reach.probe.locks_of(holder_pid, self._victim.tables):
            self._over_ns = self._victim.end["gone_ns"] = time.monotonic_ns()
        elif now_ns > self._give_up_ns:
            self._over_ns = now_ns
        if self._over_ns is not None:
            self._reach.absence.end()
        return self._over_ns


class LockHeld:
    """The lock was seen to be held, and workers to wait for it, until it was let go."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, QueueTables), f"{victim} is no queue's tables"
        self._reach = reach
        self._victim = victim
        self._waiters: dict[int, Waiter] = {}
        self._looked_ns = 0

    def before(self) -> LockBefore:
        """Which tables they are. Opens the session that takes the lock."""
        victim = self._victim
        session = victim.open(self._reach)
        limit_ms = f"{round((victim.longest_s + OPEN_LIMIT_S) * 1000)}ms"
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            session.execute("SELECT set_config(%s, %s, false)", (name, limit_ms))
        victim.end["holder_pid"] = session.info.backend_pid
        return LockBefore(victim.names())

    def missing(self, *, overdue: bool) -> str | None:
        """While it lasts it is looked who holds the lock and who waits for it."""
        if "unlocked_ns" in self._victim.end:
            return None
        if self._reach.absence.through is None and self._is_had():
            self._reach.absence.through = self._victim.session
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns >= _LOOK_EVERY_NS:
            self._looked_ns = now_ns
            self._look()
        return "the end of the lock"

    def _is_had(self) -> bool:
        """Whether the answer is there, and the lock had. Nothing is waited for."""
        pgconn = self._victim.session.pgconn
        if pgconn.transaction_status != pq.TransactionStatus.ACTIVE:
            return False  # it was not asked for, or refused
        pgconn.consume_input()
        while not pgconn.is_busy():
            if pgconn.get_result() is None:
                break
        return pgconn.transaction_status == pq.TransactionStatus.INTRANS

    def _look(self) -> None:
        victim, probe = self._victim, self._reach.probe
        if probe.locks_of(victim.end["holder_pid"], victim.tables) < len(victim.tables):
            return
        names = workers_names(self._reach)
        for session, name in probe.waiters_for(victim.tables):
            self._waiters[session.pid] = Waiter(
                session.pid, session.backend_start, session.query, name in names
            )
        now_ns = victim.end["still_ns"] = time.monotonic_ns()
        victim.end.setdefault("had_ns", now_ns)

    def close(self, fault: int) -> Closed:
        """What was seen."""
        return Closed(LockEnd(**self._victim.end, waiters=list(self._waiters.values())))

"""The parent's eyes in the database: sessions, row counts, the row read for the ledger."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.history.database_faults import FreshSaw, QueueSize
from orchestrator.history.records import RowRead
from orchestrator.history.server_faults import ServerSeen
from orchestrator.history.sessions import Session
from worker_child.adapters.contract import Adapter, Audited, InboxRow, Preset, QueueCounts
from worker_child.names import run_digest
from worker_child.protocol import RowState

_SESSIONS = """
SELECT pid, backend_start::text, state, left(query, 300)
FROM pg_stat_activity WHERE application_name = ANY(%s) ORDER BY pid
"""
_UNKNOWN_SESSIONS = """
SELECT pid, backend_start::text, state, left(query, 300)
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
  AND application_name NOT LIKE %s
ORDER BY pid
"""
_TERMINATE = """
SELECT pid, backend_start::text, state, left(query, 300), pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE application_name = %(name)s AND (%(pids)s::int[] IS NULL OR pid = ANY(%(pids)s))
ORDER BY pid
"""
_TERMINATE_OLDER = """
SELECT pid, backend_start::text, state, left(query, 300), pg_terminate_backend(pid)
FROM pg_stat_activity WHERE application_name = %s AND backend_start < %s::timestamptz ORDER BY pid
"""
_READ_TABLES = """
SELECT DISTINCT nspname::text, relname::text
FROM pg_locks JOIN pg_class ON pg_class.oid = relation
     JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relkind IN ('r', 'p')
  AND nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2
"""
_LOCKED = """
FROM pg_locks JOIN pg_class ON pg_class.oid = relation
     JOIN pg_namespace ON pg_namespace.oid = relnamespace
     JOIN unnest(%s::text[], %s::text[]) AS wanted (nspname, relname)
          USING (nspname, relname)
"""
_LOCKS_OF = f"""
SELECT count(DISTINCT relation) {_LOCKED}
WHERE granted AND mode = 'AccessExclusiveLock' AND pid = %s
"""
_WAITERS = f"""
SELECT DISTINCT pid, backend_start::text, state, left(query, 300), application_name
{_LOCKED} JOIN pg_stat_activity USING (pid)
WHERE NOT granted ORDER BY pid
"""
_SIZE = """
SELECT coalesce(sum(n_dead_tup), 0)::bigint,
       coalesce(sum(pg_total_relation_size(relid)), 0)::bigint
FROM pg_stat_all_tables
     JOIN unnest(%s::text[], %s::text[]) AS wanted (schemaname, relname)
          USING (schemaname, relname)
"""
_XMIN = "SELECT backend_xmin::text FROM pg_stat_activity WHERE pid = %s"
_MARKER = """
CREATE UNLOGGED TABLE IF NOT EXISTS crashbench_marker (planted timestamptz);
TRUNCATE crashbench_marker;
INSERT INTO crashbench_marker VALUES (now());
"""
_SEEN = "SELECT pg_postmaster_start_time()::text, count(*) FROM crashbench_marker"
_EFFECTS = """
SELECT job_id, slot, incarnation, execution FROM bench_effect
WHERE run_id = %(run_id)s AND (%(jobs)s::text[] IS NULL OR job_id = ANY(%(jobs)s))
ORDER BY job_id, slot, incarnation, execution
"""
_FAILURES = """
SELECT job_id, count(*) FROM bench_failure
WHERE run_id = %(run_id)s AND (%(jobs)s::text[] IS NULL OR job_id = ANY(%(jobs)s))
GROUP BY job_id ORDER BY job_id
"""
_NS_PER_S = 1_000_000_000
_CONNECT_LIMIT_S = 5

PRODUCER = "producer"
"""The purpose of the session that enqueues."""


@dataclass(frozen=True)
class Reading:
    """One SQL snapshot of rows and effects, as lines for the history, the closing line last."""

    t_ns: int
    lines: list[RowRead]
    error: str | None

    def lines_claimed_by(self, identities: Collection[str]) -> list[RowRead]:
        """The rows that are claimed under one of `identities`."""
        return [
            line
            for line in self.lines
            if line.job_id is not None and line.state == "claimed" and line.claimed_by in identities
        ]


def parent_session_name(run_id: str, purpose: str) -> str:
    """The ``application_name`` of the parent's own sessions."""
    return f"cb:{run_digest(run_id)}:parent:{purpose}"


class Probe:
    """One autocommit connection: pg_stat_activity is fresh at every look, never a snapshot's."""

    def __init__(
        self,
        dsn: str,
        run_id: str,
        adapter: Adapter,
        preset: Preset,
        *,
        timeout_s: float,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        name = parent_session_name(run_id, "probe")
        self._conninfo = make_conninfo(dsn, application_name=name)
        self._timeout = f"{round(timeout_s * 1000)}ms"
        self._connection = self._connect()
        self._run_id = run_id
        self._adapter = adapter
        self._preset = preset
        self._clock_ns = clock_ns

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self._conninfo, autocommit=True)
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (self._timeout,))
        # Whatever a fault has set on the database: that is for the workers.
        connection.execute("SELECT set_config('default_transaction_read_only', 'off', false)")
        return connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def renew(self) -> None:
        """Take another session in the place of one that the server has lost. Raises psycopg.Error
        while none can be had."""
        fresh = self._connect()
        self._connection.close()
        self._connection = fresh

    def another(self) -> psycopg.Connection[Any]:
        """A further session under the same name; whoever asks for it closes it. Raises
        psycopg.Error."""
        return self._connect()

    def plant_marker(self) -> ServerSeen:
        """Put a row into an unlogged table, which a crash recovery empties and a restart keeps.

        Raises psycopg.Error.
        """
        self._connection.execute(_MARKER)
        return self.seen()

    def seen(self) -> ServerSeen:
        """The server's start and the rows of the marker, once that is planted. Raises
        psycopg.Error."""
        row = self._connection.execute(_SEEN).fetchone()
        assert row is not None, "an aggregate has a row"
        return ServerSeen(*row)

    def sessions(self, names: Collection[str]) -> list[Session]:
        """The sessions with one of these application names. Raises psycopg.Error."""
        rows = self._connection.execute(_SESSIONS, (list(names),)).fetchall()
        return [Session(*row) for row in rows]

    def unknown_sessions(self) -> list[Session]:
        """Sessions in the run's database that bear no name of this run. Raises psycopg.Error."""
        ours = f"cb:{run_digest(self._run_id)}:%"
        return [Session(*row) for row in self._connection.execute(_UNKNOWN_SESSIONS, (ours,))]

    def terminate(self, name: str, pids: Collection[int] | None = None) -> list[Session]:
        """End every session of this application name (pg_terminate_backend), or those of these
        backends alone; those that were told to end. Raises psycopg.Error."""
        wanted = {"name": name, "pids": None if pids is None else list(pids)}
        rows = self._connection.execute(_TERMINATE, wanted).fetchall()
        return [Session(*row) for *row, was_told in rows if was_told]

    def terminate_older(self, name: str, than: str) -> list[Session]:
        """The same, of those that had begun before an instant of the server's clock."""
        rows = self._connection.execute(_TERMINATE_OLDER, (name, than)).fetchall()
        return [Session(*row) for *row, was_told in rows if was_told]

    def inbox_tables(self) -> list[tuple[str, str]]:
        """(schema, name) of the tables that a count of the queue's jobs reads, by the locks that it
        takes. Raises psycopg.Error."""
        with self._connection.transaction():
            self._adapter.counts(self._connection)
            return [(schema, name) for schema, name in self._connection.execute(_READ_TABLES)]

    def locks_of(self, pid: int, tables: Collection[tuple[str, str]]) -> int:
        """How many of these tables a backend has locked, ACCESS EXCLUSIVE. Raises psycopg.Error."""
        row = self._connection.execute(_LOCKS_OF, (*_columns(tables), pid)).fetchone()
        assert row is not None, "an aggregate has a row"
        return int(row[0])

    def waiters_for(self, tables: Collection[tuple[str, str]]) -> list[tuple[Session, str]]:
        """The sessions that wait for one of these tables, each with its application name. Raises
        psycopg.Error."""
        rows = self._connection.execute(_WAITERS, _columns(tables)).fetchall()
        return [(Session(*row), name) for *row, name in rows]

    def size_of(self, tables: Collection[tuple[str, str]]) -> QueueSize:
        """How large these tables are, all together. Raises psycopg.Error."""
        row = self._connection.execute(_SIZE, _columns(tables)).fetchone()
        assert row is not None, "an aggregate has a row"
        return QueueSize(*row)

    def xmin_of(self, pid: int) -> str | None:
        """The backend_xmin of a backend; None = it holds none, or is not there. Raises
        psycopg.Error."""
        row = self._connection.execute(_XMIN, (pid,)).fetchone()
        return None if row is None else row[0]

    def lives(self, pid: int) -> bool:
        """Whether there is such a backend. Raises psycopg.Error."""
        return self._connection.execute(_XMIN, (pid,)).fetchone() is not None

    def try_session(self, dsn: str) -> tuple[FreshSaw, str | None]:
        """What a new session of `dsn` may do, and why there was none to be had."""
        name = parent_session_name(self._run_id, "trial")
        conninfo = make_conninfo(dsn, application_name=name, connect_timeout=_CONNECT_LIMIT_S)
        try:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                row = connection.execute("SHOW transaction_read_only").fetchone()
        except psycopg.OperationalError as error:
            return "refused", str(error)
        return ("read_only" if row == ("on",) else "read_write"), None

    def is_superuser(self, dsn: str) -> bool:
        """Whether sessions of `dsn` are a superuser's. Raises psycopg.Error."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            return connection.execute("SHOW is_superuser").fetchone() == ("on",)

    def counts(self) -> QueueCounts:
        """Rows of the inbox by state. Raises psycopg.Error."""
        return self._adapter.counts(self._connection)

    def rows(self, inbox_ids: list[str]) -> list[InboxRow]:
        """The claimed rows and those of `inbox_ids`. Raises psycopg.Error."""
        return list(self._adapter.rows(self._connection, self._preset, inbox_ids))

    def jobs(self) -> set[str]:
        """The jobs of all rows that the inbox has. Raises psycopg.Error."""
        rows = self._adapter.rows(self._connection, self._preset, None)
        return {row.job_id for row in rows if row.job_id is not None}

    def audit(self) -> list[dict[str, Any]]:
        """The queue's own record, of an adapter that has one. Raises psycopg.Error."""
        if not isinstance(self._adapter, Audited):
            return []
        return list(self._adapter.audit(self._connection))

    def read(
        self,
        read: Literal["kill", "final"],
        job_of_inbox_id: Mapping[str, str],
        *,
        fault: int | None = None,
        inbox_ids: list[str] | None = None,
        jobs: Iterable[str] = (),
    ) -> Reading:
        """Read rows, effects and failures in one snapshot; an error becomes part of the reading.

        With `inbox_ids` only claimed rows, those rows, and the effects of their jobs and of
        `jobs` are read; without, everything.
        """
        t_ns = self._clock_ns()
        try:
            with self._connection.transaction():
                self._connection.execute(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
                t_ns = self._clock_ns()
                rows = list(self._adapter.rows(self._connection, self._preset, inbox_ids))
                by_job = _group(rows, job_of_inbox_id)
                wanted = None if inbox_ids is None else sorted({*by_job, *jobs})
                effects, failures = self._effects(wanted)
        except psycopg.Error as error:
            closing = RowRead(t_ns=t_ns, read=read, fault=fault, lines=0, error=str(error))
            return Reading(t_ns, [closing], str(error))
        lines = [
            line
            for job_id in sorted({*by_job, *effects, *failures})
            for line in _job_lines(
                t_ns, read, fault, job_id, by_job.get(job_id, []), effects, failures
            )
        ]
        closing = RowRead(t_ns=t_ns, read=read, fault=fault, lines=len(lines))
        return Reading(t_ns, [*lines, closing], None)

    def _effects(
        self, jobs: list[str] | None
    ) -> tuple[dict[str, list[tuple[int, int, int]]], dict[str, int]]:
        parameters: dict[str, Any] = {"run_id": self._run_id, "jobs": jobs}
        effects: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for job_id, *key in self._connection.execute(_EFFECTS, parameters):
            effects[job_id].append((key[0], key[1], key[2]))
        failures: dict[str, int] = dict(self._connection.execute(_FAILURES, parameters).fetchall())
        return effects, failures


def _columns(tables: Collection[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [schema for schema, _ in tables], [name for _, name in tables]


def _group(
    rows: Iterable[InboxRow], job_of_inbox_id: Mapping[str, str]
) -> dict[str, list[InboxRow]]:
    """Rows by job. A log entry whose row nobody can name stands under ``inbox:<id>``: it will
    be found to be of an unknown job."""
    by_job: dict[str, list[InboxRow]] = defaultdict(list)
    for row in rows:
        job_id = row.job_id or job_of_inbox_id.get(row.inbox_id) or f"inbox:{row.inbox_id}"
        by_job[job_id].append(row)
    return by_job


def claimed_ns(row: InboxRow, t_ns: int) -> int | None:
    """When a row that was read at `t_ns` had been claimed, CLOCK_MONOTONIC; None = the queue does
    not say."""
    return None if row.claimed_for_s is None else t_ns - round(row.claimed_for_s * _NS_PER_S)


def _job_lines(
    t_ns: int,
    read: Literal["kill", "final"],
    fault: int | None,
    job_id: str,
    rows: list[InboxRow],
    effects: Mapping[str, list[tuple[int, int, int]]],
    failures: Mapping[str, int],
) -> Iterable[RowRead]:
    for index, row in enumerate(rows or [None]):
        first = index == 0
        state: RowState = "absent" if row is None else row.state
        yield RowRead(
            t_ns=t_ns,
            read=read,
            fault=fault,
            job_id=job_id,
            state=state,
            inbox_id=row.inbox_id if row else None,
            claimed_by=row.claimed_by if row else None,
            library_attempt=row.library_attempt if row else None,
            claimable_ns=(
                t_ns + round(row.claimable_in_s * _NS_PER_S)
                if row and row.claimable_in_s is not None
                else None
            ),
            picked_after_done=row.picked_after_done if row else False,
            claimed_ns=claimed_ns(row, t_ns) if row else None,
            effects=effects.get(job_id, []) if first else [],
            failures=failures.get(job_id, 0) if first else 0,
        )

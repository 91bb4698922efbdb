"""How many statements the workers have sent to the queue's tables and functions, by the server."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

_HAS_STATISTICS = "SELECT FROM pg_extension WHERE extname = 'pg_stat_statements'"
_NAMES = r"""
SELECT CASE WHEN nspname = 'public' THEN relname ELSE nspname END
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND relowner = %(role)s::regrole AND relname NOT LIKE 'bench\_%%'
UNION
SELECT CASE WHEN nspname = 'public' THEN proname ELSE nspname END
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE proowner = %(role)s::regrole
"""
_CALLS = r"""
SELECT coalesce(sum(calls), 0)::bigint, (SELECT dealloc FROM pg_stat_statements_info)
FROM pg_stat_statements
WHERE userid = %(role)s::regrole AND query ~ %(pattern)s
  AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def role_of_its_own(worker_dsn: str, dsn: str) -> str | None:
    """The workers' role; None where the harness uses the same one, or where no role is named."""
    role, ours = (conninfo_to_dict(each).get("user") for each in (worker_dsn, dsn))
    return str(role) if role is not None and role != ours else None


class QueueCalls:
    """Counts statements of one role that name a table or function of the queue, or its own schema.

    The queue's are those that the role owns, save the jobs' own (``bench_...``); the first `read`
    looks them up, so the library must be installed by then. What a function does within is not
    counted (pg_stat_statements.track = top).
    """

    def __init__(self, connection: psycopg.Connection[Any], role: str | None) -> None:
        """`connection` is in autocommit; `role` None = it cannot be told apart: nothing is read."""
        self._connection = connection
        self._role = role
        self._pattern: str | None = None
        self._dropped: int | None = None

    def read(self) -> int | None:
        """Calls so far; None where they cannot be had. Raises psycopg.Error.

        Once the server has dropped statements for want of room there is no count any more: it could
        go on rising, and would be too small (pg_stat_statements_info.dealloc).
        """
        if self._role is None:
            return None
        if self._pattern is None:
            self._pattern = self._find_tables(self._role)
        if self._pattern is None:
            self._role = None
            return None
        parameters = {"role": f'"{self._role}"', "pattern": self._pattern}
        row = self._connection.execute(_CALLS, parameters).fetchone()
        assert row is not None, "an aggregate has one row"
        calls, dropped = row
        if self._dropped is None:
            self._dropped = dropped
        return int(calls) if dropped == self._dropped else None

    def _find_tables(self, role: str) -> str | None:
        """A regular expression for their names; None = no extension, or no table."""
        if self._connection.execute(_HAS_STATISTICS).fetchone() is None:
            return None
        rows = self._connection.execute(_NAMES, {"role": f'"{role}"'}).fetchall()
        names = sorted(re.escape(name) for (name,) in rows)
        return rf"\m({'|'.join(names)})\M" if names else None

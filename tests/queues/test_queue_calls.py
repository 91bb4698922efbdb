"""Statements on the queue's tables, counted by the server itself."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.observe.queue_calls import QueueCalls, role_of_its_own
from orchestrator.postgres.server import WORKER_ROLE, Server
from tests.conftest import Database

pytestmark = pytest.mark.database


def test_the_workers_statements_on_the_queues_tables_are_counted_and_no_others(
    server: Server, database: Database
) -> None:
    if not server.description["pg_stat_statements"]:
        pytest.skip("these binaries come without contrib")
    with (
        psycopg.connect(database.worker_dsn, autocommit=True) as worker,
        psycopg.connect(database.dsn, autocommit=True) as ours,
    ):
        for statement in (
            "CREATE TABLE queue_job (id int)",
            "CREATE TABLE bench_effect (id int)",
            "CREATE SCHEMA library",
            "CREATE TABLE library.task (id int)",
        ):
            worker.execute(statement)
        calls = QueueCalls(ours, role_of_its_own(database.worker_dsn, database.dsn))
        before = calls.read()
        for statement in (
            "SELECT FROM queue_job",
            "SELECT FROM library.task",
            "DELETE FROM queue_job",
        ):
            worker.execute(statement)
        for statement in ("SELECT FROM bench_effect", "SELECT 1", "SELECT 1 AS queue_jobs"):
            worker.execute(statement)
        ours.execute("SELECT FROM queue_job")
        after = calls.read()

    assert before is not None and after is not None
    assert after - before == 3


def test_a_call_of_the_queues_own_function_is_counted_as_one(
    server: Server, database: Database
) -> None:
    """procrastinate's workers name no table: they call functions."""
    if not server.description["pg_stat_statements"]:
        pytest.skip("these binaries come without contrib")
    with (
        psycopg.connect(database.worker_dsn, autocommit=True) as worker,
        psycopg.connect(database.dsn, autocommit=True) as ours,
    ):
        worker.execute("CREATE TABLE queue_job (id int)")
        worker.execute(
            "CREATE FUNCTION fetch_job() RETURNS bigint LANGUAGE sql "
            "AS 'SELECT count(*) FROM queue_job'"
        )
        calls = QueueCalls(ours, role_of_its_own(database.worker_dsn, database.dsn))
        before = calls.read()
        worker.execute("SELECT fetch_job()")
        after = calls.read()

    assert before is not None and after is not None
    assert after - before == 1


def test_a_role_that_the_harness_shares_is_not_counted(database: Database) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as ours:
        assert QueueCalls(ours, role_of_its_own(database.dsn, database.dsn)).read() is None


def test_without_the_extension_nothing_is_counted(server: Server) -> None:
    maintenance = make_conninfo(server.dsn, dbname="postgres")
    with psycopg.connect(maintenance, autocommit=True) as ours:
        assert QueueCalls(ours, WORKER_ROLE).read() is None


def test_once_the_server_has_dropped_statements_there_is_no_count(
    server: Server, database: Database
) -> None:
    """It has room for 5,000: a stand-in says so, since filling it would take a minute."""
    if not server.description["pg_stat_statements"]:
        pytest.skip("these binaries come without contrib")

    class Crowded(psycopg.Connection[Any]):
        dropped = 0

        def execute(self, query: Any, *args: Any, **options: Any) -> Any:
            text = str(query).replace("dealloc", f"dealloc + {self.dropped}")
            return super().execute(text.encode(), *args, **options)

    with Crowded.connect(database.dsn, autocommit=True) as ours:
        with psycopg.connect(database.worker_dsn, autocommit=True) as worker:
            worker.execute("CREATE TABLE queue_job (id int)")
        calls = QueueCalls(ours, role_of_its_own(database.worker_dsn, database.dsn))
        assert calls.read() is not None
        assert calls.read() is not None
        ours.dropped = 1
        assert calls.read() is None

"""Whatever a driver says passes the proxy byte for byte, and each round trip is recognised."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.proxy.proxy import Proxy
from tests.conftest import Database
from tests.process.proxied import LIMIT_S, Diary, aside, asked, by_tcp, sleeping, wait_until
from tests.process.wiretap import Wiretap

pytestmark = pytest.mark.database

CANCEL = b"\x04\xd2\x16\x2e"
"""The code of a cancel request."""


@dataclass
class Way:
    """From the worker by a wiretap, the proxy and another wiretap to the server."""

    dsn: str
    proxy: Proxy
    diary: Diary
    near: Wiretap
    far: Wiretap

    def assert_nothing_was_changed(self) -> None:
        """Both wiretaps heard the same, of as many sessions; and all of it was understood."""
        assert self.near.heard() == self.far.heard()
        assert len(self.near.sessions) > 0
        assert self.proxy.facts().unexplained == 0
        assert self.proxy.facts().broken == 0


@pytest.fixture
def way(database: Database, tmp_path: Path) -> Iterator[Way]:
    upstream = str(conninfo_to_dict(database.worker_dsn)["host"])
    diary = Diary()
    with (
        Wiretap(tmp_path / "far", upstream) as far,
        Proxy(far.dsn(database.worker_dsn), tmp_path / "p", on_round_trip=diary) as proxy,
        Wiretap(tmp_path / "near", str(tmp_path / "p")) as near,
    ):
        yield Way(near.dsn(database.worker_dsn), proxy, diary, near, far)


def insert_in_a_pipeline(worker: psycopg.Connection, numbers: list[int]) -> None:
    with worker.pipeline():
        for number in numbers:
            worker.execute("INSERT INTO t VALUES (%s)", (number,))


class GivenUpError(Exception):
    """The worker has changed its mind."""


def copy_in(cursor: psycopg.Cursor, numbers: Sequence[int | None]) -> None:
    """Copy these numbers into ``t``; at a None give the copy up."""
    with cursor.copy("COPY t FROM STDIN") as copy:
        for number in numbers:
            if number is None:
                raise GivenUpError
            copy.write_row((number, "x" * 500))


def test_psycopgs_statements_pass(way: Way) -> None:
    with psycopg.connect(way.dsn) as worker:
        worker.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
        worker.cursor().executemany("INSERT INTO t VALUES (%s, %s)", [(n, "x") for n in range(9)])
        for number in range(8):  # prepared after the fifth
            worker.execute("SELECT b FROM t WHERE a = %s", (number,))
        worker.commit()
        with pytest.raises(psycopg.errors.UniqueViolation):
            worker.execute("INSERT INTO t VALUES (1, 'again')")
        worker.rollback()
        worker.execute("SELECT 1; SELECT 2", prepare=False)
    assert way.diary.rows()[-2:] == [("SELECT ?; SELECT ?", 2), ("COMMIT", 2)]
    assert ("SELECT b FROM t WHERE a = $1", 1) in way.diary.rows()
    way.assert_nothing_was_changed()


def test_psycopgs_pipelines_pass(way: Way) -> None:
    with psycopg.connect(way.dsn, autocommit=True) as worker:
        worker.execute("CREATE TABLE t (a int PRIMARY KEY)")
        with worker.pipeline() as pipeline, worker.transaction():
            for number in range(50):
                worker.execute("INSERT INTO t VALUES (%s)", (number,))
                if number % 7 == 0:
                    pipeline.sync()
        with pytest.raises(psycopg.errors.UniqueViolation):
            insert_in_a_pipeline(worker, [1, 100])
        assert worker.execute("SELECT count(*) FROM t").fetchone() == (50,)
    way.assert_nothing_was_changed()


def test_a_copy_passes_both_ways_also_where_it_fails(way: Way) -> None:
    with psycopg.connect(way.dsn, autocommit=True) as worker:
        worker.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
        cursor = worker.cursor()
        copy_in(cursor, list(range(2000)))
        with pytest.raises(psycopg.errors.UniqueViolation):
            copy_in(cursor, list(range(4000, 1000, -1)))
        with pytest.raises(GivenUpError):
            copy_in(cursor, [5000, None])
        with cursor.copy("COPY t TO STDOUT") as copy:
            assert sum(len(data) for data in copy) > 1_000_000
        with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            copy.write_row((9000, "z"))
    copies = [row for row in way.diary.rows() if "STDIN" in row[0]]
    assert copies[:2] == [("COPY t FROM STDIN", None), ("COPY t FROM STDIN (its data)", 2000)]
    assert copies[-1][1] == 1
    way.assert_nothing_was_changed()


def test_notifications_arrive_while_nothing_is_asked(way: Way, database: Database) -> None:
    with psycopg.connect(way.dsn, autocommit=True) as worker:
        worker.execute("LISTEN news")
        asked(database, "SELECT pg_notify('news', 'first')")
        (first,) = worker.notifies(timeout=LIMIT_S, stop_after=1)
        assert first.payload == "first"
        worker.execute("NOTIFY news, 'of its own'")
        (own,) = worker.notifies(timeout=LIMIT_S, stop_after=1)
        assert own.payload == "of its own"
    assert way.diary.statements()[:2] == ["LISTEN news", "NOTIFY news, ?"]
    way.assert_nothing_was_changed()


@pytest.mark.parametrize("version", [pytest.param(None, id="3.0"), "3.2"])
def test_a_cancel_request_reaches_its_session(
    way: Way, database: Database, version: str | None
) -> None:
    dsn = way.dsn + (f" max_protocol_version={version}" if version else "")
    with psycopg.connect(dsn, autocommit=True) as worker:
        assert worker.pgconn.protocol_version == 3
        slow = aside(lambda: worker.execute("SELECT pg_sleep(60)"))
        wait_until(lambda: sleeping(database), "the statement")
        worker.cancel_safe(timeout=LIMIT_S)
        with pytest.raises(psycopg.errors.QueryCanceled):
            slow.result(LIMIT_S)
        assert worker.execute("SELECT 1").fetchone() == (1,)
    (cancel,) = (sent for sent, _ in way.near.heard() if sent[4:8] == CANCEL)
    assert len(cancel) == (16 if version is None else 12 + 32)
    way.assert_nothing_was_changed()


def test_asyncpg_passes_with_its_prepares_cursors_and_copies(way: Way) -> None:
    async def work() -> None:
        parts = conninfo_to_dict(way.dsn)
        worker = await asyncpg.connect(
            host=parts["host"], port=5432, user=parts["user"], database=parts["dbname"]
        )
        try:
            await worker.execute("CREATE TABLE t (a int)")
            await worker.executemany("INSERT INTO t VALUES ($1)", [(n,) for n in range(100)])
            assert await worker.fetchval("SELECT count(*) FROM t") == 100
            async with worker.transaction():
                cursor = await worker.cursor("SELECT a FROM t")
                assert len(await cursor.fetch(10)) == 10
                assert len(await cursor.fetch(5)) == 5
            await worker.copy_records_to_table("t", records=[(n,) for n in range(1000)])
            with pytest.raises(asyncpg.DivisionByZeroError):
                await worker.fetch("SELECT 1 / $1::int", 0)
            with pytest.raises(TimeoutError):
                await worker.fetch("SELECT pg_sleep(60)", timeout=0.2)
            assert await worker.fetchval("SELECT count(*) FROM t") == 1100
        finally:
            await worker.close()

    asyncio.run(work())
    executed = way.diary.statements()
    assert executed.count("SELECT a FROM t") == 2
    assert executed.count("INSERT INTO t VALUES ($1)") >= 1
    prepared = [trip.statement for _, trip in way.diary.seen if not trip.executes]
    assert "INSERT INTO t VALUES ($1)" in prepared
    assert sum(sent[4:8] == CANCEL for sent, _ in way.near.heard()) == 1
    assert way.near.heard() == way.far.heard()
    assert way.proxy.facts().unexplained == 0


def test_a_request_that_was_not_complete_when_its_worker_died_is_what_it_would_be_without_us(
    way: Way, database: Database
) -> None:
    """PostgreSQL runs an Execute without waiting for its Sync, and rolls it back at the end."""
    parts = conninfo_to_dict(way.dsn)
    with psycopg.connect(way.dsn, autocommit=True) as setting_up:
        setting_up.execute("CREATE SEQUENCE s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as worker:
        worker.connect(f"{parts['host']}/.s.PGSQL.5432")
        words = b"user\0%b\0database\0%b\0\0" % (
            str(parts["user"]).encode(),
            str(parts["dbname"]).encode(),
        )
        worker.sendall(struct.pack("!II", len(words) + 8, 3 << 16) + words)
        answer = b""
        while not answer.endswith(b"Z\0\0\0\5I"):
            answer += worker.recv(4096)
        sql = b"\0SELECT nextval('s')\0\0\0"
        unfinished = b"P" + struct.pack("!I", len(sql) + 4) + sql
        unfinished += b"B" + struct.pack("!I", 12) + bytes(8)
        unfinished += b"E" + struct.pack("!I", 9) + bytes(5)
        worker.sendall(unfinished)
    wait_until(lambda: bool(asked(database, "SELECT is_called FROM s")), "the execution")
    assert way.diary.statements()[-1] == "SELECT nextval(?)"
    way.assert_nothing_was_changed()


def test_by_loopback_tcp_it_works_for_a_driver_that_knows_no_unix_sockets(
    database: Database, tmp_path: Path
) -> None:
    diary = Diary()
    with Proxy(database.worker_dsn, tmp_path / "p", on_round_trip=diary) as proxy:
        dsn = proxy.dsn(by_tcp(database.worker_dsn))
        assert conninfo_to_dict(dsn)["host"] == "127.0.0.1"
        assert proxy.dsn(by_tcp(database.worker_dsn)) == dsn
        # libpq asks for GSSAPI and TLS by itself here, and is told no.
        with psycopg.connect(dsn, autocommit=True, sslmode="prefer") as worker:
            assert worker.pgconn.ssl_in_use == 0
            assert worker.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError, match="server does not support SSL"):
            psycopg.connect(dsn, sslmode="require")
    assert diary.rows() == [("SELECT ?", 1)]


def test_a_worker_that_begins_with_tls_at_once_is_refused(
    database: Database, tmp_path: Path
) -> None:
    with Proxy(database.worker_dsn, tmp_path / "p") as proxy:
        dsn = proxy.dsn(by_tcp(database.worker_dsn))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn, sslmode="require", sslnegotiation="direct")
        assert proxy.facts().broken == 1
        with psycopg.connect(dsn) as worker:
            assert worker.execute("SELECT 1").fetchone() == (1,)


def test_many_connections_at_once_pass(way: Way, database: Database) -> None:
    def work(number: int) -> int:
        with psycopg.connect(way.dsn, autocommit=True) as worker:
            for _ in range(20):
                row = worker.execute("SELECT %s::int", (number,)).fetchone()
                assert row == (number,)
        return number

    workers = [aside(lambda number=number: work(number)) for number in range(16)]  # type: ignore[misc]
    assert [worker.result(LIMIT_S) for worker in workers] == list(range(16))
    way.assert_nothing_was_changed()


def test_a_session_that_the_server_ends_is_told_to_the_worker(
    database: Database, tmp_path: Path
) -> None:
    with Proxy(database.worker_dsn, tmp_path / "p") as proxy:
        worker = psycopg.connect(proxy.dsn(database.worker_dsn), autocommit=True)
        (pid,) = proxy.facts().backend_pids
        assert asked(database, "SELECT pg_terminate_backend(%s, 5000)", pid)
        with pytest.raises(psycopg.errors.AdminShutdown):
            worker.execute("SELECT 1")
        wait_until(lambda: proxy.facts().broken == 1, "the end of the session")


def test_a_server_that_is_not_there_is_a_connection_that_is_closed(
    database: Database, tmp_path: Path
) -> None:
    nowhere = psycopg.conninfo.make_conninfo(database.worker_dsn, host=str(tmp_path))
    with Proxy(nowhere, tmp_path / "p") as proxy:
        with pytest.raises(psycopg.OperationalError, match="closed the connection"):
            psycopg.connect(proxy.dsn(database.worker_dsn))
        assert proxy.facts().broken == 1

"""Our decoder against two others: what libpq says that it sent, and what pgproto3 reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import Database
from tests.process.wire_oracle import (
    NAMES,
    Direction,
    Message,
    build_oracle,
    by_libpq,
    by_our_framer,
    by_pgproto3,
)
from tests.process.wiretap import Wiretap

pytestmark = pytest.mark.database


@pytest.fixture
def tap(database: Database, tmp_path: Path) -> Iterator[Wiretap]:
    upstream = str(conninfo_to_dict(database.worker_dsn)["host"])
    with Wiretap(tmp_path / "tap", upstream) as opened:
        yield opened


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_oracle(tmp_path_factory.mktemp("oracle"))


def talk(worker: psycopg.Connection) -> None:
    """Something of everything."""
    worker.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
    worker.execute("LISTEN news")
    worker.cursor().executemany("INSERT INTO t VALUES (%s, %s)", [(n, "ä" * n) for n in range(9)])
    for number in range(8):
        worker.execute("SELECT b FROM t WHERE a = %s", (number,))
    with worker.transaction():
        worker.execute("UPDATE t SET b = repeat('x', 50000) WHERE a < %s", (3,))
    worker.execute("DO $$ BEGIN RAISE NOTICE 'heard'; END $$")
    worker.execute("NOTIFY news, 'of its own'")
    worker.execute("")
    with pytest.raises(psycopg.errors.DivisionByZero):
        worker.execute("SELECT 1/0")
    with pytest.raises(psycopg.errors.UniqueViolation):
        worker.execute("INSERT INTO t VALUES (%s)", (1,))
    with worker.pipeline():
        for number in range(20, 40):
            worker.execute("INSERT INTO t VALUES (%s, 'y')", (number,))
    with worker.cursor().copy("COPY t FROM STDIN") as copy:
        for number in range(100, 200):
            copy.write_row((number, "z" * 400))
    with worker.cursor().copy("COPY t TO STDOUT") as copy:
        assert sum(len(data) for data in copy) > 40_000
    with worker.transaction(), worker.cursor("portal") as named_cursor:
        named_cursor.execute("SELECT b FROM t")
        assert len(named_cursor.fetchmany(5)) == 5


def test_our_messages_are_those_that_libpq_traces(tap: Wiretap, database: Database) -> None:
    trace_path = tap.folder / "trace"
    with (
        trace_path.open("w") as trace,
        psycopg.connect(tap.dsn(database.worker_dsn), autocommit=True) as worker,
    ):
        worker.pgconn.trace(trace.fileno())
        worker.pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        talk(worker)
        worker.pgconn.untrace()
    ((sent, answered),) = tap.heard()
    traced = by_libpq(trace_path.read_text())
    for direction, stream in (("F", sent), ("B", answered)):
        ours = named(direction, by_our_framer(direction, stream))  # type: ignore[arg-type]
        theirs = [(name, length) for side, name, length in traced if side == direction]
        # What stands before is the handshake; what follows, the leave.
        assert len(theirs) > 60
        assert ours[-len(theirs) - (direction == "F") :][: len(theirs)] == theirs


def named(direction: Direction, messages: list[Message]) -> list[tuple[str, int]]:
    return [(NAMES.get((direction, one.kind), one.kind), one.size - 1) for one in messages]


def test_our_messages_are_those_that_pgproto3_reads(
    tap: Wiretap, database: Database, oracle: Path, tmp_path: Path
) -> None:
    with psycopg.connect(tap.dsn(database.worker_dsn), autocommit=True) as worker:
        talk(worker)
    ((sent, answered),) = tap.heard()
    streams: list[tuple[Direction, bytes]] = [("F", sent), ("B", answered)]
    theirs = by_pgproto3(oracle, tmp_path, streams)
    assert [len(messages) > 60 for messages in theirs] == [True, True]
    assert theirs == [by_our_framer(direction, stream) for direction, stream in streams]
    assert any("INSERT INTO t" in message.sql for message in theirs[0])

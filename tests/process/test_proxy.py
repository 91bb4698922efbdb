"""The proxy before a real PostgreSQL: what passes, what is stopped, and what each side finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from orchestrator.errors import ProxyError
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from tests.conftest import Database
from tests.process.proxied import LIMIT_S, Diary, aside, asked, by_tcp, rows, sleeping, wait_until

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("table_t")]

INSERT = "INSERT INTO t VALUES ($1)"


def connected(proxy: Proxy, database: Database) -> psycopg.Connection:
    return psycopg.connect(proxy.dsn(database.worker_dsn), autocommit=True)


def insert(connection: psycopg.Connection, value: int) -> int:
    """Insert by the extended protocol; how many rows the worker was told of."""
    return connection.execute("INSERT INTO t VALUES (%s)", (value,)).rowcount


def queries_seen(database: Database, pid: int) -> tuple[str, str]:
    """State of a session and the last query that the server has seen of it."""
    with psycopg.connect(database.dsn) as connection:
        row = connection.execute(
            "SELECT state, query FROM pg_stat_activity WHERE pid = %s", (pid,)
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_stopped_before_nothing_of_the_request_has_reached_the_server(
    proxy: Proxy, database: Database
) -> None:
    with connected(proxy, database) as worker:
        worker.execute("SELECT 'the last that is seen'")
        proxy.watch(Diary(INSERT))
        waiting = aside(lambda: insert(worker, 1))
        assert proxy.stopped.wait(LIMIT_S)
        assert proxy.held is not None
        assert (proxy.held.round_trip.statement, proxy.held.side) == (INSERT, "before")
        (pid,) = proxy.facts().backend_pids
        assert queries_seen(database, pid) == ("idle", "SELECT 'the last that is seen'")
        # Neither parsed nor bound: a lock on the table would show even a plan that is being made.
        assert asked(database, "SELECT count(*) FROM pg_locks WHERE pid = %s", pid) == 0
        assert rows(database) == 0
        assert not waiting.done()
        assert proxy.facts().passed_since_freeze == 0
        proxy.drop()
        with pytest.raises(psycopg.OperationalError):
            waiting.result(LIMIT_S)
    wait_until(lambda: not alive(database, pid), "the end of the session")
    assert rows(database) == 0


def test_stopped_after_it_was_executed_and_the_worker_does_not_know(
    proxy: Proxy, database: Database
) -> None:
    diary = Diary(INSERT, "after")
    proxy.watch(diary)
    with connected(proxy, database) as worker:
        waiting = aside(lambda: insert(worker, 1))
        assert proxy.stopped.wait(LIMIT_S)
        assert proxy.held is not None
        assert proxy.held.round_trip.rows == 1
        assert rows(database) == 1
        assert not waiting.done()
        assert proxy.facts().passed_since_freeze == 0
        proxy.drop()
        with pytest.raises(psycopg.OperationalError):
            waiting.result(LIMIT_S)
    assert rows(database) == 1


@pytest.mark.parametrize("side", ["before", "after"])
def test_released_everything_flows_again_in_order(
    proxy: Proxy, database: Database, side: str
) -> None:
    proxy.watch(Diary(INSERT, "before" if side == "before" else "after"))
    with connected(proxy, database) as worker:
        waiting = aside(lambda: [insert(worker, value) for value in range(5)])
        assert proxy.stopped.wait(LIMIT_S)
        assert not waiting.done()
        proxy.release()
        assert waiting.result(LIMIT_S) == [1] * 5
        assert worker.execute("SELECT array_agg(a) FROM t").fetchone() == ([0, 1, 2, 3, 4],)
    assert proxy.facts().unexplained == 0


def test_all_connections_freeze_and_also_those_that_are_opened_meanwhile(
    proxy: Proxy, database: Database
) -> None:
    with connected(proxy, database) as worker, connected(proxy, database) as other:
        proxy.watch(Diary(INSERT))
        held = aside(lambda: insert(worker, 1))
        assert proxy.stopped.wait(LIMIT_S)
        assert proxy.facts().arrived_since_freeze == 0
        on_another = aside(lambda: insert(other, 2))
        wait_until(lambda: proxy.facts().arrived_since_freeze > 0, "what the worker sends")
        before = proxy.facts().arrived_since_freeze
        opened_meanwhile = aside(lambda: connected(proxy, database))
        wait_until(lambda: len(proxy._links) == 3, "the new connection")
        wait_until(lambda: proxy.facts().arrived_since_freeze > before, "what it asks for")
        assert asked(database, "SELECT count(*) FROM t") == 0
        facts = proxy.facts()
        assert (facts.passed_since_freeze, len(facts.backend_pids)) == (0, 2)
        assert not (held.done() or on_another.done() or opened_meanwhile.done())
        proxy.release()
        assert (held.result(LIMIT_S), on_another.result(LIMIT_S)) == (1, 1)
        with opened_meanwhile.result(LIMIT_S) as third:
            assert third.execute("SELECT count(*) FROM t").fetchone() == (2,)


def test_a_freeze_that_lets_one_connection_through_shows_in_the_facts(
    proxy: Proxy, database: Database
) -> None:
    with connected(proxy, database) as worker, connected(proxy, database) as other:
        link = proxy._links[1]
        proxy._links.remove(link)  # so that it is not frozen with the others
        link._gate = type(link._gate)(None)
        proxy.watch(Diary(INSERT))
        held = aside(lambda: insert(worker, 1))
        assert proxy.stopped.wait(LIMIT_S)
        assert proxy.facts().passed_since_freeze == 0
        insert(other, 2)
        assert proxy.facts().passed_since_freeze > 0
        proxy.drop()
        with pytest.raises(psycopg.OperationalError):
            held.result(LIMIT_S)
        proxy._links.append(link)


def test_a_single_byte_that_passes_after_the_freeze_shows_in_the_facts(
    proxy: Proxy, database: Database
) -> None:
    with connected(proxy, database) as worker:
        proxy.watch(Diary(INSERT))
        held = aside(lambda: insert(worker, 1))
        assert proxy.stopped.wait(LIMIT_S)
        proxy._do(lambda: proxy._links[0].worker.write(b"N"))
        assert proxy.facts().passed_since_freeze == 1
        proxy.drop()
        with pytest.raises(psycopg.Error):
            held.result(LIMIT_S)


KILLED = """
import psycopg, sys
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (%s)", (1,))
    connection.execute("INSERT INTO t VALUES (2)")
    connection.execute("COMMIT")
"""


@pytest.mark.parametrize(
    ("statement", "side", "kept"),
    [
        ("INSERT INTO t VALUES (?)", "before", 0),
        ("INSERT INTO t VALUES (?)", "after", 0),
        ("COMMIT", "before", 0),
        ("COMMIT", "after", 2),
    ],
)
def test_a_worker_that_is_killed_where_it_is_stopped_leaves_what_it_had_committed(
    proxy: Proxy, database: Database, statement: str, side: str, kept: int
) -> None:
    proxy.watch(Diary(statement, "before" if side == "before" else "after"))
    argv = [sys.executable, "-c", KILLED, proxy.dsn(database.worker_dsn)]
    with subprocess.Popen(argv) as worker:
        assert proxy.stopped.wait(LIMIT_S)
        worker.send_signal(signal.SIGKILL)
        assert worker.wait(LIMIT_S) == -signal.SIGKILL
    facts = proxy.facts()
    proxy.drop()
    (pid,) = facts.backend_pids
    wait_until(lambda: not alive(database, pid), "the end of the session")
    assert rows(database) == kept
    assert (facts.passed_since_freeze, facts.arrived_since_freeze) == (0, 0)
    assert proxy.facts().passed_since_freeze == 0


def alive(database: Database, pid: int) -> bool:
    count: int = asked(database, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid)
    return count > 0


def test_a_cancel_request_freezes_with_the_rest_and_arrives_when_all_flows_again(
    proxy: Proxy, database: Database
) -> None:
    with connected(proxy, database) as worker, connected(proxy, database) as other:
        slow = aside(lambda: other.execute("SELECT pg_sleep(60)"))
        wait_until(lambda: sleeping(database), "the long statement")
        proxy.watch(Diary(INSERT))
        held = aside(lambda: insert(worker, 1))
        assert proxy.stopped.wait(LIMIT_S)
        cancelling = aside(lambda: other.cancel_safe(timeout=LIMIT_S))
        wait_until(lambda: len(proxy._links) == 3, "the cancel request")
        wait_until(lambda: proxy.facts().arrived_since_freeze >= 16, "its bytes")
        assert sleeping(database)
        assert proxy.facts().passed_since_freeze == 0
        proxy.release()
        cancelling.result(LIMIT_S)
        with pytest.raises(psycopg.errors.QueryCanceled):
            slow.result(LIMIT_S)
        assert held.result(LIMIT_S) == 1


def test_what_a_worker_gave_up_during_a_stall_still_reaches_the_server(
    proxy: Proxy, database: Database
) -> None:
    """As a packet does that was long on its way: its sender has closed the connection since."""
    proxy.watch(Diary(INSERT))
    worker = connected(proxy, database)
    worker.pgconn.send_query_params(b"INSERT INTO t VALUES ($1)", [b"5"])
    assert proxy.stopped.wait(LIMIT_S)
    worker.close()
    assert rows(database) == 0
    proxy.release()
    wait_until(lambda: rows(database) == 1, "the row")
    (pid,) = proxy.facts().backend_pids
    wait_until(lambda: not alive(database, pid), "the end of the session")
    assert proxy.facts().broken == 0


def test_a_worker_can_be_stopped_again_and_again(proxy: Proxy, database: Database) -> None:
    def everywhere(round_trip: RoundTrip, side: Side) -> bool:
        return True

    with connected(proxy, database) as worker:
        proxy.watch(everywhere)
        waiting = aside(lambda: [insert(worker, value) for value in range(3)])
        sides = []
        for _ in range(6):
            assert proxy.stopped.wait(LIMIT_S)
            assert proxy.held is not None
            sides.append(proxy.held.side)
            proxy.release()
        assert waiting.result(LIMIT_S) == [1, 1, 1]
        assert sides == ["before", "after"] * 3
        proxy.watch(None)
        assert proxy.held is None
        assert insert(worker, 3) == 1


def test_a_delayed_request_is_executed_when_its_worker_is_no_more(
    proxy: Proxy, database: Database
) -> None:
    proxy.watch(Diary(INSERT))
    worker = connected(proxy, database)
    held = aside(lambda: insert(worker, 7))
    assert proxy.stopped.wait(LIMIT_S)
    delayed = proxy.drop_keeping_held()
    with pytest.raises(psycopg.OperationalError):
        held.result(LIMIT_S)
    worker.close()
    assert rows(database) == 0
    delivered = delayed.deliver(LIMIT_S)
    assert (delivered.round_trip.rows, delivered.error) == (1, None)
    assert asked(database, "SELECT a FROM t") == 7


def test_a_delayed_request_that_the_server_refuses_says_so(
    proxy: Proxy, database: Database
) -> None:
    proxy.watch(Diary(INSERT))
    worker = connected(proxy, database)
    held = aside(lambda: insert(worker, 7))
    assert proxy.stopped.wait(LIMIT_S)
    delayed = proxy.drop_keeping_held()
    with pytest.raises(psycopg.OperationalError):
        held.result(LIMIT_S)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE t")
    assert delayed.deliver(LIMIT_S).error == '42P01 relation "t" does not exist'


def test_nothing_can_be_delayed_where_nothing_is_held_before_the_server(
    proxy: Proxy, database: Database
) -> None:
    proxy.watch(Diary(INSERT, "after"))
    with connected(proxy, database) as worker:
        held = aside(lambda: insert(worker, 7))
        assert proxy.stopped.wait(LIMIT_S)
        with pytest.raises(ProxyError, match="no request is held"):
            proxy.drop_keeping_held()
        proxy.release()
        assert held.result(LIMIT_S) == 1


def test_a_decision_that_raises_is_told_to_whoever_asks(proxy: Proxy, database: Database) -> None:
    def wrong(*_: object) -> bool:
        raise ZeroDivisionError("in the decision")

    with connected(proxy, database) as worker:
        proxy.watch(wrong)
        held = aside(lambda: insert(worker, 1))
        assert proxy.stopped.wait(LIMIT_S)
        with pytest.raises(ProxyError, match="in the decision"):
            proxy.facts()
        proxy.close()
        with pytest.raises(psycopg.OperationalError):
            held.result(LIMIT_S)


def test_a_closed_proxy_leaves_neither_descriptor_nor_socket_nor_thread(
    database: Database, tmp_path: Path
) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count

    before = descriptors()
    for _ in range(3):
        with Proxy(database.worker_dsn, tmp_path / "p") as proxy:
            proxy.dsn(by_tcp(database.worker_dsn))
            with connected(proxy, database) as worker:
                worker.execute("SELECT 1")
        assert not proxy._thread.is_alive()
    assert descriptors() == before
    assert list((tmp_path / "p").iterdir()) == []

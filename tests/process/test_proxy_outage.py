"""A network that is out, before a real PostgreSQL: what is swallowed arrives late, what is reset is
lost."""

from __future__ import annotations

import os
import socket

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.proxy.proxy import Proxy
from tests.conftest import Database
from tests.process.proxied import LIMIT_S, aside, asked, rows, sleeping, wait_until

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("table_t")]


def connected(proxy: Proxy, database: Database, *, tcp: bool = True) -> psycopg.Connection:
    return psycopg.connect(proxy.dsn(database.worker_dsn, tcp=tcp), autocommit=True)


def test_what_is_sent_into_a_black_hole_is_held_and_arrives_late(
    proxy: Proxy, database: Database
) -> None:
    connection = connected(proxy, database)
    proxy.shut()
    answer = aside(lambda: connection.execute("INSERT INTO t VALUES (1)").rowcount)
    wait_until(lambda: proxy.held_back()[0].from_worker > 0, "the insert in the proxy")
    (held,) = proxy.held_back()
    assert (held.backend_pid, held.is_new) == (connection.info.backend_pid, False)
    assert (proxy.facts().passed_since_freeze, rows(database), answer.done()) == (0, 0, False)
    proxy.release()
    assert (answer.result(), rows(database)) == (1, 1)
    connection.close()


def test_nothing_that_is_sent_after_it_was_shut_counts_as_sent_before(
    proxy: Proxy, database: Database
) -> None:
    connection = connected(proxy, database)
    for _ in range(50):
        proxy.shut()
        assert proxy.stopped.is_set()
        answer = aside(lambda: connection.execute("SELECT 1").rowcount)
        wait_until(lambda: proxy.held_back()[0].from_worker > 0, "the query in the proxy")
        proxy.release()
        assert answer.result() == 1
    connection.close()


def test_an_answer_that_was_under_way_is_held_as_well(proxy: Proxy, database: Database) -> None:
    connection = connected(proxy, database)
    answer = aside(lambda: connection.execute("SELECT pg_sleep(0.3)").rowcount)
    wait_until(lambda: sleeping(database), "the sleep in the server")
    proxy.shut()
    wait_until(lambda: proxy.held_back()[0].from_server > 0, "the answer in the proxy")
    assert not answer.done()
    proxy.release()
    assert answer.result() == 1
    connection.close()


def test_who_connects_into_a_black_hole_gets_no_answer_until_it_is_over(
    proxy: Proxy, database: Database
) -> None:
    proxy.dsn(database.worker_dsn, tcp=True)
    proxy.shut()
    opening = aside(lambda: connected(proxy, database))
    wait_until(lambda: [one.is_new for one in proxy.held_back()] == [True], "the connection")
    assert (proxy.held_back()[0].backend_pid, opening.done()) == (None, False)
    proxy.release()
    with opening.result() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_session_whose_beginning_lies_unread_is_known_to_go_through_the_proxy(
    proxy: Proxy, database: Database
) -> None:
    slow = make_conninfo(proxy.dsn(database.worker_dsn), options="-c post_auth_delay=1")
    opening = aside(lambda: psycopg.connect(slow))
    wait_until(lambda: any(link.server is not None for link in proxy._links), "its request there")
    proxy.shut()
    wait_until(lambda: len(proxy.facts().backend_pids) == 1, "the server's word of the session")
    (pid,) = proxy.facts().backend_pids
    assert not opening.done()
    proxy.release()
    with opening.result(LIMIT_S) as connection:
        assert connection.info.backend_pid == pid
    assert proxy.facts().backend_pids == (pid,)


def test_what_a_worker_sent_before_it_gave_up_arrives_all_the_same(
    proxy: Proxy, database: Database
) -> None:
    connection = connected(proxy, database)
    proxy.shut()
    connection.pgconn.send_query(b"INSERT INTO t VALUES (1)")
    wait_until(lambda: proxy.held_back()[0].from_worker > 0, "the insert in the proxy")
    connection.close()
    proxy.release()
    wait_until(lambda: rows(database) == 1, "the insert of who has gone")


@pytest.mark.parametrize("tcp", [True, False])
def test_a_reset_ends_every_session_on_both_sides(
    proxy: Proxy, database: Database, tcp: bool
) -> None:
    connection = connected(proxy, database, tcp=tcp)
    pid = connection.info.backend_pid
    if tcp:
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as bare:
            assert proxy.reset() == (pid,)
            with pytest.raises(ConnectionResetError):
                bare.recv(1)
    else:
        assert proxy.reset() == (pid,)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    wait_until(
        lambda: asked(database, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid) == 0,
        "the end of the session",
    )


def test_after_a_reset_each_new_connection_is_reset_until_they_are_taken_again(
    proxy: Proxy, database: Database
) -> None:
    proxy.reset()
    for count in (1, 2):
        with pytest.raises(psycopg.OperationalError):
            connected(proxy, database)
        assert proxy.facts().refused == count
    proxy.accept_again()
    with connected(proxy, database) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert (proxy.facts().refused, proxy.facts().broken) == (2, 0)

"""The proxy's bounds: its memory, who does not read, bytes that are no protocol; its end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from orchestrator.errors import ProxyClosedError, ProxyError
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from tests.conftest import Database
from tests.process.proxied import LIMIT_S, Diary, aside, asked, by_tcp, wait_until

pytestmark = pytest.mark.database

MIB = 1 << 20
LONG = 300 * MIB
MOST_RSS_GROWTH = 64 * MIB


class PeakMemory:
    """The most that this process holds from now on; see proc(5), clear_refs and VmHWM."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before = self._peak()

    def growth(self) -> int:
        """Bytes."""
        return self._peak() - self._before

    @staticmethod
    def _peak() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024


def long_worker(dsn: str, statement: str) -> subprocess.Popen[str]:
    """A worker in a process of its own, whose memory is none of ours."""
    program = (
        "import psycopg, sys\n"
        "with psycopg.connect(sys.argv[1], autocommit=True) as c:\n"
        f"    size = {LONG}\n"
        f"    cursor = c.cursor(binary=True)\n"
        f"    {statement}\n"
        "    print(len(cursor.fetchone()[0]) if size else 0)\n"
    )
    return subprocess.Popen([sys.executable, "-c", program, dsn], stdout=subprocess.PIPE, text=True)


BIND = "cursor.execute('SELECT repeat(%s, length(%s) / 1000000)', ('x', b'y' * size))"
ANSWER = "cursor.execute('SELECT repeat(%s, %s)', ('x', size))"


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("statement", "length"),
    [(BIND, LONG // 1_000_000), (ANSWER, LONG)],
    ids=["request", "answer"],
)
def test_a_message_of_300_mib_passes_in_bounded_memory(
    proxy: Proxy, database: Database, statement: str, length: int
) -> None:
    proxy.watch(Diary())
    memory = PeakMemory()
    with long_worker(proxy.dsn(database.worker_dsn), statement) as worker:
        said, _ = worker.communicate(timeout=200)
    assert worker.returncode == 0
    assert int(said) == length
    assert memory.growth() < MOST_RSS_GROWTH
    assert proxy.facts().unexplained == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_long_request_is_stopped_before_any_of_it_has_reached_the_server(
    proxy: Proxy, database: Database
) -> None:
    proxy.watch(Diary("SELECT repeat($1, length($2) / ?)"))
    memory = PeakMemory()
    with long_worker(proxy.dsn(database.worker_dsn), BIND) as worker:
        assert proxy.stopped.wait(60)
        (pid,) = proxy.facts().backend_pids
        query = asked(database, "SELECT query FROM pg_stat_activity WHERE pid = %s", pid)
        assert query == ""
        worker.kill()
    assert proxy.facts().passed_since_freeze == 0
    assert memory.growth() < MOST_RSS_GROWTH


def test_an_answer_that_is_held_for_long_is_spooled_and_given_whole(
    proxy: Proxy, database: Database
) -> None:
    size = 40 * MIB
    proxy.watch(Diary("SELECT repeat(?, ?)", "after"))
    with psycopg.connect(proxy.dsn(database.worker_dsn), autocommit=True) as worker:
        waiting = aside(lambda: worker.execute(f"SELECT repeat('x', {size})").fetchone())
        assert proxy.stopped.wait(LIMIT_S)
        assert proxy.held is not None
        assert proxy.held.round_trip.rows == 1
        assert not waiting.done()
        proxy.release()
        row = waiting.result(LIMIT_S)
        assert row is not None
        assert len(row[0]) == size


def test_a_worker_that_does_not_read_holds_up_nobody_else(proxy: Proxy, database: Database) -> None:
    dsn = proxy.dsn(database.worker_dsn)
    with (
        psycopg.connect(dsn, autocommit=True) as slow,
        psycopg.connect(dsn, autocommit=True) as quick,
    ):
        slow.pgconn.send_query(b"SELECT repeat('x', 50000000)")
        for _ in range(20):
            assert quick.execute("SELECT 1").fetchone() == (1,)
        slow.pgconn.finish()
        assert quick.execute("SELECT 1").fetchone() == (1,)


def test_nobody_elses_processes_get_in_by_loopback_tcp(
    proxy: Proxy, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = proxy.dsn(by_tcp(database.worker_dsn))
    with psycopg.connect(dsn) as worker:
        assert worker.execute("SELECT 1").fetchone() == (1,)
    us = os.geteuid()
    with monkeypatch.context() as changed:
        changed.setattr(os, "geteuid", lambda: us + 1)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn)
    assert len(proxy.facts().backend_pids) == 1


def test_a_folder_that_cannot_hold_a_socket_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(ProxyError, match="at most 107 bytes"):
        Proxy(database.worker_dsn, tmp_path / ("p" * 100))
    (tmp_path / "file").write_text("")
    with pytest.raises(ProxyError, match="Not a directory"):
        Proxy(database.worker_dsn, tmp_path / "file" / "p")
    with (
        Proxy(database.worker_dsn, tmp_path / "p"),
        pytest.raises(ProxyError, match="Address already in use"),
    ):
        Proxy(database.worker_dsn, tmp_path / "p")


def test_bytes_that_are_no_protocol_are_refused_before_a_session_is_up(
    proxy: Proxy, database: Database
) -> None:
    port = int(proxy.dsn("host=localhost").split("port=")[1].split()[0])
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(100) == b""
    assert proxy.facts().backend_pids == ()


def test_bytes_that_are_no_protocol_in_a_session_pass_and_are_counted(
    proxy: Proxy, database: Database
) -> None:
    worker = psycopg.connect(proxy.dsn(database.worker_dsn), autocommit=True)
    (pid,) = proxy.facts().backend_pids
    with socket.socket(fileno=worker.pgconn.socket) as wire:
        wire.setblocking(True)
        wire.sendall(b"\xffno message begins so")
        # The server makes of it what it would without us: it ends the session.
        wait_until(lambda: proxy.facts().unexplained >= 21, "the bytes")
        wait_until(
            lambda: (
                not asked(database, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid)
            ),
            "the end of the session",
        )
        wire.detach()
    worker.close()


def test_who_asks_a_proxy_after_its_end_is_told_so(proxy: Proxy) -> None:
    proxy.close()
    with pytest.raises(ProxyClosedError):
        proxy.facts()


def test_who_asks_while_a_proxy_is_closed_does_not_wait_for_ever(
    proxy: Proxy, database: Database
) -> None:
    busy, done = threading.Event(), threading.Event()

    def decide(_: RoundTrip, __: Side) -> bool:
        busy.set()
        done.wait(LIMIT_S)
        return False

    with psycopg.connect(proxy.dsn(database.worker_dsn)) as worker:
        proxy.watch(decide)
        asking = aside(lambda: worker.execute("SELECT 1"))
        assert busy.wait(LIMIT_S)
        asked_of_it, closed = aside(proxy.facts), aside(proxy.close)
        done.set()
        closed.result(LIMIT_S)
        error = asked_of_it.exception(LIMIT_S)
        assert error is None or isinstance(error, ProxyClosedError)
        asking.exception(LIMIT_S)

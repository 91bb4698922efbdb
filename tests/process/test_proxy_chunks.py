"""A pipelined session in pieces of any size: the server's answers are those that it gives directly.

Each request of the script is sent without waiting for the answer to the one before, the data of a
COPY included, and at random points the worker is stopped and let go again.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from functools import partial

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from tests.conftest import Database
from tests.process.proxied import LIMIT_S, aside

pytestmark = pytest.mark.database

READY = b"Z\0\0\0\5"


def message(kind: str, body: bytes) -> bytes:
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def query(sql: str) -> bytes:
    return message("Q", sql.encode() + b"\0")


def extended(sql: str, *, end: str = "S") -> bytes:
    parsed = message("P", b"\0" + sql.encode() + b"\0\0\0")
    bound = message("B", bytes(8))
    return parsed + bound + message("D", b"P\0") + message("E", bytes(5)) + message(end, b"")


ROWS = b"".join(message("d", b"%d\t%b\n" % (n, b"x" * (n % 50))) for n in range(500))
LONG_ROW = message("d", b"9999\t" + b"y" * 200_000 + b"\n")
SYNC, DONE, FAILED = message("S", b""), message("c", b""), message("f", b"no\0")
COPY = "COPY t FROM STDIN"

SCRIPT: list[tuple[bytes, int]] = [
    (query("CREATE TABLE t (a int PRIMARY KEY, b text)"), 1),
    (extended("INSERT INTO t VALUES (-1, 'a')"), 1),
    (extended("SELECT generate_series(1, 3000)"), 1),
    (extended("INSERT INTO t VALUES (-2, 'a')", end="H") + extended("SELECT 1"), 1),
    (extended("SELECT 1/0", end="H") + extended("SELECT 'skipped'", end="H") + SYNC, 1),
    (query("SELECT 1; SELECT 1/0; SELECT 'skipped'"), 1),
    (query(COPY) + ROWS + LONG_ROW + DONE, 1),
    (query(COPY) + ROWS + DONE, 1),  # each of them is there already
    (query(COPY) + message("d", b"-9\tz\n") + FAILED, 1),
    (query("COPY nowhere FROM STDIN") + ROWS + DONE, 1),
    (extended(COPY) + message("d", b"-3\tz\n") + DONE + SYNC, 1),
    (extended(COPY) + message("d", b"-3\tz\n") + DONE + SYNC, 1),
    (extended("COPY nowhere FROM STDIN") + message("d", b"-3\tz\n") + DONE + SYNC, 2),
    (query(""), 1),
    (query("COPY t TO STDOUT"), 1),
    (query("DO $$ BEGIN RAISE NOTICE 'heard'; END $$"), 1),
    (query("LISTEN news; NOTIFY news, 'own'"), 1),
    (query("SELECT count(*), min(a) FROM t"), 1),
    (query("SELECT '" + "long" * 100_000 + "'"), 1),
]
"""What a worker sends, and how often the server says that it is ready."""


class Raw:
    """A connection that sends what it is told, and reads until the server is ready so often."""

    def __init__(self, dsn: str) -> None:
        words = conninfo_to_dict(dsn)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT_S)
        self.socket.connect(f"{words['host']}/.s.PGSQL.5432")
        pairs = {"user": str(words["user"]), "database": str(words["dbname"])}
        told = b"".join(f"{name}\0{value}\0".encode() for name, value in pairs.items()) + b"\0"
        self.socket.sendall(struct.pack("!II", len(told) + 8, 3 << 16) + told)
        self._rest = b""
        self.answers(1)

    def answers(self, count: int) -> bytes:
        """Everything up to the message that says so for the last time."""
        data, at, ready = self._rest, 0, 0
        while ready < count:
            while (
                len(data) < at + 5 or len(data) < at + 1 + struct.unpack_from("!I", data, at + 1)[0]
            ):
                more = self.socket.recv(1 << 16)
                assert more, "the server has ended the session"
                data += more
            ready += data[at : at + 5] == READY
            at += 1 + struct.unpack_from("!I", data, at + 1)[0]
        self._rest = data[at:]
        return data[:at]


def send_cut(raw: Raw, stream: bytes, chance: random.Random) -> None:
    at = 0
    while at < len(stream):
        size = chance.choice([1, 2, 5, 100, 4000, 60_000, 1_000_000])
        raw.socket.sendall(stream[at : at + size])
        at += size


def answered(dsn: str, chance: random.Random, together: int) -> bytes:
    """What the server says to the script, so many requests of it at a time."""
    raw = Raw(dsn)
    found = b""
    with raw.socket:
        for at in range(0, len(SCRIPT), together):
            some = SCRIPT[at : at + together]
            stream = b"".join(asked for asked, _ in some)
            # Who only sends is not read from any more once its own answers fill the way back.
            sending = aside(partial(send_cut, raw, stream, chance))
            found += raw.answers(sum(count for _, count in some))
            sending.result(LIMIT_S)
        raw.socket.sendall(message("X", b""))
    return without_pids(found)


def without_pids(stream: bytes) -> bytes:
    """A notification bears its sender's process id."""
    at = stream.index(b"A\0\0\0")
    return stream[: at + 5] + bytes(4) + stream[at + 9 :]


class Stops:
    """Stops at every fifth side of a round trip, by chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.seen: list[str] = []
        """The statements, in the order in which they were asked."""

    def __call__(self, round_trip: RoundTrip, side: Side) -> bool:
        if side == "before":
            self.seen.append(round_trip.statement)
        return self._chance.random() < 0.2


class Releasing:
    """Lets a worker go whenever it is stopped."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._count = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """How often it was."""
        self._ended.set()
        self._thread.join()
        return self._count

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._proxy.stopped.wait(0.05):
                assert self._proxy.facts().passed_since_freeze == 0
                self._count += 1
                self._proxy.release()


def reset(database: Database) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS t")


@pytest.mark.parametrize("together", [1, 3, len(SCRIPT)])
def test_any_cutting_and_any_stop_changes_no_byte_of_the_answers(
    proxy: Proxy, database: Database, together: int
) -> None:
    expected = answered(database.worker_dsn, random.Random(0), together)
    trips: list[list[str]] = []
    for seed in range(4):
        reset(database)
        chance = random.Random(seed)
        stops = Stops(random.Random(seed))
        proxy.watch(stops)
        releasing = Releasing(proxy)
        assert answered(proxy.dsn(database.worker_dsn), chance, together) == expected
        assert releasing.stop() > 0
        trips.append(stops.seen)
    assert all(found == trips[0] for found in trips)
    assert len(trips[0]) > len(SCRIPT)
    assert proxy.facts().unexplained == 0
    assert proxy.facts().broken == 0

"""A proxy and its round trips, for the tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.proxy.points import RoundTrip, Side
from tests.conftest import Database

LIMIT_S = 20.0

Value = TypeVar("Value")


@dataclass
class Diary:
    """Writes down each side of each round trip, and stops at one, once."""

    statement: str | None = None
    side: Side = "before"
    seen: list[tuple[Side, RoundTrip]] = field(default_factory=list)

    def __call__(self, round_trip: RoundTrip, side: Side) -> bool:
        self.seen.append((side, round_trip))
        if (round_trip.statement, side) != (self.statement, self.side):
            return False
        self.statement = None
        return True

    def statements(self, side: Side = "before") -> list[str]:
        """What was executed, by its names, in order."""
        return [trip.statement for at, trip in self.seen if at == side and trip.executes]

    def rows(self) -> list[tuple[str, int | None]]:
        """What was answered, and the rows of each."""
        return [
            (trip.statement, trip.rows) for at, trip in self.seen if at == "after" and trip.executes
        ]


def by_tcp(dsn: str) -> str:
    """The same conninfo of a worker that is given a host: its driver may know no Unix sockets."""
    return make_conninfo(dsn, host="localhost")


def aside(call: Callable[[], Value]) -> Future[Value]:
    """Carry out `call` in a thread of its own, as a worker that is stopped would hang in it."""
    future: Future[Value] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def asked(database: Database, query: str, *values: object) -> Any:
    """The first column of the first row of a query that goes past the proxy."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        row = connection.execute(query, values).fetchone()
    return row[0] if row else None


def rows(database: Database) -> int:
    """How many the table ``t`` has."""
    count: int = asked(database, "SELECT count(*) FROM t")
    return count


def sleeping(database: Database) -> bool:
    """Whether a session of the test's own database sleeps in a statement."""
    return bool(
        asked(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            " AND datname = current_database()",
        )
    )


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds, `LIMIT_S` at the longest."""
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come within {LIMIT_S:g} s"
        time.sleep(0.005)

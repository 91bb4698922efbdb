"""A worker that only claims and acknowledges, to see what a proxy costs it. Run as a module.

Arguments: conninfo, how many jobs, how many bare round trips. It writes `Pace` as JSON.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import msgspec
import psycopg

CREATE = "CREATE TABLE IF NOT EXISTS bench_claims (id int PRIMARY KEY, state text NOT NULL)"
_FILL = "INSERT INTO bench_claims SELECT n, 'queued' FROM generate_series(1, %s) AS n"
_CLAIM = """
UPDATE bench_claims SET state = 'claimed' WHERE id = (
  SELECT id FROM bench_claims WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id
"""
_ACKNOWLEDGE = "DELETE FROM bench_claims WHERE id = %s"


class Pace(msgspec.Struct, frozen=True):
    """How quick it was."""

    jobs_per_s: float
    round_trip_us: float
    """The median of the bare round trips (SELECT 1)."""


def measure(dsn: str, jobs: int, round_trips: int) -> Pace:
    """Fill the table, then work it off; then ask for nothing, again and again."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE bench_claims")
        connection.execute(_FILL, (jobs,))
        # As durable as it gets would measure the disk.
        connection.execute("SET synchronous_commit = off")
        begun_ns = time.monotonic_ns()
        for _ in range(jobs):
            row = connection.execute(_CLAIM, prepare=True).fetchone()
            assert row is not None, "a job for each turn"
            connection.execute(_ACKNOWLEDGE, row, prepare=True)
        jobs_per_s = jobs / ((time.monotonic_ns() - begun_ns) / 1e9)
        return Pace(jobs_per_s, statistics.median(_bare(connection, round_trips)))


def _bare(connection: psycopg.Connection[Any], round_trips: int) -> list[float]:
    times = []
    for _ in range(round_trips):
        begun_ns = time.perf_counter_ns()
        connection.execute("SELECT 1")
        times.append((time.perf_counter_ns() - begun_ns) / 1000)
    return times


if __name__ == "__main__":
    found = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.buffer.write(msgspec.json.encode(found))

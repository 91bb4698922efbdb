"""Counts a history's figures again with DuckDB: SQL over the JSON lines, none of our own code.

Percentiles are exact here (nearest rank over all values); the analysis has HdrHistogram's, which
may lie above them by one part in a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

SCHEMA = Path(__file__).with_name("recount.sql")
ENDS = {
    "pickup": ("intended_ns", "started_ns"),
    "pickup_uncorrected": ("sent_ns", "started_ns"),
    "total": ("intended_ns", "completed_ns"),
}
EVERY_JOB = "true"


class Recount:
    """One history in tables. `window` = (from, to) of the enqueue window, nanoseconds."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        start = self.one("SELECT (fields ->> '$.scenario.workload.warmup_s')::DOUBLE FROM facts"
                         " WHERE kind = 'run_start'")  # fmt: skip
        begin = self.one("SELECT (fields ->> '$.started_ns')::BIGINT FROM facts"
                         " WHERE kind = 'run_end'")  # fmt: skip
        end = self.one("SELECT max((fields ->> '$.intended_ns')::BIGINT) FROM facts"
                       " WHERE kind IN ('job_enqueued', 'enqueue_failed')")  # fmt: skip
        self.window = (begin + round(start * 1e9), end)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(query).fetchall()

    def one(self, query: str) -> Any:
        """The one value of a query."""
        ((value,),) = self.rows(query)
        return value

    def counts(self, query: str) -> dict[str, Any]:
        """Rows of a name and a value."""
        return dict(self.rows(query))

    def percentile_ns(self, measure: str, per_mille: int, where: str = EVERY_JOB) -> int | None:
        """The exact percentile over the jobs `where`, those without an end beyond all others."""
        begin, end = ENDS[measure]
        found: int | None = self.one(f"""
            SELECT min(length) FILTER (rank * 1000 >= n * {per_mille}) FROM (
                SELECT {end} - {begin} AS length, count(*) OVER () AS n,
                       row_number() OVER (ORDER BY {end} - {begin} NULLS LAST) AS rank
                FROM jobs WHERE {begin} IS NOT NULL AND intended_ns >= {self.window[0]} AND {where}
            ) WHERE length IS NOT NULL""")
        return found

    def executions_completed(self) -> int:
        """Jobs with two or more job_completed."""
        return int(self.one("""
            SELECT count(*) FROM (SELECT job FROM events WHERE kind = 'job_completed'
                                  GROUP BY job HAVING count(*) >= 2)"""))  # fmt: skip

    def in_window(self, where: str) -> tuple[int, int]:
        """(enqueued, completed) of the jobs intended in the window: completed in it too."""
        begin, end = self.window
        (found,) = self.rows(f"""
            SELECT count(*), count(*) FILTER (completed_ns <= {end}) FROM jobs
            WHERE intended_ns BETWEEN {begin} AND {end} AND {where}""")
        return found[0], found[1]

    def retry_spacings_ns(self) -> list[tuple[int, int]]:
        """(after which attempt, nanoseconds) of every start whose job's last execution failed."""
        found: list[tuple[int, int]] = self.rows("""
            WITH executions AS (
                SELECT job, slot, incarnation, execution, t_ns AS started_ns,
                       row_number() OVER by_time AS attempt,
                       lead(t_ns) OVER by_time AS next_ns
                FROM events WHERE kind = 'job_started'
                WINDOW by_time AS
                    (PARTITION BY job ORDER BY t_ns, slot, incarnation, execution))
            SELECT attempt, next_ns - failed.t_ns AS spacing FROM executions
            JOIN events AS failed USING (job, slot, incarnation, execution)
            WHERE failed.kind = 'job_failed' AND next_ns >= failed.t_ns
            ORDER BY attempt, spacing""")
        return found


@contextmanager
def recount(path: Path) -> Iterator[Recount]:
    """Read a history's lines into DuckDB; in memory, with one thread."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "CREATE TEMP TABLE lines AS SELECT json AS line"
            " FROM read_json_objects($path, format = 'newline_delimited')",
            {"path": str(path)},
        )
        connection.execute(SCHEMA.read_text())
        yield Recount(connection)

"""A second opinion on the ledger: SQL over the lines of a history, sharing no code with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

LEDGER = (Path(__file__).parent / "oracle.sql").read_text()


DUPLICATES = """
SELECT COUNT(*) FROM (
  SELECT 1 FROM line WHERE json_extract(json, '$.kind') = 'job_completed'
  GROUP BY json_extract(json, '$.fields.job_id') HAVING COUNT(*) >= 2
)
"""


def verdicts(lines: Iterable[str]) -> dict[str, str]:
    """By job id: the verdict, and of ambiguous ones the reason behind a colon."""
    with closing(_opened(lines)) as database:
        database.executescript(LEDGER)
        return dict(database.execute("SELECT job, verdict FROM judged ORDER BY job"))


def duplicate_executions(lines: Iterable[str]) -> int:
    """Jobs with two or more job_completed."""
    with closing(_opened(lines)) as database:
        (count,) = database.execute(DUPLICATES).fetchone()
        return int(count)


def _opened(lines: Iterable[str]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE line (json TEXT)")
    database.executemany("INSERT INTO line VALUES (?)", [(line,) for line in lines])
    return database

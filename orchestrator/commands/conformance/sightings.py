"""What SQL alone sees of a queue and of its worker's sessions: no adapter can talk it over."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

_TABLES = r"""
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND relname NOT LIKE 'bench\_%'
  AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\_%'
ORDER BY nspname, relname
"""
"""Every table that is not the harness's own."""
_NS_PER_S = 1_000_000_000
_AGE_LOOKS = 9
_AGES_S = """
SELECT extract(epoch FROM clock_timestamp() - backend_start)
FROM pg_stat_activity WHERE application_name = %s
"""


def opened_ns(connection: psycopg.Connection[Any], name: str) -> list[int]:
    """When each session of this name was opened, monotonic ns; too early by one look at most.

    By their age, so that the clock of a distant server does not matter; of several looks the
    quickest. Raises psycopg.Error.
    """
    looks: list[tuple[int, list[int]]] = []
    for _ in range(_AGE_LOOKS):
        asked_ns = time.monotonic_ns()
        ages = connection.execute(_AGES_S, (name,)).fetchall()
        took_ns = time.monotonic_ns() - asked_ns
        looks.append((took_ns, [asked_ns - round(float(age_s) * _NS_PER_S) for (age_s,) in ages]))
    return min(looks)[1]


def sighted(connection: psycopg.Connection[Any], job_ids: Sequence[str]) -> set[str]:
    """Of `job_ids` those that some row of the library's tables names. Raises psycopg.Error.

    A payload may be stored as text, JSON, bytes or base64, so an id is looked for in each of these
    spellings.
    """
    texts = [text for table in _tables(connection) for text in _rows(connection, *table)]
    return {
        job_id
        for job_id in job_ids
        if any(spelling in text for spelling in spellings(job_id) for text in texts)
    }


def spellings(job_id: str) -> list[str]:
    """How `job_id` can look within a longer text, JSON, bytea or base64."""
    # With the quote behind it: whole characters before it do not determine all of a last digit.
    quoted = f'{job_id}"'.encode()
    return [job_id, job_id.encode().hex(), *(_in_base64(quoted, offset) for offset in range(3))]


def _in_base64(data: bytes, offset: int) -> str:
    """Those characters that `data`, beginning `offset` bytes after a triple, determines alone."""
    encoded = base64.b64encode(bytes(offset) + data).decode()
    return encoded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]


def _tables(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    return connection.execute(_TABLES).fetchall()


def _rows(connection: psycopg.Connection[Any], schema: str, table: str) -> Iterator[str]:
    query = SQL("SELECT row_::text FROM {} AS row_").format(Identifier(schema, table))
    for (text,) in connection.execute(query):
        yield text

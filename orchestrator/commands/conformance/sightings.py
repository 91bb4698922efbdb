"""Which jobs stand in the library's tables, by SQL alone: a witness that no adapter can talk over.

A payload may be stored as text, JSON, bytes or base64, so a job's id is looked for in each of these
spellings, in every row of every table that is not the harness's own.
"""

from __future__ import annotations

import base64
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


def sighted(connection: psycopg.Connection[Any], job_ids: Sequence[str]) -> set[str]:
    """Of `job_ids` those that some row names. Raises psycopg.Error."""
    texts = [text for table in _tables(connection) for text in _rows(connection, *table)]
    return {
        job_id
        for job_id in job_ids
        if any(spelling in text for spelling in spellings(job_id) for text in texts)
    }


def spellings(job_id: str) -> list[str]:
    """How `job_id` can look within a longer text, JSON, bytea or base64."""
    # With the quote behind it: a last digit is not all told by the whole characters before it.
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

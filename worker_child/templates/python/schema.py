"""The queue's table, and how a job gets into it: replace this by what your library says of both."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE my_queue_job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    payload bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    claimable_at timestamptz NOT NULL DEFAULT now(),
    claimed_by text,
    given_up boolean NOT NULL DEFAULT false
)
"""

ENQUEUE = """
INSERT INTO my_queue_job (kind, payload)
SELECT kind, payload
FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS job (kind, payload, place)
ORDER BY place
RETURNING id
"""

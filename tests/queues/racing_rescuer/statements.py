"""The queue's SQL."""

from __future__ import annotations

OVERDUE = """
SELECT id FROM racing_job WHERE state = 'claimed' AND claimed_until < clock_timestamp() ORDER BY id
"""
FREE = "UPDATE racing_job SET state = 'queued', claimed_by = NULL WHERE id = ANY(%(ids)s)"
ASK_AGAIN = " AND state = 'claimed' AND claimed_until < clock_timestamp()"
CLAIM = """
UPDATE racing_job
SET state = 'claimed', claimed_by = %(worker)s,
    claimed_until = clock_timestamp() + %(lease_s)s * interval '1 second'
WHERE id = (
    SELECT id FROM racing_job WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, payload
"""
COMPLETE = "UPDATE racing_job SET state = 'done' WHERE id = %(id)s AND claimed_by = %(worker)s"

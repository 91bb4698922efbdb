"""Whoever finds a lease run out counts an attempt: it takes the row over, or buries it."""

from __future__ import annotations

from worker_child.runtime import Child
from worker_child.templates.python import lease_queue
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop

_CLAIM = """
WITH buried AS (
    UPDATE my_queue_job
    SET given_up = true, claimed_by = NULL, attempts = attempts + 1
    WHERE NOT given_up AND claimed_by IS NOT NULL AND claimable_at <= clock_timestamp()
      AND attempts + 1 >= {attempts}
)
UPDATE my_queue_job
SET attempts = attempts + (claimed_by IS NOT NULL)::integer,
    claimed_by = %(worker)s,
    claimable_at = clock_timestamp() + %(lease_s)s * interval '1 second'
WHERE id = (
    SELECT id FROM my_queue_job
    WHERE NOT given_up AND claimable_at <= clock_timestamp()
      AND (claimed_by IS NULL OR attempts + 1 < {attempts})
    ORDER BY claimable_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, payload, attempts
"""


async def work(child: Child) -> None:
    """The template's."""
    lease_queue._CLAIM = _CLAIM.format(attempts=child.init.settings["max_attempts"])
    await template.work(child)

"""The queue under test: replace this module by your library.

A table, a claim with SKIP LOCKED, a lease that the worker renews, and nothing else. Whoever dies
renews no more, and its jobs are anybody's when the lease is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from .schema import ENQUEUE

_CLAIM = """
UPDATE my_queue_job
SET claimed_by = %(worker)s,
    claimable_at = clock_timestamp() + %(lease_s)s * interval '1 second'
WHERE id = (
    SELECT id FROM my_queue_job
    WHERE NOT given_up AND claimable_at <= clock_timestamp()
    ORDER BY claimable_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, payload, attempts
"""

_RENEW = """
UPDATE my_queue_job SET claimable_at = clock_timestamp() + %(lease_s)s * interval '1 second'
WHERE claimed_by = %(worker)s
"""

_ACKNOWLEDGE = "DELETE FROM my_queue_job WHERE id = %(id)s AND claimed_by = %(worker)s"

_RETRY = """
UPDATE my_queue_job
SET claimed_by = NULL, attempts = attempts + 1,
    claimable_at = clock_timestamp() + %(delay_s)s * interval '1 second'
WHERE id = %(id)s AND claimed_by = %(worker)s
"""

_GIVE_UP = """
UPDATE my_queue_job SET claimed_by = NULL, attempts = attempts + 1, given_up = true
WHERE id = %(id)s AND claimed_by = %(worker)s
"""


class ClaimedJob(NamedTuple):
    """A row that this worker holds until its lease is over."""

    id: int
    payload: bytes
    attempts: int
    """How often it has failed."""


class LeaseQueue:
    """One worker's hold on the queue. `connection` is in autocommit: each statement commits."""

    def __init__(self, connection: AsyncConnection[Any], worker: str, lease_s: float) -> None:
        self._connection = connection
        self._claimant = {"worker": worker, "lease_s": lease_s}

    async def enqueue(self, kinds: Sequence[str], payloads: Sequence[bytes]) -> list[int]:
        """Put jobs in; returns their ids, in order."""
        cursor = await self._connection.execute(ENQUEUE, (list(kinds), list(payloads)))
        return [row[0] for row in await cursor.fetchall()]

    async def claim(self) -> ClaimedJob | None:
        """Take the next job; None = there is none to be had now."""
        cursor = await self._connection.execute(_CLAIM, self._claimant)
        row = await cursor.fetchone()
        return None if row is None else ClaimedJob(*row)

    async def renew(self) -> None:
        """Hold every job of this worker for another lease."""
        await self._connection.execute(_RENEW, self._claimant)

    async def acknowledge(self, job: ClaimedJob) -> None:
        """The job is done: take it out."""
        await self._connection.execute(_ACKNOWLEDGE, {**self._claimant, "id": job.id})

    async def retry(self, job: ClaimedJob, delay_s: float) -> None:
        """The job has failed: let it be claimed again in `delay_s` seconds."""
        values = {**self._claimant, "id": job.id, "delay_s": delay_s}
        await self._connection.execute(_RETRY, values)

    async def give_up(self, job: ClaimedJob) -> None:
        """The job has failed for good: keep its row, and never claim it again."""
        await self._connection.execute(_GIVE_UP, {**self._claimant, "id": job.id})

"""The controls' enqueue."""

from __future__ import annotations

from collections.abc import Sequence

from worker_child.adapters.contract import Accepted, Deduplicated, EnqueueResult, OutgoingJob
from worker_child.adapters.sql_inbox import SqlEnqueuer
from worker_child.controls.statements import CHANNEL

_ENQUEUE = """
INSERT INTO control_job (job_id, payload)
SELECT job_id, payload
FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS job (job_id, payload, place)
ORDER BY place
RETURNING id
"""


_ENQUEUE_UNIQUE = """
INSERT INTO control_job (job_id, payload, key) VALUES (%s, %s, %s)
ON CONFLICT (key) WHERE claimed_by IS NULL DO NOTHING
RETURNING id
"""


class ControlEnqueuer(SqlEnqueuer):
    """Enqueues with one INSERT for all that is due, and one NOTIFY."""

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `worker_child.adapters.contract.Enqueuer`."""
        columns = ([job.job_id for job in jobs], [job.payload for job in jobs])
        with self._connection.transaction():
            ids = self._connection.execute(_ENQUEUE, columns).fetchall()
            self._connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        return [Accepted(str(inbox_id)) for (inbox_id,) in ids]


class KeyedEnqueuer(SqlEnqueuer):
    """Enqueues a job under its key, unless a row waits under it."""

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `worker_child.adapters.contract.Enqueuer`."""
        with self._connection.transaction():
            results = [self._put(job) for job in jobs]
            self._connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        return results

    def _put(self, job: OutgoingJob) -> EnqueueResult:
        row = (job.job_id, job.payload, job.dedup_key)
        enqueued = self._connection.execute(_ENQUEUE_UNIQUE, row).fetchone()
        return Deduplicated(into=None) if enqueued is None else Accepted(str(enqueued[0]))

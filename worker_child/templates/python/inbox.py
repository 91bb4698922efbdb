"""The parent's side: the library's schema, its enqueue, and its rows as it sees them itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import psycopg

from worker_child.adapters.contract import (
    NO_CHANGES,
    Accepted,
    EnqueueResult,
    Offer,
    OutgoingJob,
    Preset,
    Workers,
)
from worker_child.adapters.sql_inbox import SqlEnqueuer, SqlInbox

from .language import worker_argv
from .presets import PRESETS, resolve
from .schema import ENQUEUE, SCHEMA

# What a row and a count are made of: `InboxRow` and `QueueCounts` of the contract, in their order.
_COUNTS = """
SELECT count(*) FILTER (WHERE NOT given_up AND claimed_by IS NULL AND attempts = 0),
       count(*) FILTER (WHERE claimed_by IS NOT NULL),
       count(*) FILTER (WHERE NOT given_up AND claimed_by IS NULL AND attempts > 0),
       count(*) FILTER (WHERE given_up),
       pg_total_relation_size('my_queue_job')
FROM my_queue_job
"""

_ROWS = """
SELECT convert_from(payload, 'UTF8')::jsonb ->> 'job_id',
       id::text,
       CASE WHEN given_up THEN 'dead'
            WHEN claimed_by IS NOT NULL THEN 'claimed'
            WHEN attempts > 0 THEN 'retrying'
            ELSE 'queued' END,
       claimed_by,
       attempts,
       CASE WHEN claimed_by IS NOT NULL
            THEN extract(epoch FROM claimable_at - clock_timestamp())::float END
FROM my_queue_job
WHERE %(ids)s::bigint[] IS NULL OR claimed_by IS NOT NULL OR id = ANY(%(ids)s)
ORDER BY id
"""


class MyQueueEnqueuer(SqlEnqueuer):
    """See `worker_child.adapters.contract.Enqueuer`."""

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """One INSERT, so that either all of the jobs are in the queue or none is."""
        columns = ([job.kind for job in jobs], [job.payload for job in jobs])
        ids = self._connection.execute(ENQUEUE, columns).fetchall()
        return [Accepted(str(inbox_id)) for (inbox_id,) in ids]


class MyQueueAdapter(SqlInbox):
    """See `worker_child.adapters.contract.Adapter`."""

    name = "my_queue"
    presets: Sequence[str] = PRESETS
    offers: Mapping[Offer, str] = MappingProxyType(
        {"fan_out": "the same INSERT, on the worker's own connection"}
    )
    counts_sql = _COUNTS
    rows_sql = _ROWS

    def version(self) -> str:
        """What stands in every report: the library's version, such as version("your-library")."""
        return "0.1"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        return resolve(name, workers, changes)

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SCHEMA)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> MyQueueEnqueuer:
        return MyQueueEnqueuer(dsn)

    def child_argv(self) -> list[str]:
        return worker_argv()

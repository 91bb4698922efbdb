"""The parent's side: the library's schema, its enqueue, and its rows as it sees them itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import psycopg

from worker_child.adapters.contract import (
    NO_CHANGES,
    Accepted,
    EnqueueResult,
    InboxRow,
    Offer,
    OutgoingJob,
    Preset,
    QueueCounts,
    Workers,
)

from .language import worker_argv
from .presets import PRESETS, resolve
from .schema import ENQUEUE, SCHEMA

_COUNTS = """
SELECT count(*) FILTER (WHERE NOT given_up AND claimed_by IS NULL AND attempts = 0),
       count(*) FILTER (WHERE claimed_by IS NOT NULL),
       count(*) FILTER (WHERE NOT given_up AND claimed_by IS NULL AND attempts > 0),
       count(*) FILTER (WHERE given_up),
       pg_total_relation_size('skeleton_job')
FROM skeleton_job
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
FROM skeleton_job
WHERE %(ids)s::bigint[] IS NULL OR claimed_by IS NOT NULL OR id = ANY(%(ids)s)
ORDER BY id
"""


class SkeletonEnqueuer:
    """See `worker_child.adapters.contract.Enqueuer`."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """One INSERT, so that either all of the jobs are in the queue or none is."""
        columns = ([job.kind for job in jobs], [job.payload for job in jobs])
        ids = self._connection.execute(ENQUEUE, columns).fetchall()
        return [Accepted(str(inbox_id)) for (inbox_id,) in ids]

    def close(self) -> None:
        self._connection.close()


class SkeletonAdapter:
    """See `worker_child.adapters.contract.Adapter`."""

    name = "skeleton"
    presets: Sequence[str] = PRESETS
    offers: Mapping[Offer, str] = MappingProxyType(
        {"fan_out": "the same INSERT, on the worker's own connection"}
    )

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

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> SkeletonEnqueuer:
        return SkeletonEnqueuer(dsn)

    def counts(self, connection: psycopg.Connection[Any]) -> QueueCounts:
        row = connection.execute(_COUNTS).fetchone()
        assert row is not None
        return QueueCounts(*row)

    def rows(
        self,
        connection: psycopg.Connection[Any],
        preset: Preset,
        inbox_ids: Sequence[str] | None = None,
    ) -> Iterator[InboxRow]:
        """A finished job's row is gone, and no log tells of it."""
        ids = None if inbox_ids is None else [int(inbox_id) for inbox_id in inbox_ids]
        for row in connection.execute(_ROWS, {"ids": ids}):
            yield InboxRow(*row)

    def child_argv(self) -> list[str]:
        return worker_argv()

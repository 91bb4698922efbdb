"""pgqueuer seen from the parent: its schema, its own enqueue, its rows and its log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import psycopg

from worker_child.adapters.contract import (
    NO_CHANGES,
    Accepted,
    Deduplicated,
    EnqueueResult,
    InboxRow,
    Offer,
    OutgoingJob,
    Preset,
    Workers,
)
from worker_child.adapters.pgqueuer.presets import PRESETS, resolve
from worker_child.adapters.program import OUR_ENTRY_POINT
from worker_child.adapters.sql_inbox import SqlEnqueuer, SqlInbox, row_parameters

_COUNTS = """
SELECT count(*) FILTER (WHERE status = 'queued' AND attempts = 0),
       count(*) FILTER (WHERE status = 'picked'),
       count(*) FILTER (WHERE status = 'queued' AND attempts > 0),
       count(*) FILTER (WHERE status = 'failed'),
       pg_total_relation_size('pgqueuer')
FROM pgqueuer
"""

_ROWS = """
SELECT convert_from(payload, 'UTF8')::jsonb ->> 'job_id',
       id::text,
       CASE WHEN status = 'picked' THEN 'claimed'
            WHEN status = 'failed' THEN 'dead'
            WHEN attempts > 0 THEN 'retrying'
            ELSE 'queued' END,
       queue_manager_id::text,
       attempts,
       CASE WHEN status = 'picked' THEN extract(epoch FROM
           heartbeat + %(lease_s)s * interval '1 second' - clock_timestamp())::float END
FROM pgqueuer
WHERE %(ids)s::bigint[] IS NULL OR status = 'picked' OR id = ANY(%(ids)s)
ORDER BY id
"""

_LOG = """
SELECT job_id::text,
       CASE WHEN bool_or(status = 'successful') THEN 'done' ELSE 'dead' END,
       coalesce(max(id) FILTER (WHERE status = 'picked')
                > min(id) FILTER (WHERE status = 'successful'), false)
FROM pgqueuer_log AS log
WHERE (%(ids)s::bigint[] IS NULL OR job_id = ANY(%(ids)s))
  AND NOT EXISTS (SELECT FROM pgqueuer WHERE pgqueuer.id = log.job_id)
GROUP BY job_id
HAVING bool_or(status IN ('successful', 'exception', 'canceled', 'deleted'))
ORDER BY job_id
"""


class PgQueuerEnqueuer(SqlEnqueuer):
    """Enqueues through pgqueuer's synchronous API: one INSERT for all that is due."""

    def __init__(self, dsn: str) -> None:
        from pgqueuer.db import SyncPsycopgDriver
        from pgqueuer.queries import SyncQueries

        super().__init__(dsn)
        self._queries = SyncQueries(SyncPsycopgDriver(self._connection))

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `worker_child.adapters.contract.Enqueuer`."""
        kinds = [job.kind for job in jobs]
        payloads: list[bytes | None] = [job.payload for job in jobs]
        keys = [job.dedup_key for job in jobs]
        if not any(keys):
            ids = self._queries.enqueue(kinds, payloads, [0] * len(jobs))
            return [Accepted(str(inbox_id)) for inbox_id in ids]
        taken = self._queries.enqueue(
            kinds, payloads, [0] * len(jobs), dedupe_key=keys, on_conflict="skip"
        )
        # Of a skipped job pgqueuer does not say which row it met.
        return [
            Deduplicated(into=None) if inbox_id is None else Accepted(str(inbox_id))
            for inbox_id in taken
        ]


class PgQueuerAdapter(SqlInbox):
    """See `worker_child.adapters.contract.Adapter`."""

    name = "pgqueuer"
    presets = PRESETS
    counts_sql = _COUNTS
    rows_sql = _ROWS
    offers: Mapping[Offer, str] = MappingProxyType(
        {
            "dedup": "dedupe_key with on_conflict='skip': one queued or picked row a key",
            "fan_out": "Queries.enqueue on the worker's own connection, one call for all",
        }
    )

    def version(self) -> str:
        return version("pgqueuer")

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        return resolve(name, workers, changes)

    def install(self, dsn: str) -> None:
        asyncio.run(_install(dsn))

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> PgQueuerEnqueuer:
        return PgQueuerEnqueuer(dsn)

    def rows(
        self,
        connection: psycopg.Connection[Any],
        preset: Preset,
        inbox_ids: Sequence[str] | None = None,
    ) -> Iterator[InboxRow]:
        """Rows first; then, of rows that pgqueuer has deleted, what its log says of them."""
        yield from super().rows(connection, preset, inbox_ids)
        parameters = row_parameters(preset, inbox_ids)
        for inbox_id, state, picked_after_done in connection.execute(_LOG, parameters):
            yield InboxRow(None, inbox_id, state, picked_after_done=picked_after_done)

    def child_argv(self) -> list[str]:
        return [*OUR_ENTRY_POINT]


async def _install(dsn: str) -> None:
    from pgqueuer.db import PsycopgDriver
    from pgqueuer.queries import Queries

    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await Queries(PsycopgDriver(connection)).install()

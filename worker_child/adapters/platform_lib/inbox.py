"""platform-lib seen from the parent: the rows of our own store; addressed pushes by its queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg

from worker_child.adapters.contract import (
    NO_CHANGES,
    Accepted,
    Enqueuer,
    EnqueueResult,
    Offer,
    OutgoingJob,
    Preset,
    Workers,
)
from worker_child.adapters.enqueuer_process import ProcessEnqueuer
from worker_child.adapters.platform_lib.presets import PRESETS, resolve
from worker_child.adapters.program import ask_program, built
from worker_child.adapters.sql_inbox import SqlEnqueuer, SqlInbox

SCHEMA = Path(__file__).parent / "store" / "schema.sql"

# A NOTIFY is sent once however often it is asked for within one transaction: the same text, then.
_ENQUEUE = """
WITH taken AS (
    INSERT INTO queue (name, type, item)
    SELECT 'crashbench', 1, payload::json
    FROM unnest(%(payloads)s::text[]) WITH ORDINALITY AS job (payload, place)
    ORDER BY place
    RETURNING id::text, item ->> 'job_id' AS job_id
), told AS MATERIALIZED (
    SELECT json_build_object('NotifyGuid', gen_random_uuid(), 'NotifyType', 1)::text AS message
)
SELECT job_id, id, pg_notify('messages', message) FROM taken, told
"""

_COUNTS = """
SELECT count(*) FILTER (WHERE permit IS NULL AND attempts = 0),
       count(*) FILTER (WHERE permit IS NOT NULL),
       count(*) FILTER (WHERE permit IS NULL AND attempts > 0),
       (SELECT count(*) FROM queue_dead),
       pg_total_relation_size('queue') + pg_total_relation_size('queue_permit')
FROM queue
"""

_ROWS = """
SELECT item ->> 'job_id',
       queue.id::text,
       CASE WHEN permit IS NOT NULL THEN 'claimed'
            WHEN attempts > 0 THEN 'retrying'
            ELSE 'queued' END,
       worker,
       attempts
FROM queue LEFT JOIN queue_permit ON queue_permit.id = queue.permit
WHERE %(ids)s::bigint[] IS NULL OR permit IS NOT NULL OR queue.id = ANY(%(ids)s)
UNION ALL
SELECT item ->> 'job_id', id::text, 'dead', NULL, attempts
FROM queue_dead
WHERE %(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s)
"""


class PlatformLibEnqueuer(SqlEnqueuer):
    """Inserts by SQL, as the store's Push does."""

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `worker_child.adapters.contract.Enqueuer`."""
        parameters = {"payloads": [job.payload.decode() for job in jobs]}
        rows = self._connection.execute(_ENQUEUE, parameters)
        taken = {job_id: inbox_id for job_id, inbox_id, _ in rows}
        return [Accepted(taken[job.job_id]) for job in jobs]


class PlatformLibAdapter(SqlInbox):
    """See `worker_child.adapters.contract.Adapter`.

    What was acknowledged is deleted. When a claim is freed depends on heartbeats that are stored
    nowhere: no row says.
    """

    name = "platform_lib"
    presets = PRESETS
    counts_sql = _COUNTS
    rows_sql = _ROWS
    offers: Mapping[Offer, str] = MappingProxyType(
        {
            "dedup": "AddressedPush: an address is in the queue once at a time, and free again as "
            "soon as its work is done",
            "cache": "rscache's file cache over addressed pushes, rsstorage's file server in a "
            "folder of the run",
            "fan_out": "a push for each, all in one transaction of the store",
        }
    )

    def version(self) -> str:
        """With a word on it where something else was built in under that version."""
        return ask_program(self.name, "version")

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        return resolve(name, workers, changes)

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SCHEMA.read_bytes())

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        """An address is the library's to push: such a job goes through a process of its own."""
        if keyed:
            return ProcessEnqueuer(
                self.child_argv(), library=self.name, dsn=dsn, settings=preset.settings
            )
        return PlatformLibEnqueuer(dsn)

    def child_argv(self) -> list[str]:
        return [str(built(self.name))]

"""River seen from the parent: its rows by SQL; its schema and unique inserts by its own client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

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
from worker_child.adapters.program import ask_program, built
from worker_child.adapters.river.presets import PRESETS, resolve
from worker_child.adapters.sql_inbox import SqlEnqueuer, SqlInbox

# A NOTIFY is sent once however often it is asked for within one transaction.
_ENQUEUE = """
WITH taken AS (
    INSERT INTO river_job (args, kind, max_attempts)
    SELECT jsonb_build_object('plan', payload::jsonb), kind, %(max_attempts)s
    FROM unnest(%(payloads)s::text[], %(kinds)s::text[])
         WITH ORDINALITY AS job (payload, kind, place)
    ORDER BY place
    RETURNING id::text, args #>> '{plan,job_id}' AS job_id
)
SELECT job_id, id, pg_notify(current_schema() || '.river_insert', '{"queue":"default"}')
FROM taken
"""

_COUNTS = """
SELECT count(*) FILTER (WHERE state IN ('available', 'pending', 'scheduled') AND attempt = 0),
       count(*) FILTER (WHERE state = 'running'),
       count(*) FILTER (WHERE state = 'retryable' OR (state = 'available' AND attempt > 0)),
       count(*) FILTER (WHERE state IN ('cancelled', 'discarded')),
       pg_total_relation_size('river_job')
FROM river_job
WHERE state IN ('available', 'cancelled', 'discarded', 'pending', 'retryable', 'running',
                'scheduled')
"""

_ROWS = """
SELECT args #>> '{plan,job_id}',
       id::text,
       CASE WHEN state = 'running' THEN 'claimed'
            WHEN state = 'completed' THEN 'done'
            WHEN state IN ('cancelled', 'discarded') THEN 'dead'
            WHEN attempt > 0 THEN 'retrying'
            ELSE 'queued' END,
       CASE WHEN state = 'running' THEN attempted_by[cardinality(attempted_by)] END,
       attempt,
       CASE WHEN state = 'running' THEN extract(epoch FROM attempted_at
           + %(rescue_stuck_jobs_after_s)s * interval '1 second' - clock_timestamp())::float END,
       false,
       CASE WHEN state = 'running'
            THEN extract(epoch FROM clock_timestamp() - attempted_at)::float END
FROM river_job
WHERE %(ids)s::bigint[] IS NULL OR state = 'running' OR id = ANY(%(ids)s)
ORDER BY id
"""


class RiverEnqueuer(SqlEnqueuer):
    """Inserts by SQL, as River's client does."""

    def __init__(self, dsn: str, preset: Preset) -> None:
        super().__init__(dsn)
        self._max_attempts = preset.settings["max_attempts"]

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `worker_child.adapters.contract.Enqueuer`."""
        parameters = {
            "payloads": [job.payload.decode() for job in jobs],
            "kinds": [job.kind for job in jobs],
            "max_attempts": self._max_attempts,
        }
        rows = self._connection.execute(_ENQUEUE, parameters)
        taken = {job_id: inbox_id for job_id, inbox_id, _ in rows}
        return [Accepted(taken[job.job_id]) for job in jobs]


class RiverAdapter(SqlInbox):
    """See `worker_child.adapters.contract.Adapter`.

    River keeps its finished rows for a day: there is no log to read beside them.
    """

    name = "river"
    presets = PRESETS
    counts_sql = _COUNTS
    rows_sql = _ROWS
    offers: Mapping[Offer, str] = MappingProxyType(
        {
            "dedup": "UniqueOpts by key: one row a key that is not cancelled or discarded, and so "
            "also none beside a completed one",
            "fan_out": "InsertMany of the worker's own client, one call for all",
            "worker_name": "Config.ID, which each claim appends to attempted_by",
        }
    )

    def version(self) -> str:
        return ask_program(self.name, "version")

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        return resolve(name, workers, changes)

    def install(self, dsn: str) -> None:
        ask_program(self.name, "install", dsn=dsn)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        """UniqueOpts live in River's client: a job with a key goes through a process of its own."""
        if keyed:
            return ProcessEnqueuer(
                self.child_argv(), library=self.name, dsn=dsn, settings=preset.settings
            )
        return RiverEnqueuer(dsn, preset)

    def child_argv(self) -> list[str]:
        return [str(built(self.name))]

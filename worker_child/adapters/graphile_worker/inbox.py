"""graphile-worker seen from the parent: its own SQL functions to add jobs, and its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from worker_child.adapters.contract import (
    NO_CHANGES,
    Accepted,
    Deduplicated,
    EnqueueResult,
    Offer,
    OutgoingJob,
    Preset,
    Workers,
)
from worker_child.adapters.graphile_worker.presets import PRESETS, resolve
from worker_child.adapters.program import ask_program, built
from worker_child.adapters.sql_inbox import SqlEnqueuer, SqlInbox

# The rows come back in no promised order.
_ADD = """
SELECT payload ->> 'job_id', id::text
FROM graphile_worker.add_jobs(ARRAY(
    SELECT (kind, payload::json, NULL, NULL, %(max_attempts)s, NULL, NULL, NULL)
           ::graphile_worker.job_spec
    FROM unnest(%(kinds)s::text[], %(payloads)s::text[])
         WITH ORDINALITY AS job (kind, payload, place)
    ORDER BY place
))
"""

# The other modes would put the second job's payload in the place of the first one's. A row that was
# there before has a later revision.
_ADD_UNLESS_THERE = """
SELECT id::text, revision = 0
FROM graphile_worker.add_job(
    identifier => %(kind)s, payload => %(payload)s::json, max_attempts => %(max_attempts)s,
    job_key => %(key)s, job_key_mode => 'unsafe_dedupe'
)
"""

_COUNTS = """
SELECT count(*) FILTER (WHERE is_available AND last_error IS NULL),
       count(*) FILTER (WHERE locked_at IS NOT NULL),
       count(*) FILTER (WHERE is_available AND last_error IS NOT NULL),
       count(*) FILTER (WHERE locked_at IS NULL AND attempts >= max_attempts),
       pg_total_relation_size('graphile_worker._private_jobs')
FROM graphile_worker._private_jobs
"""

_ROWS = """
SELECT payload ->> 'job_id',
       id::text,
       CASE WHEN locked_at IS NOT NULL THEN 'claimed'
            WHEN attempts >= max_attempts THEN 'dead'
            WHEN last_error IS NOT NULL THEN 'retrying'
            ELSE 'queued' END,
       locked_by,
       attempts,
       CASE WHEN locked_at IS NOT NULL THEN greatest(0, extract(epoch FROM
           locked_at + %(lease_s)s * interval '1 second' - clock_timestamp())::float) END
FROM graphile_worker._private_jobs
WHERE %(ids)s::bigint[] IS NULL OR locked_at IS NOT NULL OR id = ANY(%(ids)s)
ORDER BY id
"""


class GraphileWorkerEnqueuer(SqlEnqueuer):
    """Adds jobs by graphile-worker's SQL functions, which its own client calls as well."""

    def __init__(self, dsn: str, preset: Preset) -> None:
        super().__init__(dsn)
        self._max_attempts = preset.settings["max_attempts"]

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `worker_child.adapters.contract.Enqueuer`.

        Jobs with a key go one by one: add_jobs knows no mode in which the first one stays.
        """
        if any(job.dedup_key for job in jobs):
            return [self._add_unless_there(job) for job in jobs]
        parameters = {
            "kinds": [job.kind for job in jobs],
            "payloads": [job.payload.decode() for job in jobs],
            "max_attempts": self._max_attempts,
        }
        added: dict[str, str] = dict(self._connection.execute(_ADD, parameters).fetchall())
        return [Accepted(added[job.job_id]) for job in jobs]

    def _add_unless_there(self, job: OutgoingJob) -> EnqueueResult:
        parameters = {
            "kind": job.kind,
            "payload": job.payload.decode(),
            "max_attempts": self._max_attempts,
            "key": job.dedup_key,
        }
        row = self._connection.execute(_ADD_UNLESS_THERE, parameters).fetchone()
        assert row is not None, "add_job returns the row"
        inbox_id, is_new = row
        return Accepted(inbox_id) if is_new else Deduplicated(into=inbox_id)


class GraphileWorkerAdapter(SqlInbox):
    """See `worker_child.adapters.contract.Adapter`.

    A finished row is deleted, and nothing tells of it.
    """

    name = "graphile_worker"
    presets = PRESETS
    counts_sql = _COUNTS
    rows_sql = _ROWS
    offers: Mapping[Offer, str] = MappingProxyType(
        {
            "dedup": "job_key with job_key_mode unsafe_dedupe: one row a key, also while it runs "
            "and when it has been given up",
            "fan_out": "addJobs of the job's helpers, one call for all",
            "sigterm": "run's own handlers, on by default: it takes nothing more, waits for its "
            "jobs, and kills itself by the same signal; after 5 s another one makes it fail them",
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

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> GraphileWorkerEnqueuer:
        return GraphileWorkerEnqueuer(dsn, preset)

    def child_argv(self) -> list[str]:
        return [str(built(self.name))]

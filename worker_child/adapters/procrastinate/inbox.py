"""procrastinate seen from the parent: its own SQL functions to defer, its rows, its events.

The library itself lives in an environment of its own and is never imported here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import Distribution
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.errors import UniqueViolation

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
from worker_child.adapters.procrastinate.presets import PRESETS, resolve
from worker_child.adapters.program import ask, built, interpreter, python_argv
from worker_child.adapters.sql_inbox import SqlEnqueuer, SqlInbox

_QUEUEING_LOCK = "procrastinate_jobs_queueing_lock_idx_v1"

# Rows without a payload of ours are the rescue's own jobs.
_DEFER = """
SELECT unnest(procrastinate_defer_jobs_v1(ARRAY(
    SELECT ROW('default', kind, 0, NULL, key, jsonb_build_object('payload', payload), NULL)
           ::procrastinate_job_to_defer_v1
    FROM unnest(%s::text[], %s::text[], %s::text[])
         WITH ORDINALITY AS job (kind, payload, key, place)
    ORDER BY place
)))
"""

_COUNTS = """
SELECT count(*) FILTER (WHERE status = 'todo' AND attempts = 0),
       count(*) FILTER (WHERE status = 'doing'),
       count(*) FILTER (WHERE status = 'todo' AND attempts > 0),
       count(*) FILTER (WHERE status IN ('failed', 'cancelled', 'aborted')),
       pg_total_relation_size('procrastinate_jobs')
FROM procrastinate_jobs
WHERE args ? 'payload'
"""

_ROWS = """
SELECT (args ->> 'payload')::jsonb ->> 'job_id',
       job.id::text,
       CASE WHEN status = 'doing' THEN 'claimed'
            WHEN status = 'succeeded' THEN 'done'
            WHEN status <> 'todo' THEN 'dead'
            WHEN attempts > 0 THEN 'retrying'
            ELSE 'queued' END,
       CASE WHEN status = 'doing' THEN worker_id::text END,
       attempts,
       CASE WHEN status = 'doing' AND %(lease_s)s::float IS NOT NULL THEN coalesce(
           extract(epoch FROM
               last_heartbeat + %(lease_s)s * interval '1 second' - clock_timestamp())::float,
           0) END,
       status = 'succeeded' AND (
           SELECT coalesce(
               max(id) FILTER (WHERE type = 'started')
               > min(id) FILTER (WHERE type = 'succeeded'), false)
           FROM procrastinate_events AS event WHERE event.job_id = job.id)
FROM procrastinate_jobs AS job
LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
WHERE args ? 'payload'
  AND (%(ids)s::bigint[] IS NULL OR status = 'doing' OR job.id = ANY(%(ids)s))
ORDER BY job.id
"""


class ProcrastinateEnqueuer(SqlEnqueuer):
    """Enqueues by procrastinate's SQL function, which its own ``batch_defer`` calls as well."""

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `worker_child.adapters.contract.Enqueuer`.

        Jobs with a key go one by one: a key that is taken fails the whole call.
        """
        if any(job.dedup_key for job in jobs):
            return [self._defer_unless_queued(job) for job in jobs]
        return self._defer(jobs)

    def _defer(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        columns = (
            [job.kind for job in jobs],
            [job.payload.decode() for job in jobs],
            [job.dedup_key for job in jobs],
        )
        ids = self._connection.execute(_DEFER, columns).fetchall()
        return [Accepted(str(inbox_id)) for (inbox_id,) in ids]

    def _defer_unless_queued(self, job: OutgoingJob) -> EnqueueResult:
        try:
            return self._defer([job])[0]
        except UniqueViolation as error:
            if error.diag.constraint_name != _QUEUEING_LOCK:
                raise
            # procrastinate does not say which row holds the queueing lock.
            return Deduplicated(into=None)


class ProcrastinateAdapter(SqlInbox):
    """See `worker_child.adapters.contract.Adapter`."""

    name = "procrastinate"
    presets = PRESETS
    counts_sql = _COUNTS
    rows_sql = _ROWS
    offers: Mapping[Offer, str] = MappingProxyType(
        {
            "dedup": "queueing_lock: one row a key that waits; a claimed one no longer counts",
            "fan_out": "batch_defer_async from within the job, one call for all",
            "sigterm": "Worker's own handlers, on by default: it fetches nothing more, and waits "
            "for its jobs",
        }
    )

    def __init__(self) -> None:
        self._holders: dict[tuple[str, int | None], str] = {}
        """By row and attempts, which together are one claim: who made it."""

    def version(self) -> str:
        (found,) = Distribution.discover(name="procrastinate", path=[str(_packages())])
        return found.version

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        return resolve(name, workers, changes)

    def install(self, dsn: str) -> None:
        """By the library's own schema manager, in the library's own environment."""
        ask(self.name, [*interpreter(_python()), "-m", f"{__package__}.install"], dsn=dsn)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> ProcrastinateEnqueuer:
        return ProcrastinateEnqueuer(dsn)

    def rows(
        self,
        connection: psycopg.Connection[Any],
        preset: Preset,
        inbox_ids: Sequence[str] | None = None,
    ) -> Iterator[InboxRow]:
        """Rows stay when they are done, so there is no log to be asked beside them."""
        for row in super().rows(connection, preset, inbox_ids):
            yield replace(row, claimed_by=self._holder(row)) if row.state == "claimed" else row

    def _holder(self, row: InboxRow) -> str | None:
        """A worker that starts deletes stalled ones, and with them who had claimed their rows.

        The rows read after a kill had still told it.
        """
        claim = row.inbox_id, row.library_attempt
        if row.claimed_by is not None:
            self._holders[claim] = row.claimed_by
        return self._holders.get(claim)

    def child_argv(self) -> list[str]:
        return python_argv(python=_python())


def _python() -> Path:
    return built("procrastinate", "venv/bin/python")


def _packages() -> Path:
    (packages,) = _python().parents[1].glob("lib/python3.*/site-packages")
    return packages

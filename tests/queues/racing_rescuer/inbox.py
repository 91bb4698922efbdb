"""A control for the rescuer's race: leases, rows that stay when they are done, and a rescuer that
first selects what is over and then frees it.

``stock`` asks again as it frees. ``overwrites`` frees by the ids that it has read: who completed
his job in between has it done by another once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from worker_child.adapters.contract import (
    NO_CHANGES,
    Accepted,
    EnqueueResult,
    OutgoingJob,
    Preset,
    Workers,
)
from worker_child.adapters.program import python_argv
from worker_child.adapters.sql_inbox import SqlEnqueuer, SqlInbox
from worker_child.protocol import Rescue

LEASE_S = 1.0
POLL_S = 0.2

_SCHEMA = """
CREATE TABLE racing_job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id text NOT NULL,
    payload bytea NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    claimed_by text,
    claimed_until timestamptz
)
"""
_ENQUEUE = """
INSERT INTO racing_job (job_id, payload)
SELECT job_id, payload
FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS job (job_id, payload, place)
ORDER BY place
RETURNING id
"""
_COUNTS = """
SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'claimed'),
       0, 0, pg_total_relation_size('racing_job')
FROM racing_job
"""
_ROWS = """
SELECT job_id, id::text, state, claimed_by, NULL,
       extract(epoch FROM claimed_until - clock_timestamp())::float
FROM racing_job
WHERE %(ids)s::bigint[] IS NULL OR state = 'claimed' OR id = ANY(%(ids)s)
ORDER BY id
"""


class _Enqueuer(SqlEnqueuer):
    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        columns = ([job.job_id for job in jobs], [job.payload for job in jobs])
        ids = self._connection.execute(_ENQUEUE, columns).fetchall()
        return [Accepted(str(inbox_id)) for (inbox_id,) in ids]


class RacingRescuer(SqlInbox):
    """See `worker_child.adapters.contract.Adapter`."""

    name = "racing_rescuer"
    presets: Sequence[str] = ("stock", "overwrites")
    counts_sql = _COUNTS
    rows_sql = _ROWS

    def version(self) -> str:
        return "1"

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        assert not changes, "what a control does is known because its settings are fixed"
        return Preset(
            name=name,
            settings={"lease_s": LEASE_S, "poll_s": POLL_S, "asks_again": name == "stock"},
            rescue=Rescue("its lease runs out and is never renewed", LEASE_S, 0.0, POLL_S),
            periods_s={"poll": POLL_S},
            parity={"retries": "nobody: a job that fails ends the worker"},
        )

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_SCHEMA)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> SqlEnqueuer:
        return _Enqueuer(dsn)

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)

"""A control queue seen from the parent: its tables, its enqueue, its rows and its audit."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import psycopg

from worker_child.adapters.contract import (
    NO_CHANGES,
    Accepted,
    EnqueueResult,
    InboxRow,
    OutgoingJob,
    Preset,
    QueueCounts,
    UnusableSettingsError,
    Workers,
)
from worker_child.adapters.control.statements import CHANNEL, SCHEMA
from worker_child.protocol import Rescue

POLL_S = 0.2
"""How often an idle place looks for work; a NOTIFY wakes it sooner."""

PARITY_OF_CONTROLS = MappingProxyType(
    {
        "enqueue": "one INSERT and one NOTIFY for all that is due together",
        "wake_up": f"NOTIFY; without it a look each {POLL_S:g} s",
        "claim_batch": "one row",
        "completion": "the control itself: see its README",
        "rescue_counts_as_attempt": "no attempts are counted",
        "retries": "nobody: a job that fails ends the worker",
        "finished_rows": "deleted; the audit tells of them",
        "language": "Python, asyncio; a connection for each job that runs",
        "ours": "all of it",
    }
)

_ENQUEUE = """
INSERT INTO control_job (job_id, payload)
SELECT job_id, payload
FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS job (job_id, payload, place)
ORDER BY place
RETURNING id
"""

_COUNTS = """
SELECT count(*) FILTER (WHERE claimed_by IS NULL), count(*) FILTER (WHERE claimed_by IS NOT NULL),
       pg_total_relation_size('control_job')
FROM control_job
"""

_ROWS = """
SELECT job_id, id::text, CASE WHEN claimed_by IS NULL THEN 'queued' ELSE 'claimed' END, claimed_by,
       extract(epoch FROM claimed_until - clock_timestamp())::float
FROM control_job
WHERE %(ids)s::bigint[] IS NULL OR claimed_by IS NOT NULL OR id = ANY(%(ids)s)
ORDER BY id
"""

_AUDIT = """
SELECT sequence, identity, inbox_id::text, job_id, action FROM control_audit ORDER BY sequence
"""


class ControlEnqueuer:
    """Enqueues with one INSERT for all that is due, and rings the workers' bell."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `worker_child.adapters.contract.Enqueuer`."""
        columns = ([job.job_id for job in jobs], [job.payload for job in jobs])
        with self._connection.transaction():
            ids = self._connection.execute(_ENQUEUE, columns).fetchall()
            self._connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        return [Accepted(str(inbox_id)) for (inbox_id,) in ids]

    def close(self) -> None:
        self._connection.close()


class ControlAdapter:
    """See `worker_child.adapters.contract.Adapter`. A control names itself and its rescue."""

    name: str
    presets: Sequence[str] = ("stock",)
    rescue: Rescue | None
    claims_visible = True
    """Whether a claim shows in the row for others to see."""
    settings: Mapping[str, float] = MappingProxyType({})
    """What this control has beside its poll; seconds. Each is a rhythm of its own."""

    def version(self) -> str:
        return version("crashbench")

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        assert name in self.presets, name
        if changes:
            raise UnusableSettingsError(
                f"{self.name} is a control: what it does is known because its settings are fixed"
            )
        settings = {"poll_s": POLL_S, **self.settings}
        return Preset(
            name=name,
            settings=settings,
            rescue=self.rescue,
            periods_s={key.removesuffix("_s"): value for key, value in settings.items()},
            claims_visible=self.claims_visible,
            parity=PARITY_OF_CONTROLS,
        )

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SCHEMA)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> ControlEnqueuer:
        return ControlEnqueuer(dsn)

    def counts(self, connection: psycopg.Connection[Any]) -> QueueCounts:
        row = connection.execute(_COUNTS).fetchone()
        assert row is not None
        queued, claimed, table_bytes = row
        return QueueCounts(queued, claimed, retrying=0, dead=0, table_bytes=table_bytes)

    def rows(
        self,
        connection: psycopg.Connection[Any],
        preset: Preset,
        inbox_ids: Sequence[str] | None = None,
    ) -> Iterator[InboxRow]:
        """An acknowledged row is gone, and no log tells of it."""
        ids = None if inbox_ids is None else [int(inbox_id) for inbox_id in inbox_ids]
        for job_id, inbox_id, state, claimed_by, claimable_in_s in connection.execute(
            _ROWS, {"ids": ids}
        ):
            yield InboxRow(job_id, inbox_id, state, claimed_by, claimable_in_s=claimable_in_s)

    def audit(self, connection: psycopg.Connection[Any]) -> Iterator[dict[str, Any]]:
        """Every claim and acknowledgement that took effect, in its order."""
        for sequence, identity, inbox_id, job_id, action in connection.execute(_AUDIT):
            yield {
                "sequence": sequence,
                "identity": identity,
                "inbox_id": inbox_id,
                "job_id": job_id,
                "action": action,
            }

    def child_argv(self) -> list[str]:
        return [sys.executable, "-m", "orchestrator", "--mode=child"]

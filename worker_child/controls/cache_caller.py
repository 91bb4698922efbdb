"""Who asks the control with a cache: one caller, with a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

from worker_child.adapters.contract import (
    Accepted,
    CacheAnswer,
    CacheOutcome,
    Deduplicated,
    EnqueueResult,
    OutgoingJob,
    Served,
)
from worker_child.controls.enqueuer import ControlEnqueuer
from worker_child.controls.statements import CHANNEL, RESULTS_CHANNEL

LOOK_EVERY_S = 0.05
"""How often a caller that waits looks for its result; a NOTIFY wakes it sooner."""

_SERVE = """
SELECT string_agg(content, ''::bytea ORDER BY part)
FROM control_result
WHERE address = %(address)s
  AND NOT EXISTS (SELECT 1 FROM control_job WHERE address = %(address)s)
"""
_TAKE_ADDRESS = "INSERT INTO control_address VALUES (%s) ON CONFLICT DO NOTHING RETURNING 1"
_ENQUEUE = """
INSERT INTO control_job (job_id, payload, address) VALUES (%s, %s, %s) RETURNING id
"""


class CacheCaller(ControlEnqueuer):
    """See `worker_child.adapters.contract.Asking`. `one_at_a_time`: an address is taken once."""

    def __init__(self, dsn: str, *, one_at_a_time: bool) -> None:
        super().__init__(dsn)
        self._one_at_a_time = one_at_a_time
        self._connection.execute(f"LISTEN {RESULTS_CHANNEL}")

    def ask(
        self, job: OutgoingJob, *, give_up_s: float, stopped: Callable[[], bool]
    ) -> CacheAnswer:
        """See `worker_child.adapters.contract.Asking`."""
        give_up_ns = time.monotonic_ns() + round(give_up_s * 1e9)
        result = self._serve(job)
        if result is not None:
            answered_ns = time.monotonic_ns()
            return CacheAnswer("hit", None, None, answered_ns, Served.of(result))
        told = self._enqueue(job)
        told_ns = time.monotonic_ns()
        while (result := self._serve(job)) is None:
            if stopped() or time.monotonic_ns() > give_up_ns:
                break
            for _ in self._connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                pass
        outcome: CacheOutcome = "miss" if isinstance(told, Accepted) else "joined"
        answered_ns = time.monotonic_ns()
        if result is None:
            return CacheAnswer(outcome, told, told_ns, answered_ns, None, "no result came in time")
        return CacheAnswer(outcome, told, told_ns, answered_ns, Served.of(result))

    def _serve(self, job: OutgoingJob) -> bytes | None:
        row = self._connection.execute(_SERVE, {"address": job.dedup_key}).fetchone()
        assert row is not None, "an aggregate has a row"
        return None if row[0] is None else bytes(row[0])

    def _enqueue(self, job: OutgoingJob) -> EnqueueResult:
        with self._connection.transaction():
            if self._one_at_a_time:
                taken = self._connection.execute(_TAKE_ADDRESS, (job.dedup_key,)).fetchone()
                if taken is None:
                    return Deduplicated(into=None)
            row = (job.job_id, job.payload, job.dedup_key)
            enqueued = self._connection.execute(_ENQUEUE, row).fetchone()
            assert enqueued is not None, "an INSERT returns its row"
            self._connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        return Accepted(str(enqueued[0]))

"""Callers of a queue with a cache: each asks when its question is due, and waits for the answer.

While a caller waits it asks nothing else, as a client would; a question that becomes due meanwhile
is asked late. Latencies of answers count from when they were really asked.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

import msgspec
import psycopg

from orchestrator.history.notes import CacheAnswered
from orchestrator.history.recorder import Recorder
from orchestrator.history.records import (
    EnqueueFailed,
    HistoryRecord,
)
from orchestrator.load.producer import DueJob, Producer, enqueued
from orchestrator.scenario.workload import PlannedJob
from worker_child.adapters.contract import (
    Accepted,
    Asking,
    CacheAnswer,
    Deduplicated,
    Enqueuer,
    OutgoingJob,
    Rejected,
)
from worker_child.cached_result import bytes_of
from worker_child.protocol import CachedResult, Note


class CacheCaller(Producer):
    """A `Producer` whose jobs are questions; `number` tells the callers of a run apart.

    Each question has one line that says how the queue took it, as any enqueue has, and a note that
    says what the caller was served.
    """

    batch_limit = 1

    def __init__(
        self,
        jobs: Iterable[PlannedJob],
        connect: Callable[[], Enqueuer],
        recorder: Recorder,
        *,
        number: int,
        answer_s: float,
    ) -> None:
        super().__init__(jobs, connect, recorder)
        self._number = number
        self._answer_s = answer_s

    def _send(self, batch: list[DueJob]) -> None:
        for due in batch:
            self._ask(due)

    def _ask(self, due: DueJob) -> None:
        enqueuer = self._connected()
        asked_ns = time.monotonic_ns()
        if enqueuer is None:
            error = "the run ended without a connection"
            self._record_failed([due], asked_ns, "rejected", error)
            self._record_unknown(due, asked_ns, error)
            return
        assert isinstance(enqueuer, Asking), "an adapter that offers cache has callers that ask"
        job = due.job
        outgoing = OutgoingJob(job.plan.job_id, job.plan.kind, job.payload, job.dedup_key)
        try:
            answer = enqueuer.ask(outgoing, give_up_s=self._answer_s, stopped=self._stop.is_set)
        except psycopg.Error as error:
            self._give_up([due], asked_ns, error)
            self._record_unknown(due, asked_ns, str(error))
            return
        self._recorder.record_all(
            [self._enqueue_line(due, answer, asked_ns), self._answered(due, answer, asked_ns)]
        )
        self.accepted += isinstance(answer.enqueued, Accepted)

    def _enqueue_line(self, due: DueJob, answer: CacheAnswer, asked_ns: int) -> HistoryRecord:
        told = answer.enqueued
        at_ns = answer.answered_ns if answer.enqueued_ns is None else answer.enqueued_ns
        if isinstance(told, Accepted):
            self.job_of_inbox_id[told.inbox_id] = due.job.plan.job_id
            return enqueued(due, "accepted", at_ns, asked_ns, told.inbox_id)
        return EnqueueFailed(
            t_ns=at_ns,
            job_id=due.job.plan.job_id,
            outcome="rejected" if isinstance(told, Rejected) else "deduplicated",
            intended_ns=due.intended_ns,
            sent_ns=asked_ns,
            into=told.into if isinstance(told, Deduplicated) else None,
            error=told.error if isinstance(told, Rejected) else "",
        )

    def _answered(self, due: DueJob, answer: CacheAnswer, asked_ns: int) -> Note:
        told = self._question(due, asked_ns)
        served, outcome, error = answer.served, answer.outcome, answer.error
        told = msgspec.structs.replace(told, outcome=outcome, error=error)
        if served is not None:
            told = msgspec.structs.replace(told, sha256=served.sha256, bytes=served.size)
        return _note(told, answer.answered_ns)

    def _record_unknown(self, due: DueJob, asked_ns: int, error: str) -> None:
        told = msgspec.structs.replace(self._question(due, asked_ns), error=error)
        self._recorder.record(_note(told, time.monotonic_ns()))

    def _question(self, due: DueJob, asked_ns: int) -> CacheAnswered:
        """What is known of it before it is answered."""
        planned = due.job.plan.result
        assert planned is not None, "every job of a scenario with a cache has a result"
        return CacheAnswered(
            job_id=due.job.plan.job_id,
            address=planned.address,
            caller=self._number,
            asked_ns=asked_ns,
            outcome="unknown",
            expected_sha256=_digest(planned),
            expected_bytes=planned.bytes,
        )


def _note(told: CacheAnswered, t_ns: int) -> Note:
    return Note(t_ns=t_ns, code="cache_answered", detail=msgspec.to_builtins(told))


@lru_cache(maxsize=4096)
def _digest(planned: CachedResult) -> str:
    return hashlib.sha256(bytes_of(planned)).hexdigest()

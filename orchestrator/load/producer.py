"""The open loop: sends every job when it is due, whatever the queue or the workers do.

It lives in a thread of its own with a connection of its own. Deadlines are absolute; what is due
together goes out together, in one call of the library's enqueue. Where the scenario closes the
loop, a job is due a think time after the one before it has finished.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import psycopg

from orchestrator.history.recorder import Recorder
from orchestrator.history.records import EnqueueFailed, HistoryRecord
from orchestrator.load.closed_loop import ClosedLoop
from orchestrator.scenario.workload import PlannedJob
from worker_child.adapters.contract import (
    Accepted,
    Deduplicated,
    Enqueuer,
    EnqueueResult,
    OutgoingJob,
    Rejected,
)
from worker_child.protocol import JobEnqueued, Note

_NAP_LIMIT_S = 0.1
"""The longest sleep: a stop is noticed within this time."""
_RECONNECT_PAUSE_S = 0.2
_RECONNECT_LIMIT_S = 60.0
_PR_SET_TIMERSLACK = 29
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class DueJob:
    """A planned job with its intended instant on the monotonic clock."""

    job: PlannedJob
    intended_ns: int


class Producer:
    """Sends a stream of jobs from T = 0 on.

    It connects when it is made, so that T = 0 finds it ready. `accepted`, `stream_jobs` and
    `max_lateness_ns` may be read from any thread meanwhile.
    """

    batch_limit: ClassVar[int] = 1000
    """How many jobs go out together at the most."""

    def __init__(
        self,
        jobs: Iterable[PlannedJob],
        connect: Callable[[], Enqueuer],
        recorder: Recorder,
        *,
        closed_loop: ClosedLoop | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._jobs = iter(jobs)
        self._connect = connect
        self._recorder = recorder
        self._closed_loop = closed_loop
        self.started_ns = 0
        """T = 0, once it has begun."""
        self._sleep = sleep
        self._enqueuer: Enqueuer | None = connect()
        self._stop = threading.Event()
        self._cut_ns: int | None = None
        self._thread = threading.Thread(target=self._run, name="producer")
        self.job_of_inbox_id: dict[str, str] = {}
        self.indeterminate: dict[str, DueJob] = {}
        self.accepted = 0
        self.stream_jobs = 0
        """Jobs of the stream that were sent: their ids run from 0 to stream_jobs - 1."""
        self.max_lateness_ns = 0
        """The latest wake-up. A job that is late because the last enqueue was slow does not count:
        that is the library's back-pressure."""
        self.ended_ns: int | None = None
        self.error: BaseException | None = None

    def start(self, started_ns: int) -> None:
        """Begin; T = 0, when the first job goes out, is the monotonic instant `started_ns`."""
        self.started_ns = started_ns
        self._thread.start()

    def stop(self) -> None:
        """Cut the stream: jobs intended up to now are sent, later ones are not."""
        self._cut_ns = time.monotonic_ns()
        self._stop.set()

    def alive(self) -> bool:
        """Whether there are jobs to come."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Wait until the last job is out; False when it is not within the time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def send(self, jobs: list[PlannedJob]) -> None:
        """Send further jobs at once, from the caller's thread, after the stream has ended."""
        assert not self.alive()
        now_ns = time.monotonic_ns()
        self._send([DueJob(job, now_ns) for job in jobs])

    def send_wave(self, jobs: list[PlannedJob]) -> None:
        """Send the next jobs of a stream that comes in waves, in the caller's thread."""
        self.send(jobs)
        self.stream_jobs += len(jobs)

    def close(self) -> None:
        """Close the connection."""
        if self._enqueuer is not None:
            self._enqueuer.close()
            self._enqueuer = None

    def _run(self) -> None:
        try:
            set_timer_slack()
            loop = self._closed_loop
            for batch in self._due_batches() if loop is None else self._in_turn(loop):
                self._send(batch)
                self.stream_jobs += len(batch)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it again
            self.error = error
        finally:
            self.ended_ns = time.monotonic_ns()

    def _due_batches(self) -> Iterator[list[DueJob]]:
        upcoming = self._next()
        while upcoming is not None:
            self._sleep_until(upcoming.intended_ns)
            if self._cut_ns is not None and upcoming.intended_ns > self._cut_ns:
                return
            now_ns = time.monotonic_ns()
            batch: list[DueJob] = []
            while (
                upcoming is not None
                and upcoming.intended_ns <= now_ns
                and len(batch) < self.batch_limit
            ):
                batch.append(upcoming)
                upcoming = self._next()
            yield batch

    def _in_turn(self, loop: ClosedLoop) -> Iterator[list[DueJob]]:
        end_ns = self.started_ns + loop.duration_ns
        ended_ns = self.started_ns
        for index, job in enumerate(self._jobs):
            intended_ns = ended_ns + loop.think_ns(index)
            if intended_ns >= end_ns:
                return
            self._sleep_until(intended_ns)
            if self._stop.is_set():
                return
            accepted = self.accepted
            loop.begin(job.plan.job_id)
            yield [DueJob(job, intended_ns)]
            if self.accepted > accepted and not loop.wait(self._stop.is_set):
                message = f"{job.plan.job_id} did not finish within {loop.turn_s:g} s"
                self._recorder.record(Note(time.monotonic_ns(), "turn_lost", message))
            ended_ns = loop.turn_ended_ns()

    def _next(self) -> DueJob | None:
        job = next(self._jobs, None)
        return None if job is None else DueJob(job, self.started_ns + job.intended_ns)

    def _sleep_until(self, due_ns: int) -> None:
        """Sleep until the instant, or until the stream is cut."""
        slept = False
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            if self._stop.is_set():
                return
            slept = True
            self._sleep(min(left_ns / _NS_PER_S, _NAP_LIMIT_S))
        if slept:
            self.max_lateness_ns = max(self.max_lateness_ns, -left_ns)

    def _send(self, batch: list[DueJob]) -> None:
        outgoing = [
            OutgoingJob(due.job.plan.job_id, due.job.plan.kind, due.job.payload, due.job.dedup_key)
            for due in batch
        ]
        enqueuer = self._connected()
        sent_ns = time.monotonic_ns()
        if enqueuer is None:
            self._record_failed(batch, sent_ns, "rejected", "the run ended without a connection")
            return
        try:
            results = enqueuer.enqueue(outgoing)
        except psycopg.Error as error:
            self._give_up(batch, sent_ns, error)
            return
        acknowledged_ns = time.monotonic_ns()
        self._recorder.record_all(
            [
                self._outcome(due, result, sent_ns, acknowledged_ns)
                for due, result in zip(batch, results, strict=True)
            ]
        )
        self.accepted += sum(isinstance(result, Accepted) for result in results)

    def _connected(self) -> Enqueuer | None:
        give_up_ns = time.monotonic_ns() + round(_RECONNECT_LIMIT_S * _NS_PER_S)
        while self._enqueuer is None and not self._stop.is_set():
            try:
                self._enqueuer = self._connect()
            except psycopg.OperationalError:
                if time.monotonic_ns() > give_up_ns:
                    raise
                # The jobs stay due and go out late: the latency counts from the intended instant.
                self._stop.wait(_RECONNECT_PAUSE_S)
        return self._enqueuer

    def _give_up(self, batch: list[DueJob], sent_ns: int, error: psycopg.Error) -> None:
        """Never retry: refused by the server = rejected, no answer = indeterminate."""
        refused = error.sqlstate is not None and not isinstance(error, psycopg.OperationalError)
        if not refused:
            self.indeterminate.update({due.job.plan.job_id: due for due in batch})
            self.close()
        outcome: Literal["rejected", "indeterminate"] = "rejected" if refused else "indeterminate"
        self._record_failed(batch, sent_ns, outcome, str(error))

    def _record_failed(
        self,
        batch: list[DueJob],
        sent_ns: int,
        outcome: Literal["rejected", "indeterminate"],
        error: str,
    ) -> None:
        self._recorder.record_all(
            [
                EnqueueFailed(
                    t_ns=time.monotonic_ns(),
                    job_id=due.job.plan.job_id,
                    outcome=outcome,
                    intended_ns=due.intended_ns,
                    sent_ns=sent_ns,
                    error=error,
                )
                for due in batch
            ]
        )

    def _outcome(
        self, due: DueJob, result: EnqueueResult, sent_ns: int, acknowledged_ns: int
    ) -> HistoryRecord:
        if isinstance(result, Accepted):
            self.job_of_inbox_id[result.inbox_id] = due.job.plan.job_id
            return enqueued(due, "accepted", acknowledged_ns, sent_ns, result.inbox_id)
        deduplicated = isinstance(result, Deduplicated)
        return EnqueueFailed(
            t_ns=acknowledged_ns,
            job_id=due.job.plan.job_id,
            outcome="deduplicated" if deduplicated else "rejected",
            intended_ns=due.intended_ns,
            sent_ns=sent_ns,
            into=result.into if isinstance(result, Deduplicated) else None,
            error=result.error if isinstance(result, Rejected) else "",
        )


def enqueued(
    due: DueJob,
    outcome: str,
    t_ns: int,
    sent_ns: int | None = None,
    inbox_id: str | None = None,
) -> JobEnqueued:
    """The line that brings a job into the ledger."""
    assert outcome in ("accepted", "recovered")
    accepted = outcome == "accepted"
    return JobEnqueued(
        t_ns=t_ns,
        job_id=due.job.plan.job_id,
        outcome="accepted" if accepted else "recovered",
        kind=due.job.plan.kind,
        job_class=due.job.job_class,
        length_us=due.job.plan.length_us,
        intended_ns=due.intended_ns,
        sent_ns=sent_ns,
        acknowledged_ns=t_ns if accepted else None,
        tenant=due.job.plan.tenant,
        inbox_id=inbox_id,
    )


def set_timer_slack() -> None:
    """1 ns instead of 50 us for this thread (prctl(2)): a wake-up is not rounded up to others'."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)

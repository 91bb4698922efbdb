"""The open loop: every job goes out when it is due, once, and each outcome is written down."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator.history.recorder import Recorder
from orchestrator.load.producer import Producer
from orchestrator.scenario.workload import PlannedJob
from worker_child.adapters.contract import (
    Accepted,
    Deduplicated,
    EnqueueResult,
    OutgoingJob,
    Rejected,
)
from worker_child.names import stream_job_id
from worker_child.protocol import Plan

MS = 1_000_000
Answer = Callable[[Sequence[OutgoingJob]], list[EnqueueResult]]


def job(index: int, at_ms: float) -> PlannedJob:
    plan = Plan(stream_job_id(index), "entity_update", "external_api", length_us=1000)
    return PlannedJob(plan, b"{}", "short", round(at_ms * MS))


def accept(jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
    return [Accepted(outgoing.job_id) for outgoing in jobs]


class Queue:
    """Answers each call by the next of `answers`, and from the last on by that one."""

    def __init__(self, *answers: Answer) -> None:
        self.calls: list[list[str]] = []
        self.connections = 0
        self._answers = answers

    def connect(self) -> Queue:
        self.connections += 1
        return self

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        answer = self._answers[min(len(self.calls), len(self._answers) - 1)]
        self.calls.append([outgoing.job_id for outgoing in jobs])
        return answer(jobs)

    def close(self) -> None:
        pass


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    opened = Recorder(tmp_path / "history", "run")
    yield opened
    opened.close()


def produce(jobs: list[PlannedJob], queue: Queue, recorder: Recorder) -> Producer:
    producer = Producer(jobs, queue.connect, recorder)
    producer.start(time.monotonic_ns())
    assert producer.join(10.0)
    assert producer.error is None
    return producer


def lines(recorder: Recorder) -> list[tuple[str, dict[str, Any]]]:
    records = map(json.loads, recorder.path.read_text().splitlines())
    return [(record["kind"], record["fields"]) for record in records]


def test_every_job_is_sent_once_and_not_before_it_is_due(recorder: Recorder) -> None:
    queue = Queue(accept)
    producer = produce([job(i, 3.0 * i) for i in range(20)], queue, recorder)
    sent = [job_id for call in queue.calls for job_id in call]
    assert sent == [stream_job_id(i) for i in range(20)]
    assert producer.stream_jobs == producer.accepted == 20
    for kind, fields in lines(recorder):
        assert kind == "job_enqueued"
        assert fields["intended_ns"] <= fields["sent_ns"] <= fields["acknowledged_ns"]


def test_what_is_due_together_goes_out_in_one_call(recorder: Recorder) -> None:
    queue = Queue(accept)
    produce([job(i, 0.0) for i in range(7)], queue, recorder)
    assert [len(call) for call in queue.calls] == [7]


def test_a_slow_enqueue_is_back_pressure_and_no_lateness_of_ours(recorder: Recorder) -> None:
    def slowly(jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        time.sleep(0.3)
        return accept(jobs)

    producer = produce([job(0, 0.0), job(1, 50.0)], Queue(slowly), recorder)
    late = lines(recorder)[1][1]
    assert late["sent_ns"] - late["intended_ns"] > 200 * MS
    assert producer.max_lateness_ns < 200 * MS


def test_a_refusal_by_the_server_is_rejected_and_the_connection_kept(recorder: Recorder) -> None:
    def refuse(jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        raise psycopg.errors.CheckViolation("no such job, please")

    queue = Queue(refuse, accept)
    producer = produce([job(0, 0.0), job(1, 5.0)], queue, recorder)
    (kind, refused), (_, accepted) = lines(recorder)
    assert (kind, refused["outcome"], refused["job_id"]) == (
        "enqueue_failed",
        "rejected",
        "j000000",
    )
    assert accepted["job_id"] == "j000001"
    assert queue.connections == 1
    assert not producer.indeterminate


def test_an_enqueue_without_an_answer_is_indeterminate_and_never_retried(
    recorder: Recorder,
) -> None:
    def hang_up(jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    queue = Queue(hang_up, accept)
    # So far apart that a late wake-up does not make one batch of them.
    producer = produce([job(0, 0.0), job(1, 1000.0)], queue, recorder)
    assert queue.calls == [["j000000"], ["j000001"]]
    assert queue.connections == 2
    assert list(producer.indeterminate) == ["j000000"]
    assert lines(recorder)[0][1]["outcome"] == "indeterminate"


def test_what_the_queue_says_of_each_job_of_a_batch_is_written_down(recorder: Recorder) -> None:
    def sort_out(jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        return [Accepted("7"), Deduplicated("7"), Rejected("too long")]

    producer = produce([job(i, 0.0) for i in range(3)], Queue(sort_out), recorder)
    written = [(kind, fields["outcome"]) for kind, fields in lines(recorder)]
    assert written == [
        ("job_enqueued", "accepted"),
        ("enqueue_failed", "deduplicated"),
        ("enqueue_failed", "rejected"),
    ]
    assert producer.job_of_inbox_id == {"7": "j000000"}


def test_a_cut_stream_holds_every_job_that_was_due_and_none_that_was_not(
    recorder: Recorder,
) -> None:
    sent: list[str] = []

    def note(jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        sent.extend(outgoing.job_id for outgoing in jobs)
        return accept(jobs)

    endless = (job(i, 2.0 * i) for i in itertools.count())
    producer = Producer(endless, Queue(note).connect, recorder)
    started_ns = time.monotonic_ns()
    producer.start(started_ns)
    while len(sent) < 25:
        time.sleep(0.001)
    before_ns = time.monotonic_ns()
    producer.stop()
    after_ns = time.monotonic_ns()
    assert producer.join(10.0)
    assert producer.stream_jobs == len(sent)
    assert (before_ns - started_ns) // (2 * MS) < producer.stream_jobs
    assert producer.stream_jobs <= (after_ns - started_ns) // (2 * MS) + 1


def test_the_recorders_error_ends_the_stream_and_is_kept(recorder: Recorder) -> None:
    def break_off(jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        raise OSError("no such thing")

    producer = Producer([job(0, 0.0), job(1, 0.0)], Queue(break_off).connect, recorder)
    producer.start(time.monotonic_ns())
    assert producer.join(10.0)
    assert isinstance(producer.error, OSError)

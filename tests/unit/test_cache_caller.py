"""A caller of a cache: asks, waits, and writes down what the queue said and what it was served."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from orchestrator.errors import AdapterError
from orchestrator.history.recorder import Recorder
from orchestrator.libraries.guard import GuardedAdapter
from orchestrator.load.producer_group import ProducerGroup, source_of
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import Workload
from worker_child.adapters.contract import (
    Accepted,
    Asking,
    CacheAnswer,
    Deduplicated,
    EnqueueResult,
    OutgoingJob,
    Preset,
    Rejected,
    Served,
)
from worker_child.adapters.pgqueuer.inbox import PgQueuerAdapter
from worker_child.cached_result import bytes_of
from worker_child.protocol import Plan

LIMIT_S = 30.0
CALLERS = 2
RESULT_BYTES = 5000


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    opened = Recorder(tmp_path / "history", "run")
    yield opened
    opened.close()


def workload(*overrides: str) -> Workload:
    """Four questions: two callers for two addresses."""
    scenario = load_scenario(
        "cache_concurrent_miss_short",
        [
            "workload.duration_s=0.4",
            "workload.rate_per_s=10",
            "workload.cache.unique_addresses=2",
            f"workload.cache.concurrent_hits={CALLERS}",
            f"workload.cache.result_bytes={RESULT_BYTES}",
            *overrides,
        ],
        cores=2,
    )
    return Workload(scenario)


Serve = Callable[[OutgoingJob], CacheAnswer]


class CachingQueue:
    """Answers each question by `serve`."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        raise NotImplementedError

    def ask(
        self, job: OutgoingJob, *, give_up_s: float, stopped: Callable[[], bool]
    ) -> CacheAnswer:
        return self._serve(job)

    def close(self) -> None:
        pass


def result_of(job: OutgoingJob) -> bytes:
    planned = msgspec.json.decode(job.payload, type=Plan).result
    assert planned is not None
    return bytes_of(planned)


def carried_out(
    recorder: Recorder, serve: Serve, *overrides: str
) -> tuple[ProducerGroup, list[tuple[str, dict[str, Any]]]]:
    """All questions asked: the callers, and what was written down."""
    callers = source_of(workload(*overrides), lambda: CachingQueue(serve), recorder, None)
    assert isinstance(callers, ProducerGroup)
    callers.start(time.monotonic_ns())
    assert callers.join(LIMIT_S)
    callers.close()
    records = map(json.loads, recorder.path.read_text().splitlines())
    return callers, [(record["kind"], record["fields"]) for record in records]


def told_of(lines: list[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """By job: the detail of its note. Each question has one."""
    notes = [fields for kind, fields in lines if kind == "note"]
    assert [note["code"] for note in notes] == ["cache_answered"] * 4
    told = {note["detail"]["job_id"]: note["detail"] for note in notes}
    assert sorted(told) == [f"j{number:06d}" for number in range(4)]
    return told


class OnePerAddress:
    """The first to ask is a miss, whoever comes next joins."""

    def __init__(self) -> None:
        self._seen: set[str | None] = set()
        self._lock = threading.Lock()

    def __call__(self, job: OutgoingJob) -> CacheAnswer:
        with self._lock:
            is_new = job.dedup_key not in self._seen
            self._seen.add(job.dedup_key)
        now_ns = time.monotonic_ns()
        if is_new:
            told: EnqueueResult = Accepted(f"row {job.job_id}")
            return CacheAnswer("miss", told, now_ns, now_ns, Served.of(result_of(job)))
        return CacheAnswer("joined", Deduplicated(None), now_ns, now_ns, Served.of(result_of(job)))


def test_each_question_has_its_enqueue_line_and_says_what_was_served(recorder: Recorder) -> None:
    callers, lines = carried_out(recorder, OnePerAddress())
    told = told_of(lines)
    assert {detail["caller"] for detail in told.values()} == {0, 1}
    for detail in told.values():
        assert detail["sha256"] == detail["expected_sha256"]
        assert detail["bytes"] == detail["expected_bytes"] == RESULT_BYTES
    enqueued = {fields["job_id"] for kind, fields in lines if kind == "job_enqueued"}
    assert enqueued == {job for job, detail in told.items() if detail["outcome"] == "miss"}
    failed = {f["job_id"]: f["outcome"] for kind, f in lines if kind == "enqueue_failed"}
    assert failed == dict.fromkeys(told.keys() - enqueued, "deduplicated")
    assert (callers.accepted, callers.stream_jobs, callers.error) == (2, 4, None)
    assert callers.job_of_inbox_id == {f"row {job}": job for job in enqueued}


def test_a_part_of_a_result_is_told_as_it_was_served(recorder: Recorder) -> None:
    def serve(job: OutgoingJob) -> CacheAnswer:
        part = Served.of(result_of(job)[:100])
        return CacheAnswer("hit", None, None, time.monotonic_ns(), part)

    _, lines = carried_out(recorder, serve)
    for kind, fields in lines:
        if kind == "enqueue_failed":
            assert fields["outcome"] == "deduplicated"
    for detail in told_of(lines).values():
        assert (detail["outcome"], detail["bytes"]) == ("hit", 100)
        assert detail["sha256"] != detail["expected_sha256"]


def test_nothing_served_is_told_as_nothing_and_a_refusal_as_one(recorder: Recorder) -> None:
    def serve(job: OutgoingJob) -> CacheAnswer:
        now_ns = time.monotonic_ns()
        return CacheAnswer("miss", Rejected("too long"), now_ns, now_ns, None, "it was refused")

    callers, lines = carried_out(recorder, serve)
    assert callers.accepted == 0
    failed = [f for kind, f in lines if kind == "enqueue_failed"]
    assert {(f["outcome"], f["error"]) for f in failed} == {("rejected", "too long")}
    for detail in told_of(lines).values():
        assert "sha256" not in detail and detail["error"] == "it was refused"


def test_without_an_answer_nobody_knows_what_became_of_the_question(recorder: Recorder) -> None:
    def serve(job: OutgoingJob) -> CacheAnswer:
        raise psycopg.OperationalError("the connection is gone")

    callers, lines = carried_out(recorder, serve)
    assert {f["outcome"] for kind, f in lines if kind == "enqueue_failed"} == {"indeterminate"}
    assert sorted(callers.indeterminate) == [f"j{number:06d}" for number in range(4)]
    for detail in told_of(lines).values():
        assert (detail["outcome"], detail["error"]) == ("unknown", "the connection is gone")


def test_a_caller_that_waits_asks_nothing_meanwhile(recorder: Recorder) -> None:
    open_, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(CALLERS)

    def serve(job: OutgoingJob) -> CacheAnswer:
        nonlocal open_, most
        with lock:
            open_ += 1
            most = max(most, open_)
        both.wait(LIMIT_S)
        with lock:
            open_ -= 1
        return CacheAnswer("hit", None, None, time.monotonic_ns(), Served.of(result_of(job)))

    callers, _ = carried_out(recorder, serve)
    assert callers.error is None
    assert most == CALLERS


def test_an_adapter_that_offers_a_cache_and_has_nobody_to_ask_is_told_so(tmp_path: Path) -> None:
    class Unasked:
        def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
            return []

        def close(self) -> None:
            pass

    class UnaskedAdapter(PgQueuerAdapter):
        def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Any:
            return Unasked()

    adapter = GuardedAdapter(UnaskedAdapter(), "wrong", tmp_path)
    preset = Preset("stock", {}, None, {})
    asking = adapter.enqueuer("", preset, keyed=True)
    assert isinstance(asking, Asking)
    with pytest.raises(AdapterError, match=r"wrong's adapter offers cache, .* has no ask\(\)"):
        asking.ask(OutgoingJob("j", "k", b""), give_up_s=1, stopped=lambda: False)

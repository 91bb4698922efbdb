"""Many enqueue one key at once: planned alike, sent by as many, counted by key and by answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.summary.summary import analyse
from orchestrator.errors import NotOfferedError, ScenarioError, UnplannedJobError
from orchestrator.history.recorder import Recorder
from orchestrator.load.producer import Producer
from orchestrator.load.producer_group import ProducerGroup, source_of
from orchestrator.run.request import make_request
from orchestrator.scenario.capacity import distinct_rate_per_s
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import Workload
from tests.histories.builder import Story
from worker_child.adapters.contract import Accepted, Deduplicated, EnqueueResult, OutgoingJob
from worker_child.adapters.pgqueuer.inbox import PgQueuerAdapter

ENQUEUERS = 8
LIMIT_S = 30.0


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    opened = Recorder(tmp_path / "history", "run")
    yield opened
    opened.close()


def test_the_jobs_of_a_key_differ_in_nothing_but_their_ids() -> None:
    workload = Workload(load_scenario("dedup_short", cores=2))
    jobs = list(workload.jobs())
    assert len(jobs) == 15 * 80
    for first in range(0, len(jobs), ENQUEUERS):
        group = jobs[first : first + ENQUEUERS]
        assert {job.dedup_key for job in group} == {f"k{first // ENQUEUERS:06d}"}
        assert len({job.intended_ns for job in group}) == 1
        alike = {(j.plan.kind, j.plan.length_us, j.plan.tenant, j.plan.pad) for j in group}
        assert len(alike) == 1
    assert len({job.plan.job_id for job in jobs}) == len(jobs)
    assert workload.job(13) == jobs[13] == workload.by_id("j000013")
    with pytest.raises(UnplannedJobError):
        workload.by_id("j001200")


def test_enqueuers_that_are_apart_send_a_key_one_after_the_other() -> None:
    whole = load_scenario("orphans_keys_taken_short", cores=2)
    jobs = list(Workload(whole).jobs())
    firsts, seconds = jobs[::2], jobs[1::2]
    assert [job.dedup_key for job in firsts] == [job.dedup_key for job in seconds]
    pairs = zip(firsts, seconds, strict=True)
    apart = {second.intended_ns - first.intended_ns for first, second in pairs}
    assert apart == {6_000_000_000}


def test_enqueuers_that_are_apart_bring_a_job_each() -> None:
    at_once = load_scenario("dedup_short", cores=2).workload
    dedup = msgspec.structs.replace(at_once.dedup, apart_s=1.0)  # type: ignore[type-var]
    apart = msgspec.structs.replace(at_once, dedup=dedup)
    assert (distinct_rate_per_s(at_once), distinct_rate_per_s(apart)) == (10.0, 80.0)


def test_without_dedup_no_job_bears_a_key() -> None:
    assert all(
        Workload(load_scenario("steady_short", cores=2)).job(index).dedup_key is None
        for index in range(50)
    )


class OnePerKey:
    """A queue that takes each key once, whichever connection brings it."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.senders: dict[str, set[int]] = {}
        self._lock = threading.Lock()

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        with self._lock:
            return [self._take(job) for job in jobs]

    def _take(self, job: OutgoingJob) -> EnqueueResult:
        assert job.dedup_key is not None
        self.senders.setdefault(job.dedup_key, set()).add(threading.get_ident())
        if job.dedup_key in self.taken:
            return Deduplicated(into=f"row {job.dedup_key}")
        self.taken.add(job.dedup_key)
        return Accepted(f"row {job.dedup_key}")

    def close(self) -> None:
        pass


def test_each_key_is_sent_by_every_enqueuer_once(recorder: Recorder) -> None:
    scenario = load_scenario("dedup_short", ["workload.duration_s=1"], cores=2)
    queue = OnePerKey()
    group = source_of(Workload(scenario), lambda: queue, recorder, None)
    assert isinstance(group, ProducerGroup)
    group.start(time.monotonic_ns())
    assert group.join(LIMIT_S)
    assert (group.alive(), group.error) == (False, None)
    assert (group.stream_jobs, group.accepted) == (80, 10)
    assert len(queue.taken) == 10
    assert all(len(senders) == ENQUEUERS for senders in queue.senders.values())
    assert set(group.job_of_inbox_id) == {f"row {key}" for key in queue.taken}
    records = [json.loads(line) for line in recorder.path.read_text().splitlines()]
    told = [r["fields"]["into"] for r in records if r["kind"] == "enqueue_failed"]
    assert len(told) == 70 and all(told)
    group.close()


def test_an_ordinary_stream_has_one_producer(recorder: Recorder) -> None:
    scenario = load_scenario("steady_short", cores=2)
    source = source_of(Workload(scenario), OnePerKey, recorder, None)
    assert isinstance(source, Producer)


@pytest.mark.parametrize("key", ["endless", "closed_loop"])
def test_a_stream_without_an_order_of_its_own_cannot_be_shared(key: str) -> None:
    with pytest.raises(ScenarioError, match=r"does not go with workload\.dedup"):
        load_scenario("dedup", [f"workload.{key}=true"], cores=2)


def test_a_library_without_keys_is_not_offered(tmp_path: Path) -> None:
    with pytest.raises(NotOfferedError, match="needs dedup") as refused:
        make_request(
            load_scenario("dedup_short", cores=2),
            library="control_late_ack",
            preset=None,
            ordinal=1,
            dsn=None,
            results=tmp_path,
            overwrite=False,
        )
    assert refused.value.exit_code == 0
    assert "dedup" in PgQueuerAdapter().offers


def told(story: Story, job_id: str, outcome: str, **fields: Any) -> None:
    story.planned.add(job_id)
    instants = {"intended_ns": story.now_ns, "sent_ns": story.now_ns}
    story.record("enqueue_failed", job_id=job_id, outcome=outcome, **instants, **fields)


def test_executions_are_counted_by_key_and_answers_by_what_was_said(tmp_path: Path) -> None:
    story = Story(workload={"dedup": {"enqueuers": 3}})
    worker = story.worker()
    # key 0: taken once, told where, and once rejected
    story.enqueue("j000000")
    told(story, "j000001", "deduplicated", into="row-j000000")
    told(story, "j000002", "rejected", error="no")
    # key 1: taken twice, executed twice, and nobody told which row
    story.enqueue("j000003")
    story.enqueue("j000004")
    told(story, "j000005", "deduplicated")
    # key 2: nobody got through
    for job_id in ("j000006", "j000007", "j000008"):
        told(story, job_id, "deduplicated")
    for job_id in ("j000000", "j000003", "j000004"):
        worker.run(job_id)
    story.exit(worker)
    story.end(dict.fromkeys(story.planned - {"j000000", "j000003", "j000004"}, "none"))
    assert msgspec.to_builtins(analyse(story.write(tmp_path)).jobs.dedup) == {
        "enqueuers": 3,
        "keys": 3,
        "enqueues": 9,
        "accepted": 3,
        "deduplicated": 5,
        "deduplicated_told_which": 1,
        "rejected": 1,
        "indeterminate": 0,
        "keys_taken_more_than_once": 1,
        "keys_never_taken": 1,
        "executions": 3,
        "max_executions_per_key": 2,
        "keys_executed_more_than_once": 1,
        "keys_never_executed": 1,
    }


def test_a_run_without_keys_says_nothing_of_them(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue("j000000")
    worker.run("j000000")
    story.exit(worker)
    story.end()
    assert b'"dedup"' not in analyse(story.write(tmp_path)).as_json()

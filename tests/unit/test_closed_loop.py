"""The closed loop: one job at a time, the next when the last has finished, and no wait for ever."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from orchestrator.errors import ScenarioError
from orchestrator.history.recorder import Recorder
from orchestrator.load.closed_loop import ClosedLoop, closed_loop_of
from orchestrator.load.producer import Producer
from orchestrator.scenario.capacity import capacity
from orchestrator.scenario.load import load_scenario, resolve_scenario
from orchestrator.scenario.workload import PlannedJob, Workload
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import as_read
from worker_child.adapters.contract import Accepted, EnqueueResult, OutgoingJob, Rejected
from worker_child.names import stream_job_id
from worker_child.protocol import JobCompleted, JobDiscarded, Plan


class Queue:
    """Takes jobs, one call at a time, and hands each to `work`."""

    def __init__(self, work: Callable[[str], None], *, refuse: bool = False) -> None:
        self.calls: list[list[str]] = []
        self.instants_ns: list[int] = []
        self._work = work
        self._refuse = refuse

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        self.instants_ns.append(time.monotonic_ns())
        self.calls.append([job.job_id for job in jobs])
        if self._refuse:
            return [Rejected("not here") for _ in jobs]
        for job in jobs:
            self._work(job.job_id)
        return [Accepted(job.job_id) for job in jobs]

    def close(self) -> None:
        pass


def loop_of(*, duration_s: float, turn_s: float, think_s: float = 0.0, seed: int = 1) -> ClosedLoop:
    return ClosedLoop(duration_s=duration_s, turn_s=turn_s, think_s=think_s, seed=seed)


def jobs() -> Iterator[PlannedJob]:
    for index in count():
        plan = Plan(stream_job_id(index), "notification_deliver", "external_api", length_us=0)
        yield PlannedJob(plan, b"{}", "short", 0)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    opened = Recorder(tmp_path / "history", "run")
    yield opened
    opened.close()


def produce(loop: ClosedLoop, queue: Queue, recorder: Recorder) -> Producer:
    producer = Producer(jobs(), lambda: queue, recorder, closed_loop=loop)
    producer.start(time.monotonic_ns())
    assert producer.join(20.0)
    assert producer.error is None
    return producer


def notes(recorder: Recorder) -> list[str]:
    records = map(json.loads, recorder.path.read_text().splitlines())
    return [record["fields"]["code"] for record in records if record["kind"] == "note"]


def test_the_next_job_goes_out_only_when_the_last_has_finished(recorder: Recorder) -> None:
    loop = loop_of(duration_s=2.0, turn_s=5.0)
    finished: list[int] = []

    def work_a_while(job_id: str) -> None:
        def finish() -> None:
            finished.append(time.monotonic_ns())
            loop.finished(job_id)

        threading.Timer(0.03, finish).start()

    queue = Queue(work_a_while)
    producer = produce(loop, queue, recorder)
    sent = [job_id for call in queue.calls for job_id in call]
    assert sent == [stream_job_id(index) for index in range(len(sent))]
    assert producer.stream_jobs == len(sent) > 1
    ends_and_starts = zip(finished, queue.instants_ns[1:], strict=False)
    assert all(ended <= started for ended, started in ends_and_starts)
    assert notes(recorder) == []


def test_a_job_that_finishes_before_its_enqueue_is_acknowledged_does_not_stop_the_loop(
    recorder: Recorder,
) -> None:
    loop = loop_of(duration_s=0.2, turn_s=60.0)
    queue = Queue(loop.finished)
    began_ns = time.monotonic_ns()
    producer = produce(loop, queue, recorder)
    assert producer.stream_jobs > 3
    assert time.monotonic_ns() - began_ns < 10_000_000_000


def test_a_job_that_never_finishes_loses_its_turn_and_that_is_noted(recorder: Recorder) -> None:
    loop = loop_of(duration_s=0.3, turn_s=0.15)
    producer = produce(loop, Queue(lambda _: None), recorder)
    assert producer.stream_jobs >= 2
    assert notes(recorder) == ["turn_lost"] * producer.stream_jobs


def test_each_job_but_the_first_is_intended_a_think_time_after_the_end_of_the_last(
    recorder: Recorder,
) -> None:
    loop = loop_of(duration_s=0.6, turn_s=5.0, think_s=0.1)
    ended_ns: list[int] = []

    def finish(job_id: str) -> None:
        loop.finished(job_id)
        ended_ns.append(loop.turn_ended_ns())

    producer = produce(loop, Queue(finish), recorder)
    lines = map(json.loads, recorder.path.read_text().splitlines())
    intended_ns = [
        line["fields"]["intended_ns"] for line in lines if line["kind"] == "job_enqueued"
    ]
    assert producer.stream_jobs == len(intended_ns) > 3
    assert intended_ns[0] == producer.started_ns
    assert intended_ns[1:] == [
        ended + loop.think_ns(index + 1) for index, ended in enumerate(ended_ns[:-1])
    ]
    assert max(intended_ns) < producer.started_ns + loop.duration_ns
    assert producer.ended_ns is not None


def test_think_times_rest_on_the_seed_and_the_jobs_number_and_fill_their_range() -> None:
    loop = loop_of(duration_s=1.0, turn_s=1.0, think_s=1.0)
    times = [loop.think_ns(index) for index in range(1, 401)]
    assert times == [
        loop_of(duration_s=9.0, turn_s=9.0, think_s=1.0).think_ns(i + 1) for i in range(400)
    ]
    assert times != [
        loop_of(duration_s=1.0, turn_s=1.0, think_s=1.0, seed=2).think_ns(i + 1) for i in range(400)
    ]
    tenths = [sum(tenth <= t * 10 // 10**9 < tenth + 1 for t in times) for tenth in range(10)]
    assert sum(tenths) == 400
    assert min(tenths) > 20, "each tenth of the range has its share of about 40"
    assert loop.think_ns(0) == 0


def test_two_loops_of_one_run_think_differently() -> None:
    one, two = (
        ClosedLoop(duration_s=1.0, turn_s=1.0, think_s=1.0, seed=1, number=number)
        for number in (0, 1)
    )
    assert [one.think_ns(i) for i in range(1, 9)] != [two.think_ns(i) for i in range(1, 9)]


def test_a_stop_does_not_wait_for_the_think_time_to_pass(recorder: Recorder) -> None:
    loop = loop_of(duration_s=1000.0, turn_s=5.0, think_s=10_000.0)
    producer = Producer(jobs(), lambda: Queue(loop.finished), recorder, closed_loop=loop)
    producer.start(time.monotonic_ns())
    producer.stop()
    assert producer.join(5.0)
    assert producer.error is None


@pytest.mark.parametrize(("overrides", "think_s"), [([], 1.0), (["workload.think_s=0.25"], 0.25)])
def test_the_think_time_stands_in_the_resolved_scenario(
    overrides: list[str], think_s: float
) -> None:
    found = resolve_scenario("notify_latency", overrides, cores=2)
    assert found.table["workload"]["think_s"] == think_s
    assert resolve_scenario("steady_short", cores=2).table["workload"]["think_s"] is None


def test_a_second_completion_of_an_earlier_job_does_not_end_this_one_s_turn() -> None:
    loop = loop_of(duration_s=1.0, turn_s=0.1)
    loop.begin("j000001")
    loop.finished("j000000")
    assert not loop.wait(lambda: False)


def test_a_refused_job_is_not_waited_for(recorder: Recorder) -> None:
    loop = loop_of(duration_s=0.1, turn_s=60.0)
    producer = produce(loop, Queue(lambda _: None, refuse=True), recorder)
    assert producer.accepted == 0
    assert producer.stream_jobs > 1


def test_completions_and_discards_alike_finish_a_job() -> None:
    heard: list[str] = []
    tracker = Tracker(heard.append)
    tracker.observe(
        (0, 0),
        as_read(
            JobCompleted(t_ns=1, n=0, slot=0, incarnation=0, job_id="a", execution=1),
            JobDiscarded(t_ns=2, job_id="b", observed_by="hook", n=1, slot=0, incarnation=0),
        ),
    )
    assert heard == ["a", "b"]


def test_the_shipped_loop_asks_for_no_work_and_for_one_place() -> None:
    scenario = load_scenario("notify_latency", cores=2)
    job = Workload(scenario).job(7)
    assert (job.plan.length_us, job.plan.queries, job.plan.cpu_iterations) == (0, 0, 0)
    assert not scenario.effects
    assert capacity(scenario, 2).utilisation <= 1 / capacity(scenario, 2).total_concurrency + 1e-9
    assert closed_loop_of(scenario) is not None
    assert closed_loop_of(load_scenario("steady_short", cores=2)) is None


@pytest.mark.parametrize(
    ("name", "overrides", "words"),
    [
        ("steady_short", ["workload.kinds.entity_update.length_s=0"], "entity_update.length_s"),
        ("notify_latency", ["workload.curve={ shape = 'ramp', to_factor = 2 }"], "closed loop"),
        ("notify_latency", ["workload.endless=true"], "workload.endless"),
        ("notify_latency", ["workload.think_s=-1"], "workload.think_s"),
        ("steady_short", ["workload.think_s=1"], "think_s = 1: only a closed loop thinks"),
    ],
)
def test_what_a_closed_loop_is_not_is_refused(name: str, overrides: list[str], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        load_scenario(name, overrides, cores=2)

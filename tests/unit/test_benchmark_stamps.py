"""Bare and harness are compared by figures that are made of instants alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest
from pgqueuer.queries import SyncQueries

from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import Workload
from tests.benchmarks import harness_share
from tests.benchmarks.bare_run import BATCH_LIMIT, produce
from tests.benchmarks.stamps import Stamp, p99, pickup_p99_ms, stamps_of, throughput_per_s

SECOND = 1_000_000_000
MS = 1_000_000
SCENARIOS = {
    name: Path(harness_share.__file__).with_name(f"{name}.toml") for name in harness_share.SCENARIOS
}


def test_throughput_leaves_the_slow_start_and_end_out() -> None:
    steady = [Stamp(0, 0, 10 * SECOND + place * 10 * MS) for place in range(100)]
    slow = [Stamp(0, 0, SECOND), *steady[1:-1], Stamp(0, 0, 99 * SECOND)]
    assert throughput_per_s(steady) == throughput_per_s(slow) == pytest.approx(100.0)


def test_pickups_of_the_warm_up_do_not_count() -> None:
    cold = [Stamp(0, 900 * MS, 0)]
    warm = [Stamp(SECOND, SECOND + number * MS, 0) for number in range(1, 101)]
    assert pickup_p99_ms([*cold, *warm], warmup_s=1.0) == 99.0
    assert pickup_p99_ms([*cold, *warm], warmup_s=0.0) == 100.0


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (99, 99), (100, 99), (1000, 990)])
def test_p99_is_the_nearest_rank(count: int, expected: int) -> None:
    assert p99(range(count, 0, -1)) == expected


def line(kind: str, **fields: object) -> bytes:
    return msgspec.json.encode({"run_id": "r", "timestamp": "", "kind": kind, "fields": fields})


def test_a_historys_stamps_are_the_first_of_each_job() -> None:
    history = [
        line("run_start", t_ns=1, anything=[1]),
        line("job_enqueued", t_ns=11, job_id="j000000", intended_ns=10),
        line("job_started", t_ns=12, job_id="j000000"),
        line("job_completed", t_ns=13, job_id="j000000"),
        line("job_started", t_ns=22, job_id="j000000"),
        line("job_completed", t_ns=23, job_id="j000000"),
    ]
    assert stamps_of(b"\n".join(history)) == [Stamp(10, 12, 13)]
    with pytest.raises(KeyError):
        stamps_of(b"\n".join(history[:3]))


class Sent:
    """Stands where pgqueuer's queries are asked to enqueue."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, list[bytes]]] = []

    def enqueue(
        self, kinds: Sequence[str], payloads: Sequence[bytes], priorities: Sequence[int]
    ) -> None:
        assert len(kinds) == len(payloads) == len(priorities)
        self.batches.append((time.monotonic_ns(), list(payloads)))


def test_the_bare_producer_sends_each_job_once_and_none_before_it_is_due() -> None:
    jobs = list(Workload(load_scenario(str(SCENARIOS["saturated"]))).jobs())
    sent, started_ns = Sent(), time.monotonic_ns()
    produce(jobs, cast("SyncQueries", sent), started_ns)
    assert [payload for _, batch in sent.batches for payload in batch] == [j.payload for j in jobs]
    assert all(len(batch) <= BATCH_LIMIT for _, batch in sent.batches)
    due_ns = {job.payload: started_ns + job.intended_ns for job in jobs}
    assert all(due_ns[payload] <= at_ns for at_ns, batch in sent.batches for payload in batch)


def test_the_paced_workload_is_within_capacity_and_the_saturated_one_is_not() -> None:
    assert not load_scenario(str(SCENARIOS["paced"])).over_capacity
    saturated = load_scenario(str(SCENARIOS["saturated"]))
    places_s = saturated.workers.concurrency * saturated.workload.duration_s
    assert Workload(saturated).stream_jobs == 5000
    assert places_s < 5000 * 0.005, "the places alone could not carry it in the time"

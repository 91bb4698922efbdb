"""The producer at 2,000 jobs a second, through pgqueuer's own enqueue into an ephemeral server.

A bare sleeper takes turns with it: the same thread settings and the same deadlines, nothing sent.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from orchestrator.history.recorder import Recorder
from orchestrator.load.producer import Producer, set_timer_slack
from orchestrator.postgres.server import open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import PlannedJob, Workload
from tests.benchmarks.figure import Costs, Effort, Figure, absolute_time, ratio
from tests.benchmarks.stalls import watching
from tests.benchmarks.stamps import p99
from worker_child.adapters import load_adapter
from worker_child.adapters.contract import Enqueuer, Workers
from worker_child.protocol import JobEnqueued

RATE_PER_S = 2000
GRACE_NS = 50_000_000
SENT_LIMIT = 0.995
LATENESS_LIMIT = 3.0
DELAY_LIMIT_MS = 10.0
ROUNDS = {"full": 5, "quick": 2}
ROUND_S = {"full": 4, "quick": 2}
_RUN_ID = "bench-producer-pgqueuer-001"
_LEAD_NS = 100_000_000
_JOIN_LIMIT_S = 60.0
_SECOND = 1_000_000_000


class Naps:
    """Sleeps, and notes how late each sleep ended, nanoseconds."""

    def __init__(self) -> None:
        self.late_ns: list[int] = []

    def __call__(self, length_s: float) -> None:
        due_ns = time.monotonic_ns() + round(length_s * _SECOND)
        time.sleep(length_s)
        self.late_ns.append(time.monotonic_ns() - due_ns)


class Sent(msgspec.Struct, frozen=True):
    """One job of a round; instants count from the round's T = 0."""

    intended_ns: int
    sent_ns: int
    acknowledged_ns: int


def measure(effort: Effort) -> list[Figure]:
    """Shares of jobs sent in time, lateness of wake-ups, and the delay of sending."""
    adapter = load_adapter("pgqueuer")
    preset = adapter.preset("stock", Workers(1, 20, 10, 5, 1.0))
    rounds: list[Costs] = []
    sent: list[list[Sent]] = []
    jobs = list(_workload(ROUND_S[effort]).jobs())
    with (
        Janitor() as janitor,
        open_server(None, run_id=_RUN_ID, janitor=janitor) as server,
        TemporaryDirectory() as folder,
        watching() as watch,
    ):
        adapter.install(server.worker_dsn)
        for number in range(ROUNDS[effort]):
            naps, history = Naps(), Path(folder) / f"{number}.jsonl"
            enqueuer = adapter.enqueuer(server.dsn, preset, keyed=False)
            sent.append(_produce(jobs, enqueuer, naps, history))
            rounds.append(Costs(p99(naps.late_ns) / 1000, p99(_bare_sleep(jobs)) / 1000))
        tripped = watch.tripped()
    return _figures(jobs, rounds, sent, tripped=tripped)


def _workload(duration_s: int) -> Workload:
    overrides = [
        f"workload.rate_per_s={RATE_PER_S}",
        f"workload.duration_s={duration_s}",
        "workload.warmup_s=0",
        "over_capacity=true",
        "faults=[]",
        "expectations.certificates=0",
    ]
    return Workload(load_scenario("crash_recovery_short", overrides))


def _produce(jobs: Sequence[PlannedJob], connected: Enqueuer, naps: Naps, path: Path) -> list[Sent]:
    recorder = Recorder(path, _RUN_ID)
    producer = Producer(jobs, lambda: connected, recorder, sleep=naps)
    started_ns = time.monotonic_ns() + _LEAD_NS
    producer.start(started_ns)
    ended = producer.join(_JOIN_LIMIT_S)
    producer.close()
    recorder.close()
    if producer.error is not None:
        raise producer.error
    assert ended, f"the producer has not sent {len(jobs)} jobs within {_JOIN_LIMIT_S:g} s"
    return [
        Sent(
            fields.intended_ns - started_ns,
            fields.sent_ns - started_ns,
            fields.acknowledged_ns - started_ns,
        )
        for fields in _enqueued(path)
        if fields.sent_ns is not None and fields.acknowledged_ns is not None
    ]


class _Line(msgspec.Struct, tag_field="kind", tag="job_enqueued"):
    fields: JobEnqueued


def _enqueued(path: Path) -> list[JobEnqueued]:
    """Every line: any other kind would be a failed enqueue, and msgspec says so."""
    return [line.fields for line in msgspec.json.Decoder(_Line).decode_lines(path.read_bytes())]


def _bare_sleep(jobs: Sequence[PlannedJob]) -> list[int]:
    naps = Naps()

    def sleep_to_each() -> None:
        set_timer_slack()
        started_ns = time.monotonic_ns()
        for job in jobs:
            left_ns = started_ns + job.intended_ns - time.monotonic_ns()
            if left_ns > 0:
                naps(left_ns / _SECOND)

    thread = threading.Thread(target=sleep_to_each, name="bare sleeper")
    thread.start()
    thread.join(_JOIN_LIMIT_S)
    assert not thread.is_alive(), f"the sleeper has not ended within {_JOIN_LIMIT_S:g} s"
    return naps.late_ns


def _share_in_time(jobs: Sequence[PlannedJob], sent: Sequence[Sent]) -> float:
    """The worst second's share of jobs that were sent by its end and the grace."""
    planned = Counter(job.intended_ns // _SECOND for job in jobs)
    in_time = Counter(
        second
        for job in sent
        if job.sent_ns <= ((second := job.intended_ns // _SECOND) + 1) * _SECOND + GRACE_NS
    )
    return min(in_time[second] / count for second, count in planned.items())


def _figures(
    jobs: Sequence[PlannedJob], rounds: list[Costs], sent: list[list[Sent]], *, tripped: bool
) -> list[Figure]:
    shares = [_share_in_time(jobs, of_round) for of_round in sent]
    slowest_ms = max(job.acknowledged_ns - job.sent_ns for each in sent for job in each) / 1e6
    delay_ms = p99([job.sent_ns - job.intended_ns for each in sent for job in each]) / 1e6
    return [
        absolute_time(
            f"producer at {RATE_PER_S:,}/s, sent in time",
            f"{min(shares):.2%}",
            f">= {SENT_LIMIT:.1%}",
            kept=min(shares) >= SENT_LIMIT,
            tripped=tripped,
            detail=f"in the worst of {len(sent) * len(jobs) // RATE_PER_S} seconds",
        ),
        ratio("producer, lateness of wake-ups p99", rounds, LATENESS_LIMIT, unit="us"),
        absolute_time(
            "producer, intended to sent p99",
            f"{delay_ms:.2f} ms",
            f"<= {DELAY_LIMIT_MS:g} ms",
            kept=delay_ms <= DELAY_LIMIT_MS,
            tripped=tripped,
            # One sender: what falls due during a slow call waits for its end.
            detail=f"the slowest single enqueue took {slowest_ms:.0f} ms",
        ),
    ]

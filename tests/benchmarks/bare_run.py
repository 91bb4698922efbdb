"""A workload against bare pgqueuer: the same jobs at the same instants, without the harness.

Server, settings, payloads and pace are a harness's run's; everything that records, samples,
certifies or judges is missing. The only measurement is the worker's list of instants.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory

import msgspec
import psycopg
from pgqueuer.db import SyncPsycopgDriver
from pgqueuer.queries import SyncQueries

from orchestrator.load.producer import set_timer_slack
from orchestrator.postgres.server import Server, open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.run.request import workers_of
from orchestrator.scenario.load import resolve
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import PlannedJob, Workload
from tests.benchmarks import bare_worker
from tests.benchmarks.bare_worker import READY, BareOrders, Done
from tests.benchmarks.stamps import Stamp
from worker_child.adapters import load_adapter
from worker_child.paths import BENCH_SQL

LEAD_NS = 100_000_000
BATCH_LIMIT = 1000
_RUN_ID = "bench-bare-pgqueuer-001"
_READY_LIMIT_S = 30.0
_DONE_LIMIT_S = 120.0


def run_bare(scenario: Scenario, preset: str) -> list[Stamp]:
    """Carry the scenario's stream out on a server of its own; one stamp a job."""
    adapter = load_adapter("pgqueuer")
    jobs = list(Workload(scenario).jobs())
    settings = adapter.preset(preset, workers_of(resolve(scenario))).settings
    with (
        TemporaryDirectory() as folder,
        Janitor() as janitor,
        open_server(None, run_id=_RUN_ID, janitor=janitor) as server,
    ):
        adapter.install(server.worker_dsn)
        with psycopg.connect(server.worker_dsn, autocommit=True) as connection:
            connection.execute(BENCH_SQL.read_bytes())
        orders = BareOrders(
            dsn=server.worker_dsn,
            run_id=_RUN_ID,
            settings=settings,
            kinds=tuple(sorted({job.plan.kind for job in jobs})),
            pool_size=scenario.workers.pool_size,
            jobs=len(jobs),
            done_path=str(Path(folder) / "done.json"),
        )
        started_ns = _work(server, orders, jobs)
        done = msgspec.json.decode(Path(orders.done_path).read_bytes(), type=Done)
    return _stamps(jobs, started_ns, done)


def _work(server: Server, orders: BareOrders, jobs: Sequence[PlannedJob]) -> int:
    """Have all jobs done; returns T = 0."""
    with _worker(orders) as process, psycopg.connect(server.dsn, autocommit=True) as connection:
        _await_ready(process)
        started_ns = time.monotonic_ns() + LEAD_NS
        produce(jobs, SyncQueries(SyncPsycopgDriver(connection)), started_ns)
        exit_code = process.wait(_DONE_LIMIT_S)
    if exit_code:
        raise RuntimeError(f"the bare worker ended with exit code {exit_code}")
    return started_ns


@contextmanager
def _worker(orders: BareOrders) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, bare_worker.__file__]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(orders) + b"\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    if not select([process.stdout], [], [], _READY_LIMIT_S)[0]:
        raise TimeoutError(f"the bare worker was not ready within {_READY_LIMIT_S:g} s")
    said = process.stdout.read(len(READY))
    if said != READY:
        raise RuntimeError(f"the bare worker said {said!r} where {READY!r} was expected")


def produce(jobs: Sequence[PlannedJob], queries: SyncQueries, started_ns: int) -> None:
    """Send each job when it is due, and what is due together in one call."""
    set_timer_slack()
    sent = 0
    while sent < len(jobs):
        left_ns = started_ns + jobs[sent].intended_ns - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns / 1e9)
        since_ns = time.monotonic_ns() - started_ns
        some = jobs[sent : sent + BATCH_LIMIT]
        due = [job for job in some if job.intended_ns <= since_ns]
        queries.enqueue(
            [job.plan.kind for job in due], [job.payload for job in due], [0] * len(due)
        )
        sent += len(due)


def _stamps(jobs: Sequence[PlannedJob], started_ns: int, done: Done) -> list[Stamp]:
    columns = zip(done.job_ids, done.started_ns, done.completed_ns, strict=True)
    told = {job_id: instants for job_id, *instants in columns}
    assert len(told) == len(jobs), f"{len(told)} of {len(jobs)} jobs were done"
    return [Stamp(started_ns + job.intended_ns, *told[job.plan.job_id]) for job in jobs]

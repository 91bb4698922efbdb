"""pgqueuer's worker as anybody would write it: no emitter, no runtime, nothing of the harness.

Run as a file, with `BareOrders` on stdin. It says ``ready`` when its listener is up, works until it
has done as many jobs as it was told, and then writes all instants at once, as `Done`. A job does
what it does under the harness: its plan is decoded, it sleeps, and it commits its effect, which is
its business write and no part of the instrument.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.models import Job
from pgqueuer.types import QueueExecutionMode
from psycopg_pool import AsyncConnectionPool

from worker_child.adapters.pgqueuer.worker import NotifyCallback, asyncpg_dsn
from worker_child.protocol import Plan

READY = b"ready\n"
_EFFECT = "INSERT INTO bench_effect VALUES (%s, %s, %s, %s, %s)"


class BareOrders(msgspec.Struct, frozen=True):
    """What to do: `settings` are those of a preset of pgqueuer's."""

    dsn: str
    run_id: str
    settings: dict[str, Any]
    kinds: tuple[str, ...]
    pool_size: int
    jobs: int
    done_path: str
    """Where `Done` goes. Not stdout: on uvloop a busy process loses the end of a long output."""


class Done(msgspec.Struct, frozen=True):
    """One entry a job, in the order of completion; instants in nanoseconds."""

    job_ids: list[str]
    started_ns: list[int]
    completed_ns: list[int]


class ReadyDriver(AsyncpgDriver):
    """Says when the listener is up, as the harness's worker does."""

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()


async def work(orders: BareOrders) -> Done:
    """Run PgQueuer until the jobs are done."""
    settings, done = orders.settings, Done([], [], [])
    decoder = msgspec.json.Decoder(Plan)
    pool = AsyncConnectionPool(
        orders.dsn,
        kwargs={"autocommit": True},
        min_size=orders.pool_size,
        max_size=orders.pool_size,
        open=False,
    )
    application = PgQueuer(ReadyDriver(await asyncpg.connect(dsn=asyncpg_dsn(orders.dsn))))

    async def handle(job: Job) -> None:
        assert job.payload is not None
        plan = decoder.decode(job.payload)
        started_ns = time.monotonic_ns()
        await asyncio.sleep(plan.length_us / 1e6)
        async with pool.connection() as connection:
            await connection.execute(_EFFECT, (orders.run_id, plan.job_id, 0, 0, job.id))
        done.job_ids.append(plan.job_id)
        done.started_ns.append(started_ns)
        done.completed_ns.append(time.monotonic_ns())
        if len(done.job_ids) == orders.jobs:
            application.shutdown.set()

    for kind in orders.kinds:
        application.entrypoint(
            kind,
            concurrency_limit=settings["concurrency_limit"],
            on_failure=settings["on_failure"],
            executor_factory=lambda parameters: DatabaseRetryEntrypointExecutor(
                parameters,
                max_attempts=settings["retry_max_attempts"],
                initial_delay=timedelta(seconds=settings["retry_initial_delay_s"]),
                max_delay=timedelta(seconds=settings["retry_max_delay_s"]),
                backoff_multiplier=settings["retry_backoff_multiplier"],
            ),
        )(handle)
    async with pool:
        await pool.wait()
        await application.run(
            dequeue_timeout=timedelta(seconds=settings["dequeue_timeout_s"]),
            batch_size=settings["batch_size"],
            mode=QueueExecutionMode[settings["mode"]],
            max_concurrent_tasks=settings["max_concurrent_tasks"],
            shutdown_on_listener_failure=settings["shutdown_on_listener_failure"],
            heartbeat_timeout=timedelta(seconds=settings["heartbeat_timeout_s"]),
            log_aggregation_interval=timedelta(seconds=settings["log_aggregation_interval_s"]),
        )
    return done


def main() -> None:
    """Work as ordered."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=BareOrders)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        done = runner.run(work(orders))
    Path(orders.done_path).write_bytes(msgspec.json.encode(done))


if __name__ == "__main__":
    main()

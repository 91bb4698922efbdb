"""The child's side: claims jobs, has each job's body run, and says what the library decided."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from psycopg import AsyncConnection

from worker_child.body import PlannedError
from worker_child.protocol import Plan
from worker_child.runtime import Child

from .lease_queue import ClaimedJob, LeaseQueue

new_event_loop = asyncio.new_event_loop


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop; what is open then is finished."""
    # No other process bears this name: rows can be told apart by it, and by it alone.
    identity = child.init.application_name
    async with await AsyncConnection.connect(child.conninfo, autocommit=True) as connection:
        queue = LeaseQueue(connection, identity, child.init.settings["lease_s"])
        child.body.enqueue = partial(_enqueue, queue)
        child.ready(identity, library_connections=1)
        async with asyncio.TaskGroup() as beside:
            renewal = beside.create_task(_renew(queue, child.init.settings["lease_s"] / 3))
            await _serve(child, queue)
            renewal.cancel()


async def _serve(child: Child, queue: LeaseQueue) -> None:
    places = asyncio.Semaphore(child.init.concurrency)
    async with asyncio.TaskGroup() as jobs:
        while True:
            await places.acquire()
            if child.stop.is_set():
                return
            job = await queue.claim()
            if job is not None:
                jobs.create_task(_run(child, queue, job, places))
                continue
            places.release()
            with suppress(TimeoutError):
                await asyncio.wait_for(child.stop.wait(), child.init.settings["poll_s"])


async def _run(child: Child, queue: LeaseQueue, job: ClaimedJob, places: asyncio.Semaphore) -> None:
    """The handler: enter, carry out, and only then acknowledge."""
    body = child.body
    execution = body.enter(job.payload, inbox_id=str(job.id), library_attempt=job.attempts)
    try:
        await body.carry_out(execution)
    except Exception as error:  # noqa: BLE001 - what a job raises is the queue's to judge
        told = {**execution.event(), "observed_by": "executor"}
        await _fail(child, queue, job, told, error)
    else:
        await queue.acknowledge(job)
    finally:
        places.release()


async def _fail(
    child: Child, queue: LeaseQueue, job: ClaimedJob, told: dict[str, Any], error: Exception
) -> None:
    """What the library decides after a failure; your library may tell it by a hook."""
    settings = child.init.settings
    permanent = isinstance(error, PlannedError) and error.error_class == "permanent"
    if permanent or job.attempts + 1 >= settings["max_attempts"]:
        await queue.give_up(job)
        child.emitter.emit("job_discarded", told)
    else:
        delay_s = settings["retry_delay_s"] * 2**job.attempts
        await queue.retry(job, delay_s)
        child.emitter.emit("job_retried", {**told, "delay_s": delay_s})


async def _renew(queue: LeaseQueue, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await queue.renew()


async def _enqueue(
    queue: LeaseQueue, plans: Sequence[Plan], payloads: Sequence[bytes]
) -> list[str]:
    """What a coordinator fans out with."""
    ids = await queue.enqueue([plan.kind for plan in plans], payloads)
    return [str(inbox_id) for inbox_id in ids]

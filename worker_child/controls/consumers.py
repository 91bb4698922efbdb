"""A control's consumers: as many as jobs may run at once, each with a connection of its own.

What a consumer does with one job, in which order, is the control itself: its `ServeOne`. Controls
know no retries: a job that fails ends the worker, and its traceback says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier

from worker_child.controls.statements import ACKNOWLEDGE, CHANNEL
from worker_child.runtime import Child


@dataclass(frozen=True)
class ClaimedJob:
    """A row that a consumer has claimed."""

    inbox_id: int
    payload: bytes


@dataclass(frozen=True)
class Consumer:
    """Serves one job at a time. Outside a transaction each statement commits by itself."""

    child: Child
    connection: AsyncConnection[Any]

    async def claim(self, statement: Composed) -> ClaimedJob | None:
        """Claim one job by `statement`; None = there is none to be had."""
        parameters = {**self.child.init.settings, "identity": identity_of(self.child)}
        cursor = await self.connection.execute(statement, parameters)
        row = await cursor.fetchone()
        return None if row is None else ClaimedJob(*row)

    async def carry_out(self, job: ClaimedJob) -> None:
        """Run the job's handler, from started to completed."""
        body = self.child.body
        await body.carry_out(
            body.enter(job.payload, inbox_id=str(job.inbox_id), library_attempt=None)
        )

    async def acknowledge(self, jobs: Sequence[ClaimedJob]) -> None:
        """Take finished jobs out of the queue."""
        ids = [job.inbox_id for job in jobs]
        await self.connection.execute(
            ACKNOWLEDGE, {"identity": identity_of(self.child), "ids": ids}
        )


ServeOne = Callable[[Consumer], Awaitable[bool]]
"""Claim a job, carry it out, acknowledge it, in the control's own order; False = none was there."""


class WakeUp:
    """Wakes every idle consumer at once. Hold its `event` before looking for work: then none is
    missed.

    An event is used up when it is set, and another one takes its place.
    """

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def all(self) -> None:
        """Wake whoever waits for the current event."""
        self.event.set()
        self.event = asyncio.Event()


def identity_of(child: Child) -> str:
    """Under which name a worker claims: the one that it is given, else that of its sessions, which
    no other worker bears."""
    return child.init.worker_name or child.init.application_name


async def connect(child: Child) -> AsyncConnection[Any]:
    """A session of this incarnation, in autocommit."""
    return await AsyncConnection.connect(child.conninfo, autocommit=True)


async def run_consumers(child: Child, serve_one: ServeOne) -> None:
    """Serve jobs until the parent asks to stop; what is open then is finished."""
    async with AsyncExitStack() as stack:
        consumers = [
            Consumer(child, await stack.enter_async_context(await connect(child)))
            for _ in range(child.init.concurrency)
        ]
        listener = await stack.enter_async_context(await connect(child))
        await listener.execute(SQL("LISTEN {}").format(Identifier(CHANNEL)))
        child.ready(identity_of(child), library_connections=len(consumers) + 1)
        wake_up = WakeUp()
        async with asyncio.TaskGroup() as beside:
            listening = beside.create_task(_listen(listener, wake_up))
            beside.create_task(_wake_up_at_stop(child, wake_up))
            async with asyncio.TaskGroup() as work:
                for consumer in consumers:
                    work.create_task(_serve(consumer, serve_one, wake_up))
            listening.cancel()


async def _serve(consumer: Consumer, serve_one: ServeOne, wake_up: WakeUp) -> None:
    poll_s = consumer.child.init.settings["poll_s"]
    while not consumer.child.stop.is_set():
        event = wake_up.event
        if not await serve_one(consumer):
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), poll_s)


async def _listen(connection: AsyncConnection[Any], wake_up: WakeUp) -> None:
    async for _ in connection.notifies():
        wake_up.all()


async def _wake_up_at_stop(child: Child, wake_up: WakeUp) -> None:
    await child.stop.wait()
    wake_up.all()

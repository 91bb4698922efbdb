"""A control's worker: as many places as jobs may run at once, each with a connection of its own.

What a place does with one job, in which order, is the control itself: its `ServeOne`. Controls
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

from worker_child.adapters.control.statements import ACKNOWLEDGE, CHANNEL
from worker_child.runtime import Child


@dataclass(frozen=True)
class ClaimedJob:
    """A row that a place has claimed."""

    inbox_id: int
    payload: bytes


@dataclass(frozen=True)
class Place:
    """Room for one job. Outside a transaction each statement commits by itself."""

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


ServeOne = Callable[[Place], Awaitable[bool]]
"""Claim a job, carry it out, acknowledge it, in the control's own order; False = none was there."""


class Doorbell:
    """Wakes every idle place at once. Hold its `ring` before looking for work: then none is missed.

    An event is used up by its ring; the next one waits in its place.
    """

    def __init__(self) -> None:
        self.ring = asyncio.Event()

    def press(self) -> None:
        """Wake whoever waits for the ring that is now due."""
        self.ring.set()
        self.ring = asyncio.Event()


def identity_of(child: Child) -> str:
    """Under which name a worker claims: that of its sessions, which no other worker bears."""
    return child.init.application_name


async def connect(child: Child) -> AsyncConnection[Any]:
    """A session of this incarnation, in autocommit."""
    return await AsyncConnection.connect(child.conninfo, autocommit=True)


async def serve_in_places(child: Child, serve_one: ServeOne) -> None:
    """Serve jobs until the parent asks to stop; what is open then is finished."""
    async with AsyncExitStack() as stack:
        places = [
            Place(child, await stack.enter_async_context(await connect(child)))
            for _ in range(child.init.concurrency)
        ]
        listener = await stack.enter_async_context(await connect(child))
        await listener.execute(SQL("LISTEN {}").format(Identifier(CHANNEL)))
        child.ready(identity_of(child), library_connections=len(places) + 1)
        doorbell = Doorbell()
        async with asyncio.TaskGroup() as beside:
            listening = beside.create_task(_listen(listener, doorbell))
            beside.create_task(_ring_at_stop(child, doorbell))
            async with asyncio.TaskGroup() as work:
                for place in places:
                    work.create_task(_serve(place, serve_one, doorbell))
            listening.cancel()


async def _serve(place: Place, serve_one: ServeOne, doorbell: Doorbell) -> None:
    poll_s = place.child.init.settings["poll_s"]
    while not place.child.stop.is_set():
        ring = doorbell.ring
        if not await serve_one(place):
            with suppress(TimeoutError):
                await asyncio.wait_for(ring.wait(), poll_s)


async def _listen(connection: AsyncConnection[Any], doorbell: Doorbell) -> None:
    async for _ in connection.notifies():
        doorbell.press()


async def _ring_at_stop(child: Child, doorbell: Doorbell) -> None:
    await child.stop.wait()
    doorbell.press()

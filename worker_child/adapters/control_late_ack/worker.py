"""The late-acknowledging control's worker: claim by name, work; acknowledge all once a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from worker_child.adapters.control.places import (
    ClaimedJob,
    Place,
    connect,
    identity_of,
    serve_in_places,
)
from worker_child.adapters.control.statements import CLAIM_BY_NAME, FREE_PREDECESSORS
from worker_child.runtime import Child

new_event_loop = asyncio.new_event_loop


class LateAcknowledger:
    """Collects finished jobs; `place` is the desk from which they are acknowledged together."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._finished: list[ClaimedJob] = []
        self._closing = asyncio.Event()

    async def serve_one(self, place: Place) -> bool:
        """The handler has returned long before the queue is told."""
        job = await place.claim(CLAIM_BY_NAME)
        if job is None:
            return False
        await place.carry_out(job)
        self._finished.append(job)
        return True

    async def acknowledge_in_batches(self) -> None:
        """Once a period, and once more after `close`."""
        period_s = self._place.child.init.settings["acknowledge_every_s"]
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), period_s)
            batch, self._finished = self._finished, []
            await self._place.acknowledge(batch)

    def close(self) -> None:
        """No more jobs will finish."""
        self._closing.set()


async def free_predecessors(place: Place) -> None:
    """Free the claims of the slot's earlier processes; a session's name ends in its incarnation."""
    identity = identity_of(place.child)
    slot = identity.rpartition(":")[0] + ":%"
    await place.connection.execute(FREE_PREDECESSORS, {"slot": slot, "identity": identity})


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop."""
    async with await connect(child) as connection:
        desk = Place(child, connection)
        await free_predecessors(desk)
        acknowledger = LateAcknowledger(desk)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(acknowledger.acknowledge_in_batches())
            await serve_in_places(child, acknowledger.serve_one)
            acknowledger.close()

"""The late-acknowledging control's worker: claim by name, work; acknowledge all once a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from worker_child.controls.consumers import (
    ClaimedJob,
    Consumer,
    connect,
    identity_of,
    run_consumers,
)
from worker_child.controls.statements import CLAIM_BY_NAME, FREE_PREDECESSORS
from worker_child.runtime import Child


class LateAcknowledger:
    """Collects finished jobs; `acknowledging` acknowledges them together and serves none itself."""

    def __init__(self, acknowledging: Consumer) -> None:
        self._acknowledging = acknowledging
        self._finished: list[ClaimedJob] = []
        self._closing = asyncio.Event()

    async def serve_one(self, consumer: Consumer) -> bool:
        """The handler has returned long before the queue is told."""
        job = await consumer.claim(CLAIM_BY_NAME)
        if job is None:
            return False
        await consumer.carry_out(job)
        self._finished.append(job)
        return True

    async def acknowledge_in_batches(self) -> None:
        """Once a period, and once more after `close`."""
        period_s = self._acknowledging.child.init.settings["acknowledge_every_s"]
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), period_s)
            batch, self._finished = self._finished, []
            await self._acknowledging.acknowledge(batch)

    def close(self) -> None:
        """No more jobs will finish."""
        self._closing.set()


async def free_predecessors(consumer: Consumer) -> None:
    """Free the claims of the slot's earlier processes, whether they had names of their own or this
    one's; a session's name ends in its incarnation. Call before the first claim."""
    child = consumer.child
    slot = child.init.application_name.rpartition(":")[0] + ":%"
    names = {"slot": slot, "identity": identity_of(child)}
    await consumer.connection.execute(FREE_PREDECESSORS, names)


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop."""
    async with await connect(child) as connection:
        acknowledging = Consumer(child, connection)
        await free_predecessors(acknowledging)
        acknowledger = LateAcknowledger(acknowledging)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(acknowledger.acknowledge_in_batches())
            await run_consumers(child, acknowledger.serve_one)
            acknowledger.close()

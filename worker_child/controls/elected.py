"""The elected control's worker: who leads the workers frees what the dead had claimed, nobody else.

Every worker renews its claims, and the leader its office. Slot 0 is the first to lead; from then on
whoever comes first when the office has run out.
"""

from __future__ import annotations

import asyncio

from worker_child.controls.consumers import Consumer, connect, identity_of, run_consumers
from worker_child.controls.statements import CLAIM_FOR_LEASE, ELECT, FREE_EXPIRED, RENEW
from worker_child.runtime import Child


class Office:
    """What a worker does beside its jobs, in a session of its own."""

    def __init__(self, own: Consumer) -> None:
        self._own = own
        self._leads = False
        self.worked = asyncio.Event()
        """Set once the worker is ready: before that it stands for no election."""

    async def hold(self) -> None:
        """Go round until cancelled."""
        child, connection = self._own.child, self._own.connection
        settings = child.init.settings
        asked = {**settings, "identity": identity_of(child), "slot": child.init.slot}
        await self.worked.wait()
        while True:
            await connection.execute(RENEW, asked)
            elected = await (await connection.execute(ELECT, asked)).fetchone() is not None
            if elected and not self._leads:
                _note(child, "leading", "it leads the workers")
            self._leads = elected
            if elected and settings["maintains"]:
                await connection.execute(FREE_EXPIRED)
            await asyncio.sleep(settings["round_s"])

    async def serve_one(self, consumer: Consumer) -> bool:
        """Claim, work and acknowledge one job."""
        self.worked.set()
        job = await consumer.claim(CLAIM_FOR_LEASE)
        if job is None:
            return False
        await consumer.carry_out(job)
        await consumer.acknowledge([job])
        return True


def _note(child: Child, code: str, message: str) -> None:
    child.emitter.emit("note", {"code": code, "message": message})


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop."""
    async with await connect(child) as connection:
        office = Office(Consumer(child, connection))
        async with asyncio.TaskGroup() as tasks:
            held = tasks.create_task(office.hold())
            await run_consumers(child, office.serve_one)
            held.cancel()

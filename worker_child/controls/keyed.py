"""The control with unique keys, its worker: how it frees orphans whose keys others hold by then.

A key is that of one row that waits; a claimed one has none. So an orphan's key may be taken when it
is to wait again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from psycopg.errors import UniqueViolation

from worker_child.controls.consumers import Consumer, connect, identity_of, run_consumers
from worker_child.controls.statements import CLAIM_BY_NAME, FREE, ORPHANS
from worker_child.runtime import Child


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop."""
    async with await connect(child) as connection:
        rescuer = Consumer(child, connection)
        async with asyncio.TaskGroup() as tasks:
            if child.init.settings["stops_at_taken_key"]:
                await free_until_a_key_is_taken(rescuer)
            else:
                tasks.create_task(free_all(rescuer))
            await run_consumers(child, serve_one)


async def serve_one(consumer: Consumer) -> bool:
    """Claim by name, work, acknowledge."""
    job = await consumer.claim(CLAIM_BY_NAME)
    if job is None:
        return False
    await consumer.carry_out(job)
    await consumer.acknowledge([job])
    return True


async def free_all(consumer: Consumer) -> None:
    """One after the other; those whose keys are taken wait for the next round, and nobody waits
    for them."""
    child = consumer.child
    while (orphans := await _orphans(consumer)) and not child.stop.is_set():
        for orphan in orphans:
            with suppress(UniqueViolation):
                await consumer.connection.execute(FREE, (orphan,))
        with suppress(TimeoutError):
            await asyncio.wait_for(child.stop.wait(), child.init.settings["poll_s"])


async def free_until_a_key_is_taken(consumer: Consumer) -> None:
    """One after the other, and no further than the first whose key is taken: that one, and all
    behind it, are with the dead for good."""
    with suppress(UniqueViolation):
        for orphan in await _orphans(consumer):
            await consumer.connection.execute(FREE, (orphan,))


async def _orphans(consumer: Consumer) -> list[int]:
    identity = identity_of(consumer.child)
    slot = identity.rpartition(":")[0] + ":%"
    names = {"slot": slot, "identity": identity}
    rows = await (await consumer.connection.execute(ORPHANS, names)).fetchall()
    return [orphan for (orphan,) in rows]

"""A control's worker: the order in which it claims a job, works and acknowledges.

That order is the control; the init says which of them this worker is.
"""

from __future__ import annotations

import asyncio
import signal
from functools import partial

from psycopg.sql import Composed

from worker_child.controls import cache, elected, keyed, late_ack
from worker_child.controls.consumers import Consumer, run_consumers
from worker_child.controls.statements import (
    CLAIM_BY_DELETING,
    CLAIM_BY_LEASE,
    CLAIM_BY_LOCK,
    CLAIM_BY_NAME,
)
from worker_child.runtime import Child, Work

new_event_loop = asyncio.new_event_loop


async def hold(consumer: Consumer) -> bool:
    """Claim, work and acknowledge in one transaction.

    The job's effect is in the body's own connection: it can be there before the commit.
    """
    async with consumer.connection.transaction():
        return await _work_then_acknowledge(consumer, CLAIM_BY_LOCK)


async def delete_first(consumer: Consumer) -> bool:
    """At most once: the claim deletes the row, and whoever is killed then takes the job along."""
    job = await consumer.claim(CLAIM_BY_DELETING)
    if job is None:
        return False
    await consumer.carry_out(job)
    return True


async def never_rescue(consumer: Consumer) -> bool:
    """The right order, and nobody who looks after the dead."""
    return await _work_then_acknowledge(consumer, CLAIM_BY_NAME)


async def lease(consumer: Consumer) -> bool:
    """Claim for a while. The first to finish acknowledges for all who have claimed the row by then;
    else a job of many leases would never end."""
    return await _work_then_acknowledge(consumer, CLAIM_BY_LEASE)


async def _work_then_acknowledge(consumer: Consumer, claim: Composed) -> bool:
    job = await consumer.claim(claim)
    if job is None:
        return False
    await consumer.carry_out(job)
    await consumer.acknowledge([job])
    return True


CONTROLS: dict[str, Work] = {
    "control_holding": partial(run_consumers, serve_one=hold),
    "control_delete_first": partial(run_consumers, serve_one=delete_first),
    "control_never_rescues": partial(run_consumers, serve_one=never_rescue),
    "control_late_ack": late_ack.work,
    "control_short_lease": partial(run_consumers, serve_one=lease),
    "control_forking": partial(run_consumers, serve_one=lease),
    "control_elected": elected.work,
    "control_cache": cache.work,
    "control_keyed": keyed.work,
}
"""By the library's name in the init."""


async def work(child: Child) -> None:
    """Serve jobs until the parent or SIGTERM asks to stop. Raises KeyError for what is no
    control."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, child.stop.set)
    await CONTROLS[child.init.library](child)

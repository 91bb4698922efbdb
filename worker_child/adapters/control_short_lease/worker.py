"""The short-lease control's worker: claim for a while, work, acknowledge whoever claims it now."""

from __future__ import annotations

import asyncio

from worker_child.adapters.control.places import Place, serve_in_places
from worker_child.adapters.control.statements import CLAIM_BY_LEASE
from worker_child.runtime import Child

new_event_loop = asyncio.new_event_loop


async def serve_one(place: Place) -> bool:
    """The first to finish acknowledges for all; else a job of many leases would never end."""
    job = await place.claim(CLAIM_BY_LEASE)
    if job is None:
        return False
    await place.carry_out(job)
    await place.acknowledge([job])
    return True


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop."""
    await serve_in_places(child, serve_one)

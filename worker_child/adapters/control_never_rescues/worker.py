"""The never-rescuing control's worker: claim by name, work, acknowledge."""

from __future__ import annotations

import asyncio

from worker_child.adapters.control.places import Place, serve_in_places
from worker_child.adapters.control.statements import CLAIM_BY_NAME
from worker_child.runtime import Child

new_event_loop = asyncio.new_event_loop


async def serve_one(place: Place) -> bool:
    """The right order, and nobody who looks after the dead."""
    job = await place.claim(CLAIM_BY_NAME)
    if job is None:
        return False
    await place.carry_out(job)
    await place.acknowledge([job])
    return True


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop."""
    await serve_in_places(child, serve_one)

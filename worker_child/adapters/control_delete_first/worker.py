"""The delete-first control's worker: the claim deletes the row and commits, then comes the work."""

from __future__ import annotations

import asyncio

from worker_child.adapters.control.places import Place, serve_in_places
from worker_child.adapters.control.statements import CLAIM_BY_DELETING
from worker_child.runtime import Child

new_event_loop = asyncio.new_event_loop


async def serve_one(place: Place) -> bool:
    """At most once: whoever is killed from here on takes the job along."""
    job = await place.claim(CLAIM_BY_DELETING)
    if job is None:
        return False
    await place.carry_out(job)
    return True


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop."""
    await serve_in_places(child, serve_one)

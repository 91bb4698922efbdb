"""Wrong on purpose: it never says that it is ready."""

from __future__ import annotations

from worker_child.adapters.skeleton import worker as skeleton
from worker_child.runtime import Child

new_event_loop = skeleton.new_event_loop


async def work(child: Child) -> None:
    await child.stop.wait()

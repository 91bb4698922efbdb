"""Wrong on purpose: it goes on when it is asked to stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from worker_child.adapters.skeleton import worker as skeleton
from worker_child.runtime import Child

new_event_loop = skeleton.new_event_loop


async def work(child: Child) -> None:
    await skeleton.work(replace(child, stop=asyncio.Event()))

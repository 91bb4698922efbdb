"""Wrong on purpose: it goes on when it is asked to stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    await template.work(replace(child, stop=asyncio.Event()))

"""Wrong on purpose: it never says that it is ready."""

from __future__ import annotations

from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    await child.stop.wait()

"""Wrong on purpose: it takes twice as many jobs at once as it is allowed."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    init = msgspec.structs.replace(child.init, concurrency=2 * child.init.concurrency)
    await template.work(replace(child, init=init))

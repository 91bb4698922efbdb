"""Wrong on purpose: it says that it is ready, and connects after that."""

from __future__ import annotations

import asyncio
from typing import Any

from worker_child.runtime import Child
from worker_child.templates.python import worker as template

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    child.ready(child.init.application_name, library_connections=1)
    await asyncio.sleep(0.1)  # a library that looks for its schema first, for one
    await template.work(_Silent(child.init, child.emitter, child.body, child.stop))


class _Silent(Child):
    """It has been said."""

    def ready(self, identity: str, **effective: Any) -> None:
        return None

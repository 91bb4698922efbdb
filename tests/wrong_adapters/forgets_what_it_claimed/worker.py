"""Wrong on purpose: asked to stop, its queue claims once more and forgets it."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from worker_child.runtime import Child
from worker_child.templates.python import worker as template
from worker_child.templates.python.lease_queue import LeaseQueue

new_event_loop = template.new_event_loop


async def work(child: Child) -> None:
    await template.work(child)
    settings: dict[str, Any] = child.init.settings
    async with await AsyncConnection.connect(child.conninfo, autocommit=True) as connection:
        await LeaseQueue(connection, child.init.application_name, settings["lease_s"]).claim()

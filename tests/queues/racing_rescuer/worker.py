"""Serves one job at a time; in between it frees what others held for too long."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from psycopg import AsyncConnection

from worker_child.runtime import Child

from .statements import ASK_AGAIN, CLAIM, COMPLETE, FREE, OVERDUE

new_event_loop = asyncio.new_event_loop


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop; what is open then is finished."""
    identity = child.init.application_name
    async with await AsyncConnection.connect(child.conninfo, autocommit=True) as connection:
        child.ready(identity, library_connections=1)
        while not child.stop.is_set():
            await _rescue(child, connection)
            if not await _serve(child, connection, identity):
                with suppress(TimeoutError):
                    await asyncio.wait_for(child.stop.wait(), child.init.settings["poll_s"])


async def _rescue(child: Child, connection: AsyncConnection[Any]) -> None:
    overdue = await (await connection.execute(OVERDUE)).fetchall()
    if overdue:
        free = FREE + ASK_AGAIN if child.init.settings["asks_again"] else FREE
        await connection.execute(free, {"ids": [row[0] for row in overdue]})


async def _serve(child: Child, connection: AsyncConnection[Any], identity: str) -> bool:
    lease_s = child.init.settings["lease_s"]
    claim = await connection.execute(CLAIM, {"worker": identity, "lease_s": lease_s})
    row = await claim.fetchone()
    if row is None:
        return False
    id_, payload = row
    await child.body.carry_out(child.body.enter(payload, inbox_id=str(id_), library_attempt=None))
    await connection.execute(COMPLETE, {"id": id_, "worker": identity})
    return True

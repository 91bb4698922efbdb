"""What every Python worker has around its library: emitter, body, the pool, the stop."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from worker_child.body import Body, CallProvider
from worker_child.emitter import Emitter
from worker_child.lifeline import CommandStream
from worker_child.protocol import PROTOCOL_VERSION, Init


@dataclass(frozen=True)
class Child:
    """What an adapter's ``work`` is given."""

    init: Init
    emitter: Emitter
    body: Body
    stop: asyncio.Event
    """Set when the parent asks to stop: claim nothing more, finish, return."""
    leader_pid: int = field(default_factory=os.getpid)
    """The worker's first process, by which the parent knows it: this one, or who has started it."""

    @property
    def conninfo(self) -> str:
        """The DSN with this incarnation's session name in it."""
        return make_conninfo(self.init.dsn, application_name=self.init.application_name)

    def ready(self, identity: str, **effective: Any) -> None:
        """Say that the listener is up and the first claim can happen."""
        self.emitter.emit(
            "child_ready",
            {
                "pid": self.leader_pid,
                "identity": identity,
                "effective": {
                    "body_connections": self.init.pool_size,
                    "python": ".".join(map(str, sys.version_info[:3])),
                    **effective,
                },
            },
        )


Work = Callable[[Child], Awaitable[None]]


async def serve(init: Init, commands: CommandStream, work: Work) -> None:
    """Run an adapter's worker until it returns. Raises ValueError on another wire version."""
    if init.protocol != PROTOCOL_VERSION:
        raise ValueError(f"this child speaks wire version {PROTOCOL_VERSION}, not {init.protocol}")
    emitter = Emitter(
        init.event_fd,
        run_id=init.run_id,
        slot=init.slot,
        incarnation=init.incarnation,
        clock_anchor=init.clock_anchor,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    doomed = Event()
    commands.watch(partial(_stop, doomed, lambda: loop.call_soon_threadsafe(stop.set)))
    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        make_conninfo(init.dsn, application_name=init.application_name),
        kwargs={"autocommit": True},
        min_size=init.pool_size,
        max_size=init.pool_size,
        open=False,
    )
    async with pool, _provider(init) as call_provider:
        await pool.wait()
        await work(Child(init, emitter, Body(init, emitter, pool, call_provider, doomed), stop))


def _stop(doomed: Event, ask_to_stop: Callable[[], object]) -> None:
    """Leave at once where a job waits to kill this process: that one will never finish."""
    if doomed.is_set():
        os._exit(0)
    ask_to_stop()


@asynccontextmanager
async def _provider(init: Init) -> AsyncIterator[CallProvider | None]:
    if init.provider is None:
        yield None
        return
    # Here, because an HTTP client would lengthen every respawn of the runs that need none.
    from worker_child.third_party import calling

    async with calling(init.provider, init.concurrency) as call_provider:
        yield call_provider

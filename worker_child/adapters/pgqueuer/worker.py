"""pgqueuer's worker: PgQueuer as its README shows it, one entrypoint a kind of job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeGuard
from urllib.parse import quote, urlencode

import asyncpg
import psycopg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, Driver, PsycopgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.executors import (
    AbstractEntrypointExecutor,
    DatabaseRetryEntrypointExecutor,
    EntrypointExecutorParameters,
)
from pgqueuer.models import Context, Job
from pgqueuer.types import QueueExecutionMode
from psycopg.conninfo import conninfo_to_dict

from worker_child.body import Execution, PlannedError
from worker_child.protocol import Plan
from worker_child.runtime import Child

new_event_loop = uvloop.new_event_loop

Announce = Callable[[], None]
NotifyCallback = Callable[[str | bytes | bytearray], None]


class AnnouncingAsyncpgDriver(AsyncpgDriver):
    """Tells when the listener is up: the next thing pgqueuer does is its first claim."""

    def __init__(self, connection: asyncpg.Connection, announce: Announce) -> None:
        super().__init__(connection)
        self._announce = announce

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self._announce()


class AnnouncingPsycopgDriver(PsycopgDriver):
    """The same for pgqueuer's psycopg driver."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], announce: Announce) -> None:
        super().__init__(connection)
        self._announce = announce

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self._announce()


class ReportingExecutor(AbstractEntrypointExecutor):
    """pgqueuer's database retries, and a word to the parent about what they decided.

    pgqueuer has no way to say 'do not retry this one'; that a permanent error goes straight to
    the end is the adapter's choice.
    """

    def __init__(
        self, parameters: EntrypointExecutorParameters, child: Child, retries: dict[str, Any]
    ) -> None:
        super().__init__(parameters)
        self._child = child
        self._library = DatabaseRetryEntrypointExecutor(
            replace(parameters, func=self._handle), **retries
        )
        self._open: dict[int, Execution] = {}

    async def execute(self, job: Job, context: Context) -> None:
        """Called by pgqueuer for each job it has claimed."""
        try:
            await self._library.execute(job, context)
        except RetryRequested as retry:
            if is_permanent(retry.__cause__):
                self._emit("job_discarded", job)
                raise retry.__cause__ from None
            self._emit("job_retried", job, delay_s=retry.delay.total_seconds())
            raise
        except Exception:
            self._emit("job_discarded", job)
            raise
        finally:
            self._open.pop(job.id, None)

    async def _handle(self, job: Job) -> None:
        assert job.payload is not None
        body = self._child.body
        execution = body.enter(job.payload, inbox_id=str(job.id), library_attempt=job.attempts)
        self._open[job.id] = execution
        await body.carry_out(execution)

    def _emit(self, kind: str, job: Job, **fields: Any) -> None:
        execution = self._open[job.id].event()
        self._child.emitter.emit(kind, {**execution, "observed_by": "executor", **fields})


def is_permanent(error: BaseException | None) -> TypeGuard[PlannedError]:
    """Whether the job's plan said that no further attempt could help."""
    return isinstance(error, PlannedError) and error.error_class == "permanent"


async def work(child: Child) -> None:
    """Run PgQueuer until the parent asks to stop."""
    settings = child.init.settings
    application: PgQueuer

    def announce() -> None:
        child.ready(str(application.qm.queue_manager_id), library_connections=1)

    driver = await DRIVERS[settings["driver"]](child, announce)
    application = PgQueuer(driver)
    child.body.enqueue = partial(_enqueue, application)
    retries = {
        "max_attempts": settings["retry_max_attempts"],
        "initial_delay": timedelta(seconds=settings["retry_initial_delay_s"]),
        "max_delay": timedelta(seconds=settings["retry_max_delay_s"]),
        "backoff_multiplier": settings["retry_backoff_multiplier"],
    }
    for kind in child.init.kinds:
        application.entrypoint(
            kind,
            concurrency_limit=settings["concurrency_limit"],
            on_failure=settings["on_failure"],
            executor_factory=lambda parameters: ReportingExecutor(parameters, child, retries),
        )(unreachable)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_stop_when_asked(child, application))
        await application.run(
            dequeue_timeout=timedelta(seconds=settings["dequeue_timeout_s"]),
            batch_size=settings["batch_size"],
            mode=QueueExecutionMode[settings["mode"]],
            max_concurrent_tasks=settings["max_concurrent_tasks"],
            shutdown_on_listener_failure=settings["shutdown_on_listener_failure"],
            heartbeat_timeout=timedelta(seconds=settings["heartbeat_timeout_s"]),
            log_aggregation_interval=timedelta(seconds=settings["log_aggregation_interval_s"]),
        )
        child.stop.set()


async def unreachable(job: Job) -> None:
    """Stands where pgqueuer wants a function; `ReportingExecutor` puts its own in its place."""
    raise AssertionError(f"job {job.id} bypassed the executor")


async def _enqueue(
    application: PgQueuer, plans: Sequence[Plan], payloads: Sequence[bytes]
) -> list[str]:
    """What a coordinator fans out with: pgqueuer's own enqueue, on the worker's connection."""
    kinds = [plan.kind for plan in plans]
    ids = await application.qm.queries.enqueue(kinds, list(payloads), [0] * len(plans))
    return [str(inbox_id) for inbox_id in ids]


async def _stop_when_asked(child: Child, application: PgQueuer) -> None:
    await child.stop.wait()
    application.shutdown.set()


async def _connect_asyncpg(child: Child, announce: Announce) -> Driver:
    connection = await asyncpg.connect(
        dsn=asyncpg_dsn(child.init.dsn),
        server_settings={"application_name": child.init.application_name},
    )
    return AnnouncingAsyncpgDriver(connection, announce)


def asyncpg_dsn(conninfo: str) -> str:
    """A libpq connection string as the URI that asyncpg wants, with nothing left out in silence.

    Raises ValueError for a word that asyncpg does not know and that could change where or how
    safely it connects.
    """
    parts = {key: str(value) for key, value in conninfo_to_dict(conninfo).items()}
    strange = sorted(parts.keys() - ASYNCPG_WORDS - LIBPQ_ONLY_WORDS)
    if strange:
        raise ValueError(
            f"the DSN says {', '.join(strange)}, which asyncpg does not understand: leave it out, "
            "or take the preset psycopg"
        )
    known = {key: value for key, value in parts.items() if key in ASYNCPG_WORDS}
    return f"postgresql://?{urlencode(known, quote_via=quote)}"


async def _connect_psycopg(child: Child, announce: Announce) -> Driver:
    connection = await psycopg.AsyncConnection.connect(child.conninfo, autocommit=True)
    return AnnouncingPsycopgDriver(connection, announce)


ASYNCPG_WORDS = frozenset(
    {
        "dbname",
        "gsslib",
        "host",
        "krbsrvname",
        "passfile",
        "password",
        "port",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslpassword",
        "sslrootcert",
        "target_session_attrs",
        "user",
    }
)
LIBPQ_ONLY_WORDS = frozenset(
    {
        "application_name",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "tcp_user_timeout",
    }
)
"""They bear on waiting and naming only."""

DRIVERS: dict[str, Callable[[Child, Announce], Awaitable[Driver]]] = {
    "asyncpg": _connect_asyncpg,
    "psycopg": _connect_psycopg,
}

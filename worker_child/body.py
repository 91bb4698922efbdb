"""Runs one job as its plan says; every library's handler is this and nothing else.

started -> sleep, queries or CPU -> effect -> completed -> back to the library. The order is the
wire's promise: ``job_completed`` is written after the effect is durably committed and before the
handler returns, so an event proves its effect, and a missing event proves nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from worker_child.emitter import Emitter
from worker_child.protocol import ErrorClass, HoldPoint, Init, Plan

_MESSAGE_LIMIT = 500
_US_PER_S = 1_000_000

_QUERY = "SELECT (SELECT sum(amount) FROM bench_item WHERE tenant = %s), pg_sleep(%s)"
_EFFECT = "INSERT INTO bench_effect VALUES (%s, %s, %s, %s, %s)"
_FAILURE = "INSERT INTO bench_failure VALUES (%s, %s, %s, %s, %s, %s)"
_FAILURES = "SELECT count(*) FROM bench_failure WHERE run_id = %s AND job_id = %s"


class PlannedError(Exception):
    """The failure that a job's plan asks for; the adapter raises it as its library expects."""

    def __init__(self, error_class: ErrorClass) -> None:
        super().__init__(f"planned failure: {error_class}")
        self.error_class = error_class


class Execution(msgspec.Struct, frozen=True):
    """One entry into a job's handler."""

    number: int
    plan: Plan
    inbox_id: str | None

    def event(self) -> dict[str, Any]:
        """The fields that every event of this execution carries."""
        fields: dict[str, Any] = {"job_id": self.plan.job_id, "execution": self.number}
        if self.inbox_id is not None:
            fields["inbox_id"] = self.inbox_id
        return fields


class Body:
    """Interprets plans. One per child; executions are numbered from 1 and never reused."""

    def __init__(self, init: Init, emitter: Emitter, pool: AsyncConnectionPool[Any]) -> None:
        self._init = init
        self._emitter = emitter
        self._pool = pool
        self._decoder = msgspec.json.Decoder(Plan)
        self._executions = 0
        self._processor = ThreadPoolExecutor(init.concurrency, thread_name_prefix="burn")

    def enter(
        self, payload: bytes, *, inbox_id: str | None, library_attempt: int | None
    ) -> Execution:
        """Enter the handler of the job in `payload`: the pickup."""
        self._executions += 1
        execution = Execution(self._executions, self._decoder.decode(payload), inbox_id)
        started = execution.event()
        if library_attempt is not None:
            started["library_attempt"] = library_attempt
        self._emitter.emit("job_started", started)
        return execution

    async def carry_out(self, execution: Execution) -> None:
        """Do the job, from started to completed.

        Raises `PlannedError` where the plan says so; whatever else is raised is unplanned. Either
        way a ``job_failed`` has been written.
        """
        try:
            await self._hold(execution, "started")
            error_class = await self._due_failure(execution)
            await self._work(execution.plan)
            if error_class is not None:
                await self._commit_failure(execution, error_class)
                raise PlannedError(error_class)
            await self._commit_effect(execution)
            await self._hold(execution, "effect")
        except BaseException as error:
            self._emit_failed(execution, error)
            raise
        self._emitter.emit("job_completed", execution.event())
        await self._hold(execution, "completed")
        await self._hold(execution, "return")

    async def _hold(self, execution: Execution, point: HoldPoint) -> None:
        if execution.plan.hold == point and self._init.incarnation == 0:
            await asyncio.Event().wait()

    async def _work(self, plan: Plan) -> None:
        length_s = plan.length_us / _US_PER_S
        if plan.profile == "db":
            async with self._pool.connection() as connection:
                for _ in range(plan.queries):
                    await connection.execute(_QUERY, (plan.tenant, length_s / plan.queries))
        elif plan.profile == "cpu":
            await asyncio.get_running_loop().run_in_executor(
                self._processor, burn, plan.cpu_iterations
            )
        else:
            await asyncio.sleep(length_s)

    async def _due_failure(self, execution: Execution) -> ErrorClass | None:
        planned = execution.plan.fail
        if not planned:
            return None
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_FAILURES, (self._init.run_id, execution.plan.job_id))
            row = await cursor.fetchone()
        assert row is not None
        return planned[row[0]] if row[0] < len(planned) else None

    async def _commit_failure(self, execution: Execution, error_class: ErrorClass) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(_FAILURE, (*self._key(execution), error_class))

    async def _commit_effect(self, execution: Execution) -> None:
        if not self._init.effects:
            return
        async with self._pool.connection() as connection:
            await connection.execute(_EFFECT, self._key(execution))

    def _key(self, execution: Execution) -> tuple[str, str, int, int, int]:
        init = self._init
        return (
            init.run_id,
            execution.plan.job_id,
            init.slot,
            init.incarnation,
            execution.number,
        )

    def _emit_failed(self, execution: Execution, error: BaseException) -> None:
        error_class = error.error_class if isinstance(error, PlannedError) else "unplanned"
        message = f"{type(error).__name__}: {error}"[:_MESSAGE_LIMIT]
        self._emitter.emit(
            "job_failed", {**execution.event(), "error_class": error_class, "message": message}
        )


def burn(iterations: int) -> None:
    """Burn CPU off the event loop: rounds of PBKDF2-HMAC-SHA256, the same in every language.

    hashlib lets go of the interpreter's lock meanwhile, so heartbeats are not starved.
    """
    hashlib.pbkdf2_hmac("sha256", b"crashbench", b"burn", iterations)

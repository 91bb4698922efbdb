"""Runs one job as its plan says; every library's handler is this and nothing else.

started -> sleep, queries or CPU -> (death) -> fan-out -> effect -> completed -> back to the
library. The order is the wire's promise: ``job_completed`` is written after the effect is durably
committed and before the handler returns, so an event proves its effect, and a missing event proves
nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, NamedTuple

import msgspec
from psycopg_pool import AsyncConnectionPool

from worker_child.emitter import Emitter, about_execution
from worker_child.protocol import ErrorClass, HoldPoint, Init, Plan

_MESSAGE_LIMIT = 500
_US_PER_S = 1_000_000

_QUERY = "SELECT (SELECT sum(amount) FROM bench_item WHERE tenant = %s), pg_sleep(%s)"
_EFFECT = "INSERT INTO bench_effect VALUES (%s, %s, %s, %s, %s)"
_FAILURE = "INSERT INTO bench_failure VALUES (%s, %s, %s, %s, %s, %s)"
_FAILURES = "SELECT count(*) FROM bench_failure WHERE run_id = %s AND job_id = %s"


Enqueue = Callable[[Sequence[Plan], Sequence[bytes]], Awaitable[Sequence[str]]]
"""Puts jobs, given as plans and payloads, into the library's queue; returns their inbox ids."""


class Refusal(NamedTuple):
    """How a provider makes a job fail."""

    error_class: ErrorClass
    retry_after_s: float | None = None


CallProvider = Callable[[Plan, int], Awaitable[Refusal | None]]
"""Has the provider do a job's work; the number says how often the job has failed so far."""


class PlannedError(Exception):
    """The failure that a job's plan asks for; the adapter raises it as its library expects."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"planned failure: {refusal.error_class}")
        self.error_class = refusal.error_class
        self.retry_after_s = refusal.retry_after_s


class Execution(msgspec.Struct, frozen=True):
    """One entry into a job's handler."""

    number: int
    plan: Plan
    inbox_id: str | None
    about: str
    """The same fields as `event`'s, as the emitter writes them."""

    def event(self) -> dict[str, Any]:
        """The fields that every event of this execution carries."""
        fields: dict[str, Any] = {"job_id": self.plan.job_id, "execution": self.number}
        if self.inbox_id is not None:
            fields["inbox_id"] = self.inbox_id
        return fields


class Body:
    """Interprets plans. One per child; executions are numbered from 1 and never reused."""

    def __init__(
        self,
        init: Init,
        emitter: Emitter,
        pool: AsyncConnectionPool[Any],
        call_provider: CallProvider | None = None,
        doomed: Event | None = None,
    ) -> None:
        """`doomed` is set once a job waits to kill this process."""
        self._init = init
        self._emitter = emitter
        self._pool = pool
        self._call_provider = call_provider
        self._doomed = Event() if doomed is None else doomed
        self._decoder = msgspec.json.Decoder(Plan)
        self.enqueue: Enqueue | None = None
        """The library's own enqueue; set by an adapter that offers ``fan_out``."""
        self._executions = 0
        self._processor = ThreadPoolExecutor(init.concurrency, thread_name_prefix="burn")

    def enter(
        self, payload: bytes, *, inbox_id: str | None, library_attempt: int | None
    ) -> Execution:
        """Enter the handler of the job in `payload`: the pickup."""
        self._executions += 1
        plan = self._decoder.decode(payload)
        about = about_execution(plan.job_id, self._executions, inbox_id)
        execution = Execution(self._executions, plan, inbox_id, about)
        counted = "" if library_attempt is None else f',"library_attempt":{library_attempt}'
        self._emitter.tell("job_started", about + counted)
        return execution

    async def carry_out(self, execution: Execution) -> None:
        """Do the job, from started to completed.

        Raises `PlannedError` where the plan says so; whatever else is raised is unplanned. Either
        way a ``job_failed`` has been written.
        """
        try:
            await self._hold(execution, "started")
            failures = await self._failures(execution)
            refusal = await self._work(execution.plan, failures)
            if refusal is not None:
                await self._commit_failure(execution, refusal.error_class)
                raise PlannedError(refusal)
            await self._die(execution)
            await self._fan_out(execution)
            await self._commit_effect(execution)
            await self._hold(execution, "effect")
        except BaseException as error:
            self._emit_failed(execution, error)
            raise
        self._emitter.tell("job_completed", execution.about)
        await self._hold(execution, "completed")
        await self._hold(execution, "return")

    async def _hold(self, execution: Execution, point: HoldPoint) -> None:
        if execution.plan.hold == point and self._init.incarnation == 0:
            await asyncio.Event().wait()

    async def _die(self, execution: Execution) -> None:
        """Say that this job kills its process, and wait for the word to do it."""
        if execution.plan.die:
            self._doomed.set()
            self._emitter.tell("job_dying", execution.about)
            await asyncio.Event().wait()

    async def _work(self, plan: Plan, failures: int) -> Refusal | None:
        """Do the planned work; returns how the job is to fail this time, if at all."""
        if plan.profile == "external_api" and self._call_provider is not None:
            return await self._call_provider(plan, failures)
        await self._spend(plan)
        return Refusal(plan.fail[failures]) if failures < len(plan.fail) else None

    async def _spend(self, plan: Plan) -> None:
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

    async def _fan_out(self, execution: Execution) -> None:
        plans = execution.plan.children
        if not plans:
            return
        assert self.enqueue is not None, "this adapter does not offer fan_out"
        sent_ns = time.monotonic_ns()
        inbox_ids = await self.enqueue(plans, [msgspec.json.encode(plan) for plan in plans])
        acknowledged_ns = time.monotonic_ns()
        for plan, inbox_id in zip(plans, inbox_ids, strict=True):
            enqueued: dict[str, Any] = {
                "job_id": plan.job_id,
                "outcome": "accepted",
                "kind": plan.kind,
                "class": plan.job_class,
                "length_us": plan.length_us,
                "intended_ns": sent_ns,
                "sent_ns": sent_ns,
                "acknowledged_ns": acknowledged_ns,
                "inbox_id": inbox_id,
                "execution": execution.number,
            }
            if plan.tenant is not None:
                enqueued["tenant"] = plan.tenant
            self._emitter.emit("job_enqueued", enqueued)

    async def _failures(self, execution: Execution) -> int:
        """How often the job has failed so far; only asked where it is to fail at all."""
        if not execution.plan.fail:
            return 0
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_FAILURES, (self._init.run_id, execution.plan.job_id))
            row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

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
        failed = {
            **execution.event(),
            "error_class": "unplanned",
            "message": f"{type(error).__name__}: {error}"[:_MESSAGE_LIMIT],
        }
        if isinstance(error, PlannedError):
            failed["error_class"] = error.error_class
            if error.retry_after_s is not None:
                failed["retry_after_s"] = error.retry_after_s
        self._emitter.emit("job_failed", failed)


def burn(iterations: int) -> None:
    """Burn CPU off the event loop: rounds of PBKDF2-HMAC-SHA256, the same in every language.

    hashlib lets go of the interpreter's lock meanwhile, so heartbeats are not starved.
    """
    hashlib.pbkdf2_hmac("sha256", b"crashbench", b"burn", iterations)

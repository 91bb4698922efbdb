"""procrastinate's worker: an App with one task a kind of job, as its quickstart shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job
from procrastinate.retry import get_retry_strategy
from procrastinate.worker import Worker

from worker_child.body import Execution, PlannedError
from worker_child.protocol import Plan
from worker_child.runtime import Child

new_event_loop = asyncio.new_event_loop

_RESCUE = "retry_stalled_jobs"


class AnnouncingConnector(PsycopgConnector):
    """Tells when the listener is up."""

    def __init__(self, announce: Callable[[], None], **pool: Any) -> None:
        super().__init__(**pool)
        self._announce = announce

    async def _loop_notify(self, *arguments: Any, **options: Any) -> None:
        self._announce()
        await super()._loop_notify(*arguments, **options)


class ReportingStrategy(BaseRetryStrategy):
    """procrastinate's own retries, and a word to the parent about what they decided.

    procrastinate asks it when a job has failed and commits its answer next. That a permanent error
    is not retried is the adapter's choice.
    """

    def __init__(self, child: Child, retries: int) -> None:
        self._child = child
        self._library = get_retry_strategy(retries)
        self.failed: dict[int, Execution] = {}
        """By the job's row: the execution that has just failed."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Called by procrastinate with what the handler raised."""
        decision = None
        if self._library is not None and not _is_permanent(exception):
            decision = self._library.get_retry_decision(exception=exception, job=job)
        about = {**self.failed.pop(job.id).event(), "observed_by": "hook"}
        if decision is None:
            self._child.emitter.emit("job_discarded", about)
        else:
            delay_s = (decision.retry_at - datetime.now(UTC)).total_seconds()
            self._child.emitter.emit("job_retried", {**about, "delay_s": max(0.0, delay_s)})
        return decision


class Handler:
    """What every task does: the job's body."""

    def __init__(
        self, child: Child, announce: Callable[[], None], failed: dict[int, Execution]
    ) -> None:
        self._child = child
        self._announce = announce
        self._failed = failed

    async def handle(self, context: JobContext, payload: str) -> None:
        """Called by procrastinate for each job that it has claimed."""
        job, body = context.job, self._child.body
        # procrastinate claims while its listener is still connecting: a backlog comes first.
        self._announce()
        execution = body.enter(payload.encode(), inbox_id=str(job.id), library_attempt=job.attempts)
        try:
            await body.carry_out(execution)
        except BaseException:
            self._failed[job.id] = execution
            raise


def _is_permanent(error: BaseException) -> bool:
    """Whether the job's plan said that no further attempt could help."""
    return isinstance(error, PlannedError) and error.error_class == "permanent"


async def work(child: Child) -> None:
    """Run a Worker until the parent asks to stop."""
    settings = child.init.settings
    worker: Worker
    is_ready = False

    def announce() -> None:
        nonlocal is_ready
        if not is_ready:
            is_ready = True
            child.ready(str(worker.worker_id), library_connections=pool_size + 1)

    pool_size = settings["connector_pool_size"]
    application = App(
        connector=AnnouncingConnector(
            announce, conninfo=child.conninfo, min_size=pool_size, max_size=pool_size
        )
    )
    strategy = ReportingStrategy(child, settings["retry_max_attempts"])
    handle = Handler(child, announce, strategy.failed).handle
    for kind in child.init.kinds:
        application.task(name=kind, retry=strategy, pass_context=True)(handle)
    if settings["rescue_cron"] is not None:
        _add_rescue(application, settings)
    child.body.enqueue = partial(_defer, application)
    async with application.open_async(), asyncio.TaskGroup() as tasks:
        worker = Worker(
            application,
            concurrency=settings["concurrency"],
            fetch_job_polling_interval=settings["fetch_job_polling_interval_s"],
            abort_job_polling_interval=settings["abort_job_polling_interval_s"],
            listen_notify=settings["listen_notify"],
            delete_jobs=settings["delete_jobs"],
            update_heartbeat_interval=settings["update_heartbeat_interval_s"],
            stalled_worker_timeout=settings["stalled_worker_timeout_s"],
        )
        tasks.create_task(_stop_when_asked(child, worker))
        await worker.run()
        child.stop.set()


def _add_rescue(application: App, settings: dict[str, Any]) -> None:
    """The task of procrastinate's documentation ('Retry stalled jobs'), with a priority."""

    async def retry_stalled_jobs(_context: JobContext, timestamp: int) -> None:
        stalled = await application.job_manager.get_stalled_jobs(
            seconds_since_heartbeat=settings["rescue_seconds_since_heartbeat_s"]
        )
        for job in stalled:
            await application.job_manager.retry_job(job)

    task = application.task(
        name=_RESCUE,
        queueing_lock=_RESCUE,
        pass_context=True,
        priority=settings["rescue_priority"],
    )(retry_stalled_jobs)
    application.periodic(cron=settings["rescue_cron"])(task)


async def _defer(application: App, plans: Sequence[Plan], payloads: Sequence[bytes]) -> list[str]:
    """What a coordinator fans out with: procrastinate's own batch, on the worker's pool."""
    (kind,) = {plan.kind for plan in plans}
    ids = await application.configure_task(kind).batch_defer_async(
        *({"payload": payload.decode()} for payload in payloads)
    )
    return [str(inbox_id) for inbox_id in ids]


async def _stop_when_asked(child: Child, worker: Worker) -> None:
    await child.stop.wait()
    worker.stop()

"""One worker without a run: the rows before and after its claim, and what it dies of.

A run has a janitor who ends whatever outlives its parent, so whether a worker does can only be seen
outside of one. Here a parent is killed while the worker's pipes stay open, and a second worker's
stdin is closed while its parent lives: each of the two ropes has to hold by itself.
"""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.commands.conformance.held_worker import (
    HeldWorker,
    WorkerEvents,
    end_marked,
    seconds_until,
    wait_for_exit,
)
from orchestrator.commands.conformance.sightings import opened_ns, sighted
from orchestrator.history.recorder import take_anchor
from orchestrator.history.sessions import Session
from orchestrator.observe.probe import PRODUCER, Probe, parent_session_name
from orchestrator.postgres.server import Server
from orchestrator.processes import linux
from orchestrator.processes.janitor import Janitor
from orchestrator.run.request import Request, offers_of
from orchestrator.run.run import connect_producer
from orchestrator.run.run_plan import RunPlan, plan_run, worker_init
from orchestrator.run.standing import install_schema
from orchestrator.scenario.types import Limits
from orchestrator.scenario.workload import PlannedJob
from orchestrator.workers.child import RUN_VARIABLE, marked_environment
from orchestrator.workers.spawner import Spawner
from worker_child.adapters.contract import (
    Accepted,
    EnqueueResult,
    InboxRow,
    OutgoingJob,
    Preset,
    QueueCounts,
)
from worker_child.protocol import ChildReady, ClockAnchor, Init

LEAVE_LIMIT_S = 5.0
"""How long a worker may take to leave when its parent is gone."""
_START_LIMIT_S = 15.0
"""From ready until all jobs have started; they waited for the worker."""
_TAIL_CHARACTERS = 600


@dataclass(frozen=True)
class Look:
    """What the adapter says of its rows at one instant, and what SQL says."""

    counts: QueueCounts
    rows: list[InboxRow]
    some: list[InboxRow]
    """What it answers when it is asked for the first row alone."""
    sighted: set[str]
    """Jobs that some table names."""


@dataclass
class DirectEvidence:
    """What was seen; what is None was not reached."""

    preset: Preset
    version: str
    pool_size: int
    job_ids: list[str]
    results: list[EnqueueResult] = field(default_factory=list)
    waiting: Look | None = None
    """Enqueued, and no worker there."""
    ready: ChildReady | None = None
    not_ready: str = ""
    """Why no worker became ready."""
    started: set[str] = field(default_factory=set)
    """Jobs with an open execution when the rows were read for the second time."""
    claimed: Look | None = None
    sessions: list[Session] = field(default_factory=list)
    unknown_sessions: list[Session] = field(default_factory=list)
    opened_ns: list[int] = field(default_factory=list)
    """When each of the worker's sessions was opened, on the clock of its events."""
    left_after_kill_s: float | None = None
    """How long the worker outlived its killed parent; None = it had to be ended."""
    second_ready: bool = False
    eof_exit_code: int | None = None
    """With what the second worker left when its stdin ended; None = it had to be ended."""
    left_by_parent: list[str] = field(default_factory=list)
    """Command lines of what the adapter's parent's side has started and not ended."""


class Bench:
    """Carries the trial out, step by step. Call `carry_out` in the main thread."""

    def __init__(self, request: Request, server: Server, janitor: Janitor) -> None:
        self._plan: RunPlan = plan_run(request)
        self._adapter = request.adapter
        self._server = server
        self._janitor = janitor
        self._limits: Limits = request.scenario.limits
        self._workers: set[int] = set()
        """The process groups that are not the parent's side."""
        self._mark = f"conformance:{janitor.pid}:{secrets.token_hex(4)}"
        record = take_anchor()
        self._anchor = ClockAnchor(monotonic_ns=record.t_ns, wall_ns=record.wall_ns)
        self._jobs = [_held(job) for job in self._plan.workload.held()]
        self.evidence = DirectEvidence(
            preset=request.preset,
            version=request.adapter.version(),
            pool_size=request.scenario.workers.pool_size,
            job_ids=[job.job_id for job in self._jobs],
        )

    def carry_out(self) -> DirectEvidence:
        """Raises psycopg.Error where the library's own schema or enqueue fails."""
        self._janitor.mark(RUN_VARIABLE, self._mark)
        try:
            with marked_environment(self._mark):
                self._carry_out()
            self.evidence.left_by_parent = self._left_by_parent()
        finally:
            end_marked(f"{RUN_VARIABLE}={self._mark}", LEAVE_LIMIT_S)
        return self.evidence

    def _carry_out(self) -> None:
        install_schema(self._server, self._adapter)
        probe = Probe(
            self._server.dsn,
            self._plan.run_id,
            self._adapter,
            self._plan.preset,
            timeout_s=self._limits.row_read_s,
        )
        try:
            with tempfile.TemporaryDirectory(prefix="cb-conformance-") as logs:
                self._enqueue()
                self.evidence.waiting = self._look(probe)
                self._kill_the_parent(probe, Path(logs))
                if self.evidence.ready is not None:
                    self._close_stdin(Path(logs))
        finally:
            probe.close()

    def _enqueue(self) -> None:
        enqueuer = connect_producer(self._plan, self._server)
        try:
            self.evidence.results = enqueuer.enqueue(self._jobs)
        finally:
            enqueuer.close()
        if "dedup" in offers_of(self._adapter):
            # Where the keys are the client's affair, this one is a process.
            name = parent_session_name(self._plan.run_id, PRODUCER)
            dsn = make_conninfo(self._server.dsn, application_name=name)
            self._adapter.enqueuer(dsn, self._plan.preset, keyed=True).close()

    def _left_by_parent(self) -> list[str]:
        """What bears the mark outside of the workers' process groups, in the end."""

        def left() -> list[linux.Process]:
            marked = linux.living_marked(f"{RUN_VARIABLE}={self._mark}")
            return [process for process in marked if process.group not in self._workers]

        seconds_until(lambda: not left(), LEAVE_LIMIT_S)
        return [linux.command_line(process.pid) for process in left()]

    def _look(self, probe: Probe) -> Look:
        first = [
            result.inbox_id for result in self.evidence.results[:1] if isinstance(result, Accepted)
        ]
        with self._witness() as connection:
            rows = list(self._adapter.rows(connection, self._plan.preset))
            return Look(
                counts=probe.counts(),
                rows=rows,
                some=probe.rows(first),
                sighted=sighted(connection, self.evidence.job_ids),
            )

    def _witness(self) -> psycopg.Connection[Any]:
        name = parent_session_name(self._plan.run_id, "witness")
        dsn = make_conninfo(self._server.dsn, application_name=name)
        return psycopg.connect(dsn, autocommit=True)

    def _kill_the_parent(self, probe: Probe, logs: Path) -> None:
        evidence, init = self.evidence, self._init(slot=0)
        try:
            worker = HeldWorker(init, self._adapter.child_argv(), logs, self._mark)
        except OSError as error:
            evidence.not_ready = f"the worker's command could not be run: {error}"
            return
        self._workers.add(worker.pid)
        with worker:
            events = worker.events
            if not events.wait_for(lambda: events.ready is not None, self._limits.ready_s):
                evidence.not_ready = self._why_not_ready(logs, events)
                return
            evidence.ready = events.ready
            events.wait_for(lambda: len(events.started) == len(self._jobs), _START_LIMIT_S)
            evidence.started = set(events.started)
            evidence.claimed = self._look(probe)
            evidence.sessions = probe.sessions([init.application_name])
            evidence.unknown_sessions = probe.unknown_sessions()
            with self._witness() as connection:
                evidence.opened_ns = opened_ns(connection, init.application_name)
            evidence.left_after_kill_s = worker.kill_parent(LEAVE_LIMIT_S)

    def _close_stdin(self, logs: Path) -> None:
        init = self._init(slot=1)
        child = Spawner(logs, self._mark).spawn(init, self._adapter.child_argv())
        self._workers.add(child.pid)
        try:
            events = WorkerEvents(init, child.fileno())
            self.evidence.second_ready = events.wait_for(
                lambda: events.ready is not None, self._limits.ready_s
            )
            child.end_orders()
            self.evidence.eof_exit_code = wait_for_exit(child, LEAVE_LIMIT_S)
            if child.exit is None:
                child.kill()
                wait_for_exit(child, LEAVE_LIMIT_S)
        finally:
            child.close()

    def _why_not_ready(self, logs: Path, events: WorkerEvents) -> str:
        limit = f"no child_ready within {self._limits.ready_s:g} s (limits.ready_s)"
        how = "it left without a child_ready" if events.ended else limit
        said = (logs / "slot0-incarnation0.stderr").read_text(errors="replace").strip()
        return f"{how}; " + (
            f"its stderr ends: {said[-_TAIL_CHARACTERS:]}" if said else "its stderr is empty"
        )

    def _init(self, slot: int) -> Init:
        return worker_init(self._plan, self._server.worker_dsn, self._anchor, slot, 0)


def _held(job: PlannedJob) -> OutgoingJob:
    """Whatever point the scenario holds the job at: here it stops as soon as it has started."""
    plan = msgspec.structs.replace(job.plan, hold="started")
    return OutgoingJob(plan.job_id, plan.kind, msgspec.json.encode(plan))

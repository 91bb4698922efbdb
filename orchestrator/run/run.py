"""One run from its request to its finished history: the rooms it goes through, in order."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType, MappingProxyType

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchestrator.errors import DatabaseLostError, LibraryProgramError
from orchestrator.faults.rescuer_watch import RescuerWatch
from orchestrator.faults.round_trips import WATCHED, RoundTripWatch
from orchestrator.history.files import RunFiles, claim_run
from orchestrator.history.recorder import Recorder
from orchestrator.libraries.guard import GuardedAdapter
from orchestrator.load.cache_folder import cache_folder
from orchestrator.load.closed_loop import closed_loop_of
from orchestrator.load.producer_process import ProducerProcesses
from orchestrator.load.provider import provider_of
from orchestrator.observe.absence import ServerAbsence
from orchestrator.observe.bystander import Bystander
from orchestrator.observe.parts import RunParts
from orchestrator.observe.probe import PRODUCER, Probe, parent_session_name
from orchestrator.observe.sampler import Sampler
from orchestrator.postgres.server import Server, open_server
from orchestrator.postgres.sessions import demand, require_room
from orchestrator.processes import linux
from orchestrator.processes.janitor import Janitor
from orchestrator.proxy.proxy import Proxy
from orchestrator.run.request import DSN_VARIABLE, Request
from orchestrator.run.run_plan import RunPlan, plan_run, worker_init
from orchestrator.run.run_start import run_start
from orchestrator.run.standing import Standing, install_schema
from orchestrator.run.status import Status
from orchestrator.run.supervisor import Supervisor
from orchestrator.run.watchdog import Watchdog
from orchestrator.scenario.faults import Kill, KillDuringEnqueue, Stall
from orchestrator.workers.child import RUN_VARIABLE, marked_environment
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.spawner import Spawner
from orchestrator.workers.tracker import Incarnation, Tracker
from orchestrator.workers.warm import WarmProcess
from worker_child.adapters.contract import Enqueuer
from worker_child.adapters.program import ProgramFailedError
from worker_child.protocol import Init, Note


def carry_out(
    request: Request, observe: Callable[[Status], None], standing: Standing | None = None
) -> RunFiles:
    """Carry a run out; its history is complete when this returns. Call it in the main thread.

    Where a lane's `standing` is given, workers are forked from a warm process as far as that can
    be, and the database is copied from one with the library's schema; else, and wherever the start
    of a worker is measured, each is started anew.
    Raises `CrashbenchError`, or `Interrupted`; the history so far then stays as ``.partial``.
    """
    linux.become_subreaper()
    with (
        claim_run(
            request.results, request.run_id, request.resolved.digest, overwrite=request.overwrite
        ) as files,
        _interruptible() as interrupted,
        _without_the_callers_settings(request.dsn),
        Janitor() if standing is None else standing.janitor() as janitor,
    ):
        try:
            _carry_out_on_a_server(request, janitor, files, observe, interrupted, standing)
        except ProgramFailedError as error:
            raise LibraryProgramError(str(error)) from error
        except psycopg.Error as error:
            raise DatabaseLostError(f"the database failed the run: {error}") from error
        files.finish()
    return files


def _carry_out_on_a_server(
    request: Request,
    janitor: Janitor,
    files: RunFiles,
    observe: Callable[[Status], None],
    interrupted: threading.Event,
    standing: Standing | None,
) -> None:
    template = warm = None
    if standing is not None:
        # Before anything of the run marks the environment of what is started.
        warm = standing.warm.of(request.adapter.child_argv(), request.library)
        if request.dsn is not None:
            template = standing.template(request.dsn, request.library_given, request.adapter)
    with open_server(
        request.dsn,
        run_id=request.run_id,
        janitor=janitor,
        condition=request.scenario.server,
        template=template,
    ) as server:
        with psycopg.connect(server.worker_dsn, autocommit=True) as connection:
            require_room(connection, demand(request.scenario, request.preset))
        if template is None:
            install_schema(server, request.adapter)
        _record(request, server, janitor, files, observe, interrupted, warm)


def _record(
    request: Request,
    server: Server,
    janitor: Janitor,
    files: RunFiles,
    observe: Callable[[Status], None],
    interrupted: threading.Event,
    warm: WarmProcess | str | None,
) -> None:
    """`warm` = what workers are forked from, or why they are not; None = nobody asked."""
    secret = conninfo_to_dict(server.dsn).get("password")
    recorder = Recorder(files.partial, request.run_id, secret=None if not secret else str(secret))
    try:
        recorder.record(run_start(request, server, _worker_start(warm)))
        if files.moved_aside is not None:
            message = f"an unfinished run of this name was moved to {files.moved_aside.name}"
            recorder.record(Note(time.monotonic_ns(), "stale_partial", message))
        forked_from = warm if isinstance(warm, WarmProcess) else None
        _supervise(request, server, recorder, janitor, files, observe, interrupted, forked_from)
    finally:
        recorder.close()


def _worker_start(warm: WarmProcess | str | None) -> dict[str, str]:
    """How workers come to be, where that is not as ever."""
    if warm is None:
        return {}
    if isinstance(warm, str):
        return {"worker_start": "anew", "worker_start_why": warm}
    return {"worker_start": "forked"}


def _supervise(
    request: Request,
    server: Server,
    recorder: Recorder,
    janitor: Janitor,
    files: RunFiles,
    observe: Callable[[Status], None],
    interrupted: threading.Event,
    warm: WarmProcess | None,
) -> None:
    mark = f"{request.run_id}:{janitor.pid}"
    janitor.mark(RUN_VARIABLE, mark)
    with (
        marked_environment(mark),
        cache_folder(request.scenario, janitor),
        provider_of(request.resolved, janitor) as provider,
        ExitStack() as stack,
    ):
        plan = plan_run(request, provider.url if provider else None)
        closed_loop = closed_loop_of(plan.scenario)
        tracker = Tracker(closed_loop.finished if closed_loop else None)
        spawner = Spawner(files.partial_logs, mark, warm)
        proxies = {
            worker: stack.enter_context(_proxy(server, janitor)) for worker in _behind_proxies(plan)
        }
        producers = _producers_of(plan, server, janitor)
        networks = stack.enter_context(_networks_of(plan, server, janitor))
        parts = assemble(
            plan, server, recorder, tracker, spawner, janitor, proxies, networks, producers
        )
        watch = _watch(proxies, plan, parts) if proxies else None
        if watch is not None:
            stack.callback(watch.close)
        watchdog = Watchdog(
            recorder,
            parts.sampler,
            provider,
            postmaster_pid=lambda: server.postmaster_pid,
            absence=parts.absence,
            interrupted=interrupted.is_set,
            bystander=parts.bystander,
        )
        Supervisor(
            plan,
            parts,
            watchdog,
            connect=producers.connect if producers else lambda: connect_producer(plan, server),
            closed_loop=closed_loop,
            observe=observe,
            watch=watch,
            networks=networks,
        ).run()


def assemble(
    plan: RunPlan,
    server: Server,
    recorder: Recorder,
    tracker: Tracker,
    spawner: Spawner,
    janitor: Janitor,
    proxies: Mapping[Incarnation, Proxy] = MappingProxyType({}),
    networks: Mapping[int, Proxy] = MappingProxyType({}),
    producers: ProducerProcesses | None = None,
) -> RunParts:
    """Make the parts of a run; no worker is spawned yet. Raises psycopg.Error.

    `proxies` = by the worker before which it stands, `networks` by their slots before all of each;
    `producers` are there where a fault is to hit one.
    """
    limits, workers = plan.scenario.limits, plan.scenario.workers
    absence = ServerAbsence()

    def init_of(slot: int, incarnation: int) -> Init:
        dsn = server.worker_dsn
        if (proxy := proxies.get((slot, incarnation))) is not None:
            dsn = proxy.dsn(dsn)
        elif slot in networks:
            dsn = networks[slot].dsn(dsn, tcp=True)
        return worker_init(plan, dsn, recorder.clock_anchor, slot, incarnation)

    return RunParts(
        fleet=Fleet(
            spawner,
            init_of,
            plan.adapter.child_argv(),
            recorder,
            tracker,
            janitor,
            ready_s=limits.ready_s,
        ),
        tracker=tracker,
        probe=Probe(
            server.dsn, plan.run_id, plan.adapter, plan.preset, timeout_s=limits.row_read_s
        ),
        sampler=Sampler(
            server.dsn,
            plan.run_id,
            plan.adapter,
            recorder,
            worker_dsn=server.worker_dsn,
            capacity=workers.slots * workers.concurrency,
            postgres_pid=lambda: server.postmaster_pid,
            absence=absence,
        ),
        bystander=Bystander(server.dsn, plan.run_id, recorder)
        if any(fault.HAS_BYSTANDER for fault in plan.scenario.faults)
        else None,
        recorder=recorder,
        server=server,
        producers=producers,
        absence=absence,
    )


def _behind_proxies(plan: RunPlan) -> Iterator[Incarnation]:
    """The workers whose round trips are listed, or at one of which they are stopped."""
    scenario = plan.scenario
    if scenario.list_round_trips or any(fault.at_point for fault in scenario.faults):
        yield WATCHED
    for fault in scenario.faults:
        if isinstance(fault, Stall) and fault.has_rescuers_proxy:
            yield fault.rescuer_slot, 0


def _proxy(server: Server, janitor: Janitor) -> Proxy:
    folder = janitor.directory(Path(tempfile.gettempdir()))
    return Proxy(server.worker_dsn, folder, on_round_trip=None)


def _producers_of(plan: RunPlan, server: Server, janitor: Janitor) -> ProducerProcesses | None:
    """Where one is to be killed: how they are started, each in a process of its own."""
    if not any(isinstance(fault, KillDuringEnqueue) for fault in plan.scenario.faults):
        return None
    adapter = plan.adapter
    assert isinstance(adapter, GuardedAdapter), "as every request has it"
    return ProducerProcesses(
        lambda dsn: adapter.enqueuer_process(dsn, plan.preset, keyed=_keyed(plan)),
        _producers_dsn(plan, server),
        janitor.directory(Path(tempfile.gettempdir())),
        session_name=parent_session_name(plan.run_id, PRODUCER),
    )


@contextmanager
def _networks_of(plan: RunPlan, server: Server, janitor: Janitor) -> Iterator[dict[int, Proxy]]:
    """Where a fault harms the network: what stands before the workers of each of its slots."""
    parts = [part for fault in plan.scenario.faults if fault.needs_network for part in fault.each]
    with ExitStack() as stack:
        yield {
            slot: stack.enter_context(_proxy(server, janitor))
            for slot in sorted({slot for part in parts for slot in part.slots})
        }


def _watch(proxies: Mapping[Incarnation, Proxy], plan: RunPlan, parts: RunParts) -> RoundTripWatch:
    fault = next((f for f in plan.scenario.faults if f.at_point is not None), None)
    rescuer = None
    if isinstance(fault, Stall) and fault.has_rescuers_proxy:
        rescuer = RescuerWatch(proxies[fault.rescuer_slot, 0], fault.rescuer_at)
    return RoundTripWatch(
        proxies[WATCHED],
        parts.fleet,
        parts.tracker,
        parts.recorder,
        parts.probe,
        point=None if fault is None else fault.at_point,
        listing=plan.scenario.list_round_trips,
        deliver_within_s=fault.deliver_within_s if isinstance(fault, Kill) else None,
        rescuer=rescuer,
    )


def connect_producer(plan: RunPlan, server: Server) -> Enqueuer:
    """Open a session that enqueues, under the name by which it is known. Raises psycopg.Error."""
    return plan.adapter.enqueuer(_producers_dsn(plan, server), plan.preset, keyed=_keyed(plan))


def _producers_dsn(plan: RunPlan, server: Server) -> str:
    name = parent_session_name(plan.run_id, PRODUCER)
    return make_conninfo(server.dsn, application_name=name)


def _keyed(plan: RunPlan) -> bool:
    workload = plan.scenario.workload
    return workload.dedup is not None or workload.cache is not None


@contextmanager
def _without_the_callers_settings(dsn: str | None) -> Iterator[None]:
    """What the caller's environment says to libpq would change what is measured.

    A server given by DSN may need it. The DSN itself may hold a password and goes to nobody.
    """
    unwanted = {
        name: value
        for name, value in os.environ.items()
        if name == DSN_VARIABLE or (dsn is None and name.startswith("PG"))
    }
    for name in unwanted:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(unwanted)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """SIGINT and SIGTERM end the run in good order; a second one ends the process at once."""
    interrupted = threading.Event()
    wanted = (signal.SIGINT, signal.SIGTERM)

    def note(number: int, _frame: FrameType | None) -> None:
        if interrupted.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        interrupted.set()

    before = {number: signal.signal(number, note) for number in wanted}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

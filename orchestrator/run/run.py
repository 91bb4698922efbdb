"""One run from its request to its finished history: the rooms it goes through, in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from orchestrator.errors import (
    AdapterError,
    DatabaseLostError,
    LibraryProgramError,
    NotOfferedError,
    UnknownNameError,
)
from orchestrator.history.files import RunFiles, claim_run
from orchestrator.history.recorder import Recorder
from orchestrator.history.records import HISTORY_VERSION, RunStart
from orchestrator.libraries.build import require_built
from orchestrator.libraries.library import Library, find_library
from orchestrator.libraries.origin import told_with_origin
from orchestrator.load.provider import provider_of
from orchestrator.postgres.server import Server, open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.processes.subreaper import become_subreaper
from orchestrator.run import environment
from orchestrator.run.forecast import Outlook, look_ahead
from orchestrator.run.run_plan import Orders, Status
from orchestrator.run.supervisor import Supervisor
from orchestrator.scenario.capacity import longest_length_s
from orchestrator.scenario.job_kinds import needed_offers
from orchestrator.scenario.load import resolved, scenario_digest
from orchestrator.scenario.reader import nearest_and_all
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import Workload
from orchestrator.workers.child import RUN_VARIABLE, Spawner, marked_environment
from worker_child.adapters.contract import (
    Adapter,
    Offering,
    Preset,
    UnusableWorkersError,
    Workers,
)
from worker_child.adapters.program import ProgramFailedError
from worker_child.paths import BENCH_SQL
from worker_child.protocol import Note

DSN_VARIABLE = "CRASHBENCH_DSN"


@dataclass(frozen=True)
class Request:
    """What the user asked for, every name checked."""

    scenario: Scenario
    library: str
    library_given: str
    """What finds the library again: its name, or the path of its folder."""
    adapter: Adapter
    preset: Preset
    ordinal: int
    dsn: str | None
    results: Path
    overwrite: bool
    adapter_sha256: str | None = None
    """Of an outside adapter's folder; None = a bundled one."""

    @property
    def run_id(self) -> str:
        """The same request has the same name, always."""
        return f"{self.scenario.name}-{self.library}-{self.preset.name}-{self.ordinal:03d}"

    def outlook(self) -> Outlook:
        """What the run will be like."""
        return look_ahead(self.scenario, self.preset)


def make_request(
    scenario: Scenario,
    *,
    library: str,
    preset: str | None,
    ordinal: int,
    dsn: str | None,
    results: Path,
    overwrite: bool,
) -> Request:
    """Resolve library and preset. Raises `UnknownNameError` with the names there are,
    `NotOfferedError` where the library cannot do what the scenario needs, `LibraryNotBuiltError`
    where its worker is not there, `AdapterError` where the adapter itself fails, and
    `ManifestError` or `AdapterImportError` of an adapter that is kept elsewhere."""
    found = find_library(library)
    adapter = found.load()
    _check_offers(scenario, found.name, adapter)
    name = preset or (scenario.preset if scenario.preset in adapter.presets else "stock")
    if name not in adapter.presets:
        raise UnknownNameError(
            f"{found.name} has no preset {name!r}; {nearest_and_all(name, adapter.presets)}"
        )
    chosen = _preset(found, adapter, name, scenario)
    require_built(found)
    return Request(
        scenario=scenario,
        library=found.name,
        library_given=found.given,
        adapter=adapter,
        preset=chosen,
        ordinal=ordinal,
        dsn=dsn,
        results=results,
        overwrite=overwrite,
        adapter_sha256=found.sha256(),
    )


def workers_of(scenario: Scenario) -> Workers:
    """What an adapter is told of the scenario."""
    settings = scenario.workers
    return Workers(
        settings.slots,
        settings.concurrency,
        settings.pool_size,
        settings.max_attempts,
        longest_length_s(scenario.workload),
    )


def _preset(library: Library, adapter: Adapter, name: str, scenario: Scenario) -> Preset:
    workers = workers_of(scenario)
    try:
        return adapter.preset(name, workers)
    except UnusableWorkersError as error:
        raise UnknownNameError(f"workers of {scenario.name}: {error}") from error
    except Exception as error:
        raise AdapterError(
            f"{library.name}'s adapter failed in preset({name!r}, {workers}): "
            f"{told_with_origin(error, library.folder)}. A preset that it names has to resolve"
        ) from error


def _check_offers(scenario: Scenario, library: str, adapter: Adapter) -> None:
    offers = _offers(adapter)
    missing = [offer for offer in needed_offers(scenario.workload) if offer not in offers]
    if missing:
        raise NotOfferedError(
            f"not offered: {scenario.name} needs {' and '.join(missing)}, which {library}'s "
            "adapter does not offer. Nothing was started"
        )


def _offers(adapter: Adapter) -> dict[str, str]:
    return {str(k): v for k, v in adapter.offers.items()} if isinstance(adapter, Offering) else {}


def carry_out(request: Request, observe: Callable[[Status], None]) -> RunFiles:
    """Carry a run out; its history is complete when this returns. Call it in the main thread.

    Raises `CrashbenchError`, or `Interrupted`; the history so far then stays as ``.partial``.
    """
    become_subreaper()
    digest = scenario_digest(request.scenario)
    with (
        claim_run(request.results, request.run_id, digest, overwrite=request.overwrite) as files,
        _interruptible() as interrupted,
        _without_the_callers_settings(request.dsn),
        Janitor() as janitor,
        open_server(request.dsn, run_id=request.run_id, janitor=janitor) as server,
    ):
        try:
            furnish(server, request.adapter)
            _record(request, server, janitor, files, observe, interrupted)
        except ProgramFailedError as error:
            raise LibraryProgramError(str(error)) from error
        except psycopg.Error as error:
            raise DatabaseLostError(f"the database failed the run: {error}") from error
        files.finish()
    return files


def _record(
    request: Request,
    server: Server,
    janitor: Janitor,
    files: RunFiles,
    observe: Callable[[Status], None],
    interrupted: threading.Event,
) -> None:
    secret = conninfo_to_dict(server.dsn).get("password")
    recorder = Recorder(files.partial, request.run_id, secret=None if not secret else str(secret))
    try:
        recorder.record(_run_start(request, server))
        if files.moved_aside is not None:
            message = f"an unfinished run of this name was moved to {files.moved_aside.name}"
            recorder.record(Note(time.monotonic_ns(), "stale_partial", message))
        _supervise(request, server, recorder, janitor, files, observe, interrupted)
    finally:
        recorder.close()


def _supervise(
    request: Request,
    server: Server,
    recorder: Recorder,
    janitor: Janitor,
    files: RunFiles,
    observe: Callable[[Status], None],
    interrupted: threading.Event,
) -> None:
    mark = f"{request.run_id}:{janitor.pid}"
    janitor.mark(RUN_VARIABLE, mark)
    with marked_environment(mark), provider_of(request.scenario, janitor) as provider:
        Supervisor(
            orders_of(request, provider.url if provider else None),
            dsn=server.dsn,
            worker_dsn=server.worker_dsn,
            postmaster_pid=server.postmaster_pid,
            recorder=recorder,
            janitor=janitor,
            spawner=Spawner(files.partial_logs, mark),
            provider=provider,
            observe=observe,
            interrupted=interrupted.is_set,
        ).run()


def orders_of(request: Request, provider_url: str | None = None) -> Orders:
    """What a supervisor is told of a request."""
    return Orders(
        run_id=request.run_id,
        scenario=request.scenario,
        library=request.library,
        adapter=request.adapter,
        preset=request.preset,
        ordinal=request.ordinal,
        workload=Workload(request.scenario),
        longest_length_s=request.outlook().capacity.longest_length_s,
        provider_url=provider_url,
    )


def furnish(server: Server, adapter: Adapter) -> None:
    """Put the library's schema and the jobs' tables into the empty database, as the workers."""
    adapter.install(server.worker_dsn)
    with psycopg.connect(server.worker_dsn, autocommit=True) as connection:
        connection.execute(BENCH_SQL.read_bytes())


def _run_start(request: Request, server: Server) -> RunStart:
    scenario, preset = request.scenario, request.preset
    machine = environment.describe(request.results)
    postgres = server.description
    table = resolved(scenario)
    comparable: dict[str, Any] = {
        "scenario": {
            key: table[key] for key in ("workload", "workers", "faults", "effects", "limits")
        },
        "library": request.library,
        "library_version": request.adapter.version(),
        "adapter_sha256": request.adapter_sha256,
        "settings": preset.settings,
        "postgres": {key: value for key, value in postgres.items() if key != "measured"},
        "history_version": HISTORY_VERSION,
        "code": machine["code"],
        "python": machine["python"],
        "packages": machine["packages"],
        "kernel": machine["kernel"],
    }
    return RunStart(
        t_ns=time.monotonic_ns(),
        history_version=HISTORY_VERSION,
        scenario_name=scenario.name,
        library=request.library,
        preset=preset.name,
        ordinal=request.ordinal,
        seed=scenario.seed,
        scenario=scenario,
        scenario_sha256=scenario_digest(scenario),
        settings=preset.settings,
        library_version=request.adapter.version(),
        rescue=preset.rescue,
        acknowledges_in_transaction=preset.acknowledges_in_transaction,
        periods_s=preset.periods_s,
        environment={**machine, "postgres": postgres},
        cell_hash=environment.cell_hash(comparable),
        parity=dict(preset.parity),
        adapter_sha256=request.adapter_sha256,
        offers=_offers(request.adapter),
        needs=tuple(needed_offers(scenario.workload)),
        planned_stream_jobs=_planned_stream_jobs(scenario),
    )


def _planned_stream_jobs(scenario: Scenario) -> int | None:
    """None where the run cuts the stream: a closed loop sends as many as finish in time."""
    return None if scenario.workload.closed_loop else Workload(scenario).stream_jobs


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

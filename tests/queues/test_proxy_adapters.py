"""A worker of each bundled library behind the proxy: nothing is changed, everything is understood.

What a real worker says, between two wiretaps that have to hear the same; pgproto3 of pgx, which is
not ours, has to find the same messages in it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.commands.conformance.held_worker import WorkerEvents, wait_for_exit
from orchestrator.history.recorder import take_anchor
from orchestrator.libraries.library import find_library
from orchestrator.postgres.server import Server
from orchestrator.proxy.proxy import Proxy
from orchestrator.run.request import make_request
from orchestrator.run.run import connect_producer
from orchestrator.run.run_plan import RunPlan, plan_run, worker_init
from orchestrator.run.standing import install_schema
from orchestrator.scenario.load import load_scenario
from orchestrator.workers.spawner import Spawner
from tests.conftest import Database
from tests.process.proxied import Diary
from tests.process.wire_oracle import (
    Direction,
    build_oracle,
    by_our_framer,
    by_pgproto3,
    is_session,
)
from tests.process.wiretap import Wiretap
from tests.toolchain import need_built
from worker_child.adapters import LIBRARIES
from worker_child.adapters.contract import OutgoingJob
from worker_child.protocol import ClockAnchor

pytestmark = [pytest.mark.database, pytest.mark.slow]

JOBS = 12
READY_LIMIT_S = 60.0
PRESETS = [
    ("pgqueuer", "stock"),
    ("pgqueuer", "psycopg"),
    ("pgqueuer", "tuned"),
    ("river", "tuned"),
    ("river", "transactional"),
    ("platform_lib", "tuned"),
    ("graphile_worker", "tuned"),
    ("procrastinate", "tuned"),
    *((library, "stock") for library in LIBRARIES if library.startswith("control")),
]


def test_every_bundled_library_is_here() -> None:
    assert {library for library, _ in PRESETS} == set(LIBRARIES)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_oracle(tmp_path_factory.mktemp("oracle"))


@pytest.fixture
def server_of_test(database: Database) -> Server:
    """The test's own database, as a run sees its server."""
    return Server(database.dsn, database.worker_dsn, {}, None, maintenance_dsn=database.dsn)


def planned(library: str, preset: str, folder: Path) -> RunPlan:
    scenario = load_scenario("crash_recovery_short")
    request = make_request(
        scenario,
        library=library,
        preset=preset,
        ordinal=1,
        dsn=None,
        results=folder,
        overwrite=False,
    )
    return plan_run(request)


def enqueue(plan: RunPlan, server: Server) -> set[str]:
    """Put in short jobs; their ids."""
    jobs = []
    for planned_job in plan.workload.jobs():
        plan_of_job = msgspec.structs.replace(planned_job.plan, length_us=2000)
        jobs.append(
            OutgoingJob(plan_of_job.job_id, plan_of_job.kind, msgspec.json.encode(plan_of_job))
        )
        if len(jobs) == JOBS:
            break
    enqueuer = connect_producer(plan, server)
    enqueuer.enqueue(jobs)
    enqueuer.close()
    return {job.job_id for job in jobs}


def work(plan: RunPlan, dsn: str, wanted: set[str], logs: Path) -> None:
    """Have a worker take all jobs, then ask it to leave, as a run does in the end."""
    record = take_anchor()
    anchor = ClockAnchor(monotonic_ns=record.t_ns, wall_ns=record.wall_ns)
    init = worker_init(plan, dsn, anchor, 0, 0)
    logs.mkdir()
    child = Spawner(logs, "test").spawn(init, plan.adapter.child_argv())
    try:
        events = WorkerEvents(init, child.fileno())
        assert events.wait_for(lambda: events.started >= wanted, READY_LIMIT_S), (
            logs / "slot0-incarnation0.stderr"
        ).read_text()
        child.stop()
        assert events.wait_for(lambda: False, READY_LIMIT_S) is False
        assert wait_for_exit(child, READY_LIMIT_S) == 0
    finally:
        if child.exit is None:
            child.kill()
            wait_for_exit(child, READY_LIMIT_S)
        child.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("library", "preset"), PRESETS, ids="-".join)
def test_what_a_worker_says_passes_byte_for_byte_and_is_understood(
    library: str, preset: str, server_of_test: Server, oracle: Path, tmp_path: Path
) -> None:
    if find_library(library).build is not None:
        need_built(library)
    server, diary = server_of_test, Diary()
    plan = planned(library, preset, tmp_path)
    install_schema(server, plan.adapter)
    wanted = enqueue(plan, server)
    upstream = str(conninfo_to_dict(server.worker_dsn)["host"])
    with (
        Wiretap(tmp_path / "far", upstream) as far,
        Proxy(far.dsn(server.worker_dsn), tmp_path / "p", on_round_trip=diary) as proxy,
        Wiretap(tmp_path / "near", str(tmp_path / "p")) as near,
    ):
        work(plan, near.dsn(server.worker_dsn), wanted, tmp_path / "logs")
        heard = near.heard()
        assert heard == far.heard()
        assert proxy.facts().unexplained == 0
    assert len(diary.statements()) > JOBS
    streams: list[tuple[Direction, bytes]] = []
    for sent, answered in heard:
        streams += [("F", sent), ("B", answered)] if is_session(sent) else []
    expected = [by_our_framer(direction, stream) for direction, stream in streams]
    assert by_pgproto3(oracle, tmp_path, streams) == expected
    assert no_effect_is_missing(server, wanted)


def no_effect_is_missing(server: Server, wanted: set[str]) -> bool:
    with psycopg.connect(server.dsn) as connection:
        rows = connection.execute("SELECT job_id FROM bench_effect").fetchall()
    return {row[0] for row in rows} >= wanted

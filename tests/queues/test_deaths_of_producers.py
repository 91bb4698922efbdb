"""A process that enqueues is killed in the middle of a batch, on queues whose answer is known."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analysis.summary.types import Summary
from orchestrator.faults import table
from orchestrator.faults.producers import Producer
from orchestrator.faults.targets import Reach
from orchestrator.libraries.guard import guard
from orchestrator.libraries.library import find_library
from orchestrator.postgres.server import Server
from orchestrator.scenario.faults import Fault, KillDuringEnqueue
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.triggered import Triggered
from tests.conftest import Database
from tests.queues.one_run import summary_of_run
from worker_child.adapters.contract import Accepted, OutgoingJob, Rejected, Workers
from worker_child.adapters.enqueuer_process import EnqueuerLostError

pytestmark = [pytest.mark.database, pytest.mark.every_fault, pytest.mark.timeout(180)]

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
WORKERS = Workers(1, 2, 1, 5, 1.0)


def carry(
    server: Server, results: Path, library: str, *faults: Fault, gone_s: float = 10.0
) -> Summary:
    whole = load_scenario(str(SCENARIO))
    scenario = msgspec.structs.replace(
        whole,
        faults=faults,
        limits=msgspec.structs.replace(whole.limits, sessions_gone_s=gone_s),
        expectations=msgspec.structs.replace(
            whole.expectations, certificates=len(faults), never_seen=None
        ),
    )
    return summary_of_run(scenario, library=library, preset=None, dsn=server.dsn, results=results)


@pytest.mark.slow
def test_a_queue_has_a_batch_once_or_not_at_all_by_where_its_producer_died(
    server: Server, tmp_path: Path
) -> None:
    after = KillDuringEnqueue(at_s=0.5)
    before = KillDuringEnqueue(at_s=1.5, side="before")
    summary = carry(server, tmp_path, "control_short_lease", after, before)
    assert summary.verdict == "pass", summary.reasons
    jobs, crash = summary.jobs, summary.crash
    assert crash.certificates == 2 and jobs.recovered >= 1 and jobs.not_enqueued >= 1
    assert jobs.enqueued + jobs.not_enqueued == 60
    assert (jobs.completed_once, jobs.lost, jobs.duplicated) == (jobs.enqueued, 0, 0)
    first, second = [text for text in summary.findings if text.startswith("Kill during enqueue")]
    assert "when the server had taken its batch, and before it was told so" in first
    assert "before the server was given its batch" in second


@pytest.mark.slow
def test_a_producer_that_is_not_killed_makes_the_run_invalid(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(reach: Reach, victim: Producer, fault: int) -> int:
        return time.monotonic_ns()

    row = replace(table.TABLE[KillDuringEnqueue], inject=nothing)
    without: dict[type[Triggered], table.Row] = {**table.TABLE, KillDuringEnqueue: row}
    monkeypatch.setattr(table, "TABLE", without)
    fault = KillDuringEnqueue(at_s=0.5)
    summary = carry(server, tmp_path, "control_short_lease", fault, gone_s=0.5)
    assert summary.verdict == "invalid"
    assert "the producer was not reaped" in " ".join(summary.reasons)
    # Its batch went through: it was let go, and nothing of it stands still.
    assert summary.jobs.completed_once == 60


@pytest.mark.parametrize("library", ["pgqueuer", "control_holding"])
def test_a_producer_that_is_a_process_enqueues_as_its_adapter_does(
    database: Database, library: str
) -> None:
    adapter = guard(find_library(library))
    adapter.install(database.worker_dsn)
    preset = adapter.preset("stock", WORKERS)
    dsn = make_conninfo(database.dsn, application_name="cb:test:producer")
    enqueuer = adapter.enqueuer_process(dsn, preset, keyed=False)
    payload = b'{"job_id": "j1"}'
    try:
        (taken,) = enqueuer.enqueue([OutgoingJob("j1", "entity_update", payload)])
        assert isinstance(taken, Accepted)
        assert enqueuer.enqueue([]) == []
        with psycopg.connect(database.dsn) as connection:
            (row,) = adapter.rows(connection, preset)
        assert (row.job_id, row.inbox_id, row.state) == ("j1", taken.inbox_id, "queued")
    finally:
        enqueuer.close()
    assert enqueuer.exit_status == 0


def test_what_the_server_refuses_is_rejected_and_what_it_does_not_answer_is_lost(
    database: Database,
) -> None:
    adapter = guard(find_library("control_holding"))
    adapter.install(database.worker_dsn)
    dsn = make_conninfo(database.dsn, application_name="cb:test:producer")
    enqueuer = adapter.enqueuer_process(dsn, adapter.preset("stock", WORKERS), keyed=False)
    job = OutgoingJob("j1", "entity_update", b"{}")
    try:
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            connection.execute("ALTER TABLE control_job RENAME TO gone")
            (refused,) = enqueuer.enqueue([job])
            assert isinstance(refused, Rejected) and "control_job" in refused.error
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'cb:test:producer'"
            )
        with pytest.raises(EnqueuerLostError, match="did not answer 1 jobs"):
            enqueuer.enqueue([job])
    finally:
        enqueuer.close()

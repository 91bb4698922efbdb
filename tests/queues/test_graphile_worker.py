"""graphile-worker's adapter: its rows as its own functions leave them, its keys, its dead pools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from analysis.summary.summary import write_summary
from orchestrator.postgres.server import Server
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from tests.conftest import Database
from tests.toolchain import need_built
from worker_child.adapters.contract import (
    Accepted,
    Deduplicated,
    OutgoingJob,
    Preset,
    UnusableWorkersError,
    Workers,
)
from worker_child.adapters.graphile_worker.inbox import (
    GraphileWorkerAdapter,
    GraphileWorkerEnqueuer,
)

pytestmark = [pytest.mark.database, pytest.mark.slow]

WORKERS = Workers(slots=1, concurrency=10, pool_size=5, max_attempts=2, longest_length_s=1.0)
FOUR_HOURS_S = 4 * 3600


@pytest.fixture(autouse=True, scope="module")
def _its_worker() -> None:
    need_built("graphile_worker")


@pytest.fixture
def adapter(database: Database) -> GraphileWorkerAdapter:
    installed = GraphileWorkerAdapter()
    installed.install(database.worker_dsn)
    return installed


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.worker_dsn, autocommit=True) as opened:
        yield opened


@pytest.fixture
def enqueuer(
    adapter: GraphileWorkerAdapter, database: Database
) -> Iterator[GraphileWorkerEnqueuer]:
    opened = adapter.enqueuer(database.worker_dsn, preset("stock"), keyed=False)
    yield opened
    opened.close()


def preset(name: str) -> Preset:
    return GraphileWorkerAdapter().preset(name, WORKERS)


def job(number: int, key: str | None = None) -> OutgoingJob:
    return OutgoingJob(f"j{number}", "entity_update", b'{"job_id": "j%d"}' % number, key)


def claim(connection: psycopg.Connection, inbox_id: str, pool: str) -> None:
    """What graphile-worker's getJob does to a row."""
    connection.execute(
        "UPDATE graphile_worker._private_jobs SET attempts = attempts + 1, locked_by = %s,"
        " locked_at = now() WHERE id = %s",
        (pool, inbox_id),
    )


def fail(connection: psycopg.Connection, inbox_id: str) -> None:
    """What its failJob does."""
    connection.execute(
        "UPDATE graphile_worker._private_jobs SET last_error = 'no', locked_by = NULL,"
        " locked_at = NULL, run_at = now() + interval '1 minute' WHERE id = %s",
        (inbox_id,),
    )


def test_jobs_are_added_each_into_its_own_row_and_a_listener_hears_of_them(
    adapter: GraphileWorkerAdapter,
    enqueuer: GraphileWorkerEnqueuer,
    connection: psycopg.Connection,
) -> None:
    connection.execute('LISTEN "jobs:insert"')
    results = enqueuer.enqueue([job(n) for n in range(3)])
    heard = [notify.channel for notify in connection.notifies(timeout=10, stop_after=1)]
    rows = {row.job_id: row.inbox_id for row in adapter.rows(connection, preset("stock"))}
    assert results == [Accepted(rows[f"j{n}"]) for n in range(3)]
    assert heard == ["jobs:insert"]


def test_a_key_is_taken_once_also_while_its_job_runs_and_the_answer_says_by_which_row(
    adapter: GraphileWorkerAdapter,
    enqueuer: GraphileWorkerEnqueuer,
    connection: psycopg.Connection,
) -> None:
    first, second, other = enqueuer.enqueue([job(0, "a"), job(1, "a"), job(2, "b")])
    assert isinstance(first, Accepted) and isinstance(other, Accepted)
    assert second == Deduplicated(into=first.inbox_id)
    claim(connection, first.inbox_id, "pool-1")
    assert enqueuer.enqueue([job(3, "a")]) == [Deduplicated(into=first.inbox_id)]
    assert {row.job_id for row in adapter.rows(connection, preset("stock"))} == {"j0", "j2"}


def test_rows_are_told_as_the_library_left_them(
    adapter: GraphileWorkerAdapter,
    enqueuer: GraphileWorkerEnqueuer,
    connection: psycopg.Connection,
) -> None:
    ids = [
        result.inbox_id
        for result in enqueuer.enqueue([job(n) for n in range(5)])
        if isinstance(result, Accepted)
    ]
    done, dead, retrying, claimed, _queued = ids
    connection.execute("DELETE FROM graphile_worker._private_jobs WHERE id = %s", (done,))
    for _ in range(2):
        claim(connection, dead, "pool-1")
        fail(connection, dead)
    claim(connection, retrying, "pool-1")
    fail(connection, retrying)
    claim(connection, claimed, "pool-2")

    states = {row.job_id: row.state for row in adapter.rows(connection, preset("stock"))}
    (held,) = adapter.rows(connection, preset("stock"), [])
    (freed_at_once,) = adapter.rows(connection, preset("tuned"), [])
    counts = adapter.counts(connection)

    assert states == {"j1": "dead", "j2": "retrying", "j3": "claimed", "j4": "queued"}
    assert (held.inbox_id, held.claimed_by, held.library_attempt) == (claimed, "pool-2", 1)
    assert held.claimable_in_s == pytest.approx(FOUR_HOURS_S, abs=10)
    assert freed_at_once.claimable_in_s == 0
    assert (counts.queued, counts.claimed, counts.retrying, counts.dead) == (1, 1, 1, 1)


def test_a_pool_of_one_connection_is_refused() -> None:
    alone = Workers(slots=1, concurrency=1, pool_size=1, max_attempts=5, longest_length_s=1.0)
    with pytest.raises(UnusableWorkersError, match="its listener would take for good"):
        GraphileWorkerAdapter().preset("stock", alone)


@pytest.mark.timeout(180)
def test_the_application_frees_exactly_what_a_kill_left(server: Server, tmp_path: Path) -> None:
    """Eight are held after their completion and four as they had started."""
    request = make_request(
        load_scenario("crash_recovery_exact"),
        library="graphile_worker",
        preset="tuned",
        ordinal=1,
        dsn=server.dsn,
        results=tmp_path,
        overwrite=False,
    )
    summary = write_summary(carry_out(request, lambda _: None).history)
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert summary.crash.duplicates_by_crash == 8
    assert summary.crash.re_executions == 12

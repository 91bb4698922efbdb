"""procrastinate's adapter: what it tells of rows is what procrastinate's own functions did."""

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
    InboxRow,
    OutgoingJob,
    Preset,
    Workers,
)
from worker_child.adapters.procrastinate.inbox import ProcrastinateAdapter

pytestmark = [pytest.mark.database, pytest.mark.slow]

WORKERS = Workers(slots=1, concurrency=10, pool_size=5, max_attempts=5, longest_length_s=1.0)


@pytest.fixture(autouse=True, scope="module")
def its_environment() -> None:
    need_built("procrastinate")


@pytest.fixture
def adapter(database: Database) -> ProcrastinateAdapter:
    installed = ProcrastinateAdapter()
    installed.install(database.worker_dsn)
    return installed


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.worker_dsn, autocommit=True) as opened:
        yield opened


def job(number: int, key: str | None = None) -> OutgoingJob:
    return OutgoingJob(f"j{number}", "entity_update", b'{"job_id": "j%d"}' % number, key)


def preset(name: str) -> Preset:
    return ProcrastinateAdapter().preset(name, WORKERS)


def register(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT * FROM procrastinate_register_worker_v1()").fetchone()
    assert row is not None
    return int(row[0])


def claim(connection: psycopg.Connection, worker: int) -> str:
    """As a worker does; returns the row's id."""
    row = connection.execute(
        "SELECT id::text FROM procrastinate_fetch_job_v2(NULL, %s)", (worker,)
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_jobs_are_enqueued_in_order_and_a_listener_hears_of_each(
    adapter: ProcrastinateAdapter, database: Database, connection: psycopg.Connection
) -> None:
    connection.execute("LISTEN procrastinate_any_queue_v1")
    enqueuer = adapter.enqueuer(database.worker_dsn, preset("stock"), keyed=False)
    results = enqueuer.enqueue([job(n) for n in range(3)])
    enqueuer.close()
    heard = [notify.payload for notify in connection.notifies(timeout=10, stop_after=3)]
    rows = list(adapter.rows(connection, preset("stock")))
    assert results == [Accepted(row.inbox_id) for row in rows]
    assert [row.job_id for row in rows] == ["j0", "j1", "j2"]
    assert len(heard) == 3


def test_a_queueing_lock_holds_while_its_job_waits_and_no_longer(
    adapter: ProcrastinateAdapter, database: Database, connection: psycopg.Connection
) -> None:
    enqueuer = adapter.enqueuer(database.worker_dsn, preset("stock"), keyed=False)
    first, second, other = enqueuer.enqueue([job(0, "a"), job(1, "a"), job(2, "b")])
    claim(connection, register(connection))
    (third,) = enqueuer.enqueue([job(3, "a")])
    enqueuer.close()
    assert isinstance(first, Accepted) and isinstance(other, Accepted)
    assert second == Deduplicated(into=None)
    assert isinstance(third, Accepted)


def test_rows_are_told_as_procrastinates_functions_left_them(
    adapter: ProcrastinateAdapter, database: Database, connection: psycopg.Connection
) -> None:
    enqueuer = adapter.enqueuer(database.worker_dsn, preset("stock"), keyed=False)
    enqueuer.enqueue([job(n) for n in range(5)])
    enqueuer.close()
    worker = register(connection)
    done, failed, retried, claimed = (claim(connection, worker) for _ in range(4))
    connection.execute("SELECT procrastinate_finish_job_v1(%s, 'succeeded', false)", (done,))
    connection.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", (failed,))
    connection.execute("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", (retried,))
    connection.execute(
        "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('default', 'retry_stalled_jobs', 100, NULL, "
        "'retry_stalled_jobs', '{\"timestamp\": 1}', NULL)::procrastinate_job_to_defer_v1])"
    )

    states = {row.inbox_id: row.state for row in adapter.rows(connection, preset("stock"))}
    (held,) = (row for row in adapter.rows(connection, preset("tuned"), []))
    counts = adapter.counts(connection)

    assert list(states.values()) == ["done", "dead", "retrying", "claimed", "queued"]
    assert states[claimed] == "claimed"
    assert (held.inbox_id, held.claimed_by, held.library_attempt) == (claimed, str(worker), 0)
    assert held.claimable_in_s is not None and -10 < held.claimable_in_s <= 3
    assert (counts.queued, counts.claimed, counts.retrying, counts.dead) == (1, 1, 1, 1)


def test_a_holder_whom_a_starting_worker_has_deleted_is_remembered(
    adapter: ProcrastinateAdapter, database: Database, connection: psycopg.Connection
) -> None:
    enqueuer = adapter.enqueuer(database.worker_dsn, preset("stock"), keyed=False)
    enqueuer.enqueue([job(0)])
    enqueuer.close()
    dead = register(connection)
    row = claim(connection, dead)

    def read() -> InboxRow:
        (held,) = adapter.rows(connection, preset("tuned"), [])
        return held

    before = read()
    connection.execute("DELETE FROM procrastinate_workers")
    pruned = read()
    connection.execute("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", (row,))
    claim(connection, register(connection))
    connection.execute("DELETE FROM procrastinate_workers")
    claimed_anew = read()

    assert before.claimed_by == pruned.claimed_by == str(dead)
    assert pruned.claimable_in_s == 0
    assert claimed_anew.claimed_by is None


@pytest.mark.timeout(180)
def test_the_application_rescue_brings_back_exactly_what_a_kill_left(
    server: Server, tmp_path: Path
) -> None:
    """Eight are held after their completion and four as they had started."""
    request = make_request(
        load_scenario("crash_recovery_exact"),
        library="procrastinate",
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

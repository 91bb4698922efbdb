"""platform-lib's parent side against its store's schema, and what its own pushes leave there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Database
from tests.toolchain import need_built
from worker_child.adapters.contract import (
    CACHE_FOLDER_VARIABLE,
    Accepted,
    Asking,
    Deduplicated,
    InboxRow,
    OutgoingJob,
    Preset,
    Rejected,
    Served,
    Workers,
)
from worker_child.adapters.platform_lib.inbox import PlatformLibAdapter
from worker_child.cached_result import bytes_of
from worker_child.protocol import CachedResult, Plan

pytestmark = [pytest.mark.database, pytest.mark.timeout(120)]


@pytest.fixture
def adapter() -> PlatformLibAdapter:
    return PlatformLibAdapter()


@pytest.fixture
def preset(adapter: PlatformLibAdapter) -> Preset:
    return adapter.preset("stock", Workers(1, 20, 10, 7, 1.0))


@pytest.fixture
def inbox(adapter: PlatformLibAdapter, database: Database) -> Iterator[psycopg.Connection]:
    """The harness's connection to a database with the store's schema."""
    adapter.install(database.worker_dsn)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        yield connection


def job(job_id: str, dedup_key: str | None = None) -> OutgoingJob:
    plan = Plan(job_id, "entity_update", "external_api", length_us=1000)
    return OutgoingJob(job_id, plan.kind, msgspec.json.encode(plan), dedup_key)


def named(dsn: str) -> str:
    return make_conninfo(dsn, application_name="cb:test:producer")


def test_jobs_arrive_in_their_order_and_listeners_are_told_once(
    adapter: PlatformLibAdapter, preset: Preset, inbox: psycopg.Connection, database: Database
) -> None:
    inbox.execute("LISTEN messages")
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=False)) as enqueuer:
        taken = enqueuer.enqueue([job(f"j{number}") for number in range(50)])
    told = [note.payload for note in inbox.notifies(timeout=0.5)]
    assert len(told) == 1
    message = msgspec.json.decode(told[0])
    assert message["NotifyType"] == 1
    assert len(message["NotifyGuid"]) == 36
    rows = {row.job_id: row.inbox_id for row in adapter.rows(inbox, preset)}
    assert [rows[f"j{number}"] for number in range(50)] == [
        answer.inbox_id for answer in taken if isinstance(answer, Accepted)
    ]
    assert sorted(rows.values(), key=int) == [rows[f"j{number}"] for number in range(50)]


def test_each_state_of_a_row_is_told_in_our_words(
    adapter: PlatformLibAdapter, preset: Preset, inbox: psycopg.Connection, database: Database
) -> None:
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=False)) as enqueuer:
        enqueuer.enqueue([job(f"j{number}") for number in range(4)])
    inbox.execute("INSERT INTO queue_permit (worker) VALUES ('cb:x:0:1')")
    inbox.execute("UPDATE queue SET permit = 1, attempts = 2 WHERE id = 2")
    inbox.execute("UPDATE queue SET attempts = 1, failures = 1 WHERE id = 3")
    inbox.execute(
        "WITH gone AS (DELETE FROM queue WHERE id = 4 RETURNING *) INSERT INTO queue_dead "
        "SELECT id, name, type, address, item, 7, 7, 0, 'it broke', now() FROM gone"
    )
    rows = {row.job_id: row for row in adapter.rows(inbox, preset)}
    assert [rows[f"j{number}"].state for number in range(4)] == [
        *("queued", "claimed", "retrying", "dead")
    ]
    assert rows["j1"] == InboxRow("j1", "2", "claimed", "cb:x:0:1", 2)
    assert rows["j3"] == InboxRow("j3", "4", "dead", None, 7)
    counts = adapter.counts(inbox)
    assert (counts.queued, counts.claimed, counts.retrying, counts.dead) == (1, 1, 1, 1)
    asked = sorted(row.job_id or "" for row in adapter.rows(inbox, preset, ["4"]))
    assert asked == ["j1", "j3"], "that row, and every claimed one"


def test_a_push_of_the_librarys_leaves_the_row_that_ours_does(
    adapter: PlatformLibAdapter, preset: Preset, inbox: psycopg.Connection, database: Database
) -> None:
    need_built("platform_lib")
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=False)) as enqueuer:
        enqueuer.enqueue([job("ours")])
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=True)) as client:
        (by_library,) = client.enqueue([job("theirs")])
    assert by_library == Accepted("2")
    ours, theirs = inbox.execute(
        "SELECT to_jsonb(queue) - '{id,item,created_at,due_at}'::text[] FROM queue ORDER BY id"
    ).fetchall()
    assert ours == theirs


def test_an_address_is_taken_once_at_a_time(
    adapter: PlatformLibAdapter, preset: Preset, inbox: psycopg.Connection, database: Database
) -> None:
    need_built("platform_lib")
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=True)) as enqueuer:
        assert enqueuer.enqueue([job("j0", "k0"), job("j1", "k1")]) == [
            Accepted("1"),
            Accepted("2"),
        ]
        assert enqueuer.enqueue([job("j2", "k1"), job("j3", "k3")])[0] == Deduplicated(into=None)
        inbox.execute("DELETE FROM queue WHERE address = 'k1'")
        assert isinstance(enqueuer.enqueue([job("j4", "k1")])[0], Accepted)
        sessions = inbox.execute(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = current_user "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        assert sessions == [("cb:test:producer",)]
        inbox.execute("ALTER TABLE queue RENAME TO elsewhere")
        (refused,) = enqueuer.enqueue([job("j5", "k5")])
        assert isinstance(refused, Rejected)


def test_a_caller_is_served_the_file_of_an_address_or_waits_for_its_row_to_end(
    adapter: PlatformLibAdapter,
    preset: Preset,
    inbox: psycopg.Connection,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need_built("platform_lib")
    monkeypatch.setenv(CACHE_FOLDER_VARIABLE, str(tmp_path))
    content = bytes_of(CachedResult("a1", "0123456789abcdef", 1000))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a1").write_bytes(content)
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=True)) as caller:
        assert isinstance(caller, Asking)
        hit = caller.ask(job("j1", "a1"), give_up_s=10, stopped=lambda: False)
        assert (hit.outcome, hit.enqueued) == ("hit", None)
        assert hit.served == Served.of(content)
        miss = caller.ask(job("j2", "a2"), give_up_s=0.2, stopped=lambda: False)
        assert (miss.outcome, miss.enqueued, miss.served) == ("miss", Accepted("1"), None)
        joined = caller.ask(job("j3", "a2"), give_up_s=0.2, stopped=lambda: False)
        assert (joined.outcome, joined.enqueued) == ("joined", Deduplicated(into=None))
        assert "deadline exceeded" in joined.error
    assert [row.job_id for row in adapter.rows(inbox, preset)] == ["j2"]


def test_the_version_is_of_the_library_that_was_built_in(adapter: PlatformLibAdapter) -> None:
    need_built("platform_lib")
    assert adapter.version().split()[0] == "4.2.0"

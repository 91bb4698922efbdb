"""River's parent side against a real River schema: what it writes, and what it reads back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Database
from tests.toolchain import need_built
from worker_child.adapters.contract import (
    Accepted,
    Deduplicated,
    InboxRow,
    OutgoingJob,
    Preset,
    Rejected,
    Workers,
)
from worker_child.adapters.river.inbox import RiverAdapter
from worker_child.protocol import Plan

pytestmark = [pytest.mark.database, pytest.mark.timeout(120)]

SET = "UPDATE river_job SET {} WHERE id = {}"


@pytest.fixture
def adapter() -> RiverAdapter:
    need_built("river")
    return RiverAdapter()


@pytest.fixture
def preset(adapter: RiverAdapter) -> Preset:
    return adapter.preset("stock", Workers(1, 20, 10, 7, 1.0))


@pytest.fixture
def inbox(adapter: RiverAdapter, database: Database) -> Iterator[psycopg.Connection]:
    """The harness's connection to a database with River's schema."""
    adapter.install(database.worker_dsn)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        yield connection


def job(job_id: str, dedup_key: str | None = None) -> OutgoingJob:
    plan = Plan(job_id, "entity_update", "external_api", length_us=1000)
    return OutgoingJob(job_id, plan.kind, msgspec.json.encode(plan), dedup_key)


def named(dsn: str) -> str:
    return make_conninfo(dsn, application_name="cb:test:producer")


def test_the_version_is_of_the_library_that_was_built_in(adapter: RiverAdapter) -> None:
    assert adapter.version() == "0.51.1"


def test_a_job_arrives_as_river_itself_would_have_written_it_and_listeners_are_told(
    adapter: RiverAdapter, preset: Preset, inbox: psycopg.Connection, database: Database
) -> None:
    inbox.execute('LISTEN "public.river_insert"')
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=False)) as enqueuer:
        taken = enqueuer.enqueue([job(f"j{number}") for number in range(50)])
    assert all(isinstance(answer, Accepted) for answer in taken)
    (told,) = inbox.notifies(timeout=5.0, stop_after=1)
    assert told.payload == '{"queue":"default"}'

    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=True)) as client:
        (by_river,) = client.enqueue([job("r")])
    assert isinstance(by_river, Accepted)
    ours, theirs = inbox.execute(
        "SELECT to_jsonb(river_job) - '{id,args,created_at,scheduled_at}'::text[] FROM river_job "
        "WHERE args #>> '{plan,job_id}' IN ('j0', 'r') ORDER BY id"
    ).fetchall()
    assert ours == theirs
    rows = {row.job_id: row.inbox_id for row in adapter.rows(inbox, preset)}
    assert [rows[f"j{number}"] for number in range(50)] == [
        answer.inbox_id for answer in taken if isinstance(answer, Accepted)
    ]


def test_each_state_of_a_row_is_told_in_our_words(
    adapter: RiverAdapter, preset: Preset, inbox: psycopg.Connection, database: Database
) -> None:
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=False)) as enqueuer:
        enqueuer.enqueue([job(f"j{number}") for number in range(8)])
    done = "finalized_at = now(), state"
    for row, change in enumerate(
        (
            "attempt = 0",
            "state = 'running', attempt = 2, attempted_at = now() - interval '600 s', "
            "attempted_by = '{cb:x:0:0,cb:x:0:1}'",
            "state = 'retryable', attempt = 1",
            "attempt = 1",
            f"{done} = 'completed', attempt = 1, attempted_by = '{{cb:x:0:0}}'",
            f"{done} = 'discarded', attempt = 7",
            f"{done} = 'cancelled', attempt = 1",
            "state = 'scheduled'",
        ),
        start=1,
    ):
        inbox.execute(SET.format(change, row))
    rows = {row.job_id: row for row in adapter.rows(inbox, preset)}
    assert [rows[f"j{number}"].state for number in range(8)] == [
        *("queued", "claimed", "retrying", "retrying", "done", "dead", "dead", "queued")
    ]
    claimed = rows["j1"]
    assert (claimed.claimed_by, claimed.library_attempt) == ("cb:x:0:1", 2)
    assert claimed.claimable_in_s == pytest.approx(3000, abs=5)
    assert rows["j4"] == InboxRow("j4", "5", "done", None, 1, None)
    counts = adapter.counts(inbox)
    assert (counts.queued, counts.claimed, counts.retrying, counts.dead) == (2, 1, 2, 2)
    asked = adapter.rows(inbox, preset, ["1"])
    assert [row.job_id for row in asked] == ["j0", "j1"], "that row, and every claimed one"


def test_a_key_is_taken_once_and_the_answer_names_the_row(
    adapter: RiverAdapter, preset: Preset, inbox: psycopg.Connection, database: Database
) -> None:
    with closing(adapter.enqueuer(named(database.dsn), preset, keyed=True)) as enqueuer:
        assert enqueuer.enqueue([job("j0", "k0"), job("j1", "k1")]) == [
            Accepted("1"),
            Accepted("2"),
        ]
        first, fresh = enqueuer.enqueue([job("j2", "k1"), job("j3", "k3")])
        assert first == Deduplicated(into="2")
        assert isinstance(fresh, Accepted)
        inbox.execute(SET.format("state = 'completed', finalized_at = now()", 2))
        assert enqueuer.enqueue([job("j4", "k1")]) == [Deduplicated(into="2")]
        sessions = inbox.execute(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = current_user "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        assert sessions == [("cb:test:producer",)]
        inbox.execute("ALTER TABLE river_job RENAME TO elsewhere")
        (refused,) = enqueuer.enqueue([job("j5", "k5")])
        assert isinstance(refused, Rejected)
        assert "river_job" in refused.error

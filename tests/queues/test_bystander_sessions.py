"""A bystander in a real database: each transaction is told of, those that fail as well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import cast

import psycopg
import pytest

from orchestrator.history.recorder import Recorder
from orchestrator.history.records import HistoryRecord
from orchestrator.observe.bystander import Bystander
from orchestrator.observe.probe import parent_session_name
from orchestrator.postgres.server import Server
from worker_child.protocol import Note

pytestmark = [pytest.mark.database, pytest.mark.timeout(60)]

RUN = "a-bystander-001"
LIMIT_S = 30.0


class Notes:
    """Takes the place of a recorder."""

    def __init__(self) -> None:
        self.kept: list[Note] = []
        self._more = threading.Condition()

    def record(self, record: HistoryRecord) -> None:
        assert isinstance(record, Note)
        with self._more:
            self.kept.append(record)
            self._more.notify_all()

    def wait_for(self, count: int, *, failed: bool = False) -> None:
        def there() -> bool:
            return sum(("error" in note.detail) is failed for note in self.kept) >= count

        with self._more:
            assert self._more.wait_for(there, LIMIT_S), self.kept


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def bystander(server: Server, notes: Notes) -> Iterator[Bystander]:
    made = Bystander(server.dsn, RUN, cast("Recorder", notes))
    yield made
    made.stop()
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE crashbench_bystander")


def test_every_transaction_has_a_note_from_its_begin_to_its_commit(
    server: Server, notes: Notes, bystander: Bystander
) -> None:
    bystander.start()
    notes.wait_for(3)
    bystander.stop()
    assert all(note.code == "bystander" for note in notes.kept)
    assert all(note.detail["sent_ns"] < note.t_ns for note in notes.kept)
    with psycopg.connect(server.dsn) as connection:
        row = connection.execute("SELECT value FROM crashbench_bystander").fetchone()
    assert row == (len(notes.kept),)
    assert bystander.error is None


def test_one_whose_session_is_ended_says_so_and_goes_on_with_another(
    server: Server, notes: Notes, bystander: Bystander
) -> None:
    bystander.start()
    notes.wait_for(1)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
            (parent_session_name(RUN, "bystander"),),
        )
    notes.wait_for(1, failed=True)
    done = len(notes.kept)
    notes.wait_for(done + 1)
    assert bystander.error is None

"""Fixtures of the tests of real processes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestrator.processes import linux
from orchestrator.proxy.proxy import Proxy
from tests.conftest import Database
from tests.process.crew import LIMIT_S, Crew, MakeCrew

_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def make_crew(tmp_path: Path) -> Iterator[MakeCrew]:
    made: list[Crew] = []

    def make(behaviour: str, ready_s: float = LIMIT_S) -> Crew:
        made.append(Crew(tmp_path, behaviour, ready_s))
        return made[-1]

    yield make
    for crew in made:
        crew.close()


@pytest.fixture
def _subreaper() -> Iterator[None]:
    linux.become_subreaper()
    yield
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


@pytest.fixture
def table_t(database: Database) -> None:
    """An empty table ``t`` in the test's own database."""
    with psycopg.connect(database.worker_dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int)")


@pytest.fixture
def proxy(database: Database, tmp_path: Path) -> Iterator[Proxy]:
    """One before the test's own database."""
    with Proxy(database.worker_dsn, tmp_path / "p") as opened:
        yield opened

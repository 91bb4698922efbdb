"""Fixtures of the tests of whole commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.postgres.server import Server
from tests.acceptance.room import Room
from tests.short_folder import short_folder


@pytest.fixture
def room(tmp_path: Path, server: Server) -> Iterator[Room]:
    with short_folder() as temporary:
        made = Room(tmp_path / "results", temporary, make_conninfo(server.dsn, dbname="postgres"))
        yield made
        made.assert_nothing_left()

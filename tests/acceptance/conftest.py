"""Fixtures of the tests of whole commands."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from orchestrator.postgres.server import Server
from tests.acceptance.room import Room


@pytest.fixture
def room(tmp_path: Path, server: Server) -> Iterator[Room]:
    temporary = Path(tempfile.mkdtemp(prefix="cbt-", dir="/tmp"))
    temporary.chmod(0o711)
    made = Room(tmp_path / "results", temporary, make_conninfo(server.dsn, dbname="postgres"))
    yield made
    made.assert_nothing_left()
    shutil.rmtree(temporary)

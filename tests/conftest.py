"""A real PostgreSQL for the tests: one server a session, an empty database for each test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import settings
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from orchestrator.postgres.server import DATABASE, WORKER_ROLE, Server, open_server
from orchestrator.processes.janitor import Janitor
from tests.examples import EVERYDAY, PROFILE_VARIABLE

settings.load_profile(os.environ.get(PROFILE_VARIABLE, EVERYDAY))


@dataclass(frozen=True)
class Database:
    """An empty database of one test's own: the harness's conninfo and the workers'."""

    name: str
    dsn: str
    worker_dsn: str


@pytest.fixture(scope="session")
def janitor() -> Iterator[Janitor]:
    """The session's janitor; whatever it cannot clear is an error of the session."""
    with_janitor = Janitor()
    yield with_janitor
    assert with_janitor.close() == []


@pytest.fixture(scope="session")
def server(janitor: Janitor) -> Iterator[Server]:
    """The session's ephemeral server. Its database `DATABASE` is the template: leave it alone."""
    with open_server(None, run_id="tests", janitor=janitor) as opened:
        yield opened


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A fresh copy of the template, owned by the workers' role, dropped after the test."""
    name = f"test_{secrets.token_hex(5)}"
    maintenance = make_conninfo(server.dsn, dbname="postgres")
    create = SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
        Identifier(name), Identifier(DATABASE), Identifier(WORKER_ROLE)
    )
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(create)
    yield Database(
        name=name,
        dsn=make_conninfo(server.dsn, dbname=name),
        worker_dsn=make_conninfo(server.worker_dsn, dbname=name),
    )
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

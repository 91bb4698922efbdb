"""What a lane keeps from run to run: a database to copy, and a janitor that clears after each."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any, cast

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from orchestrator.postgres.server import Server, open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.run.standing import Standing, install_schema
from worker_child.adapters import load_adapter
from worker_child.adapters.contract import Adapter

pytestmark = pytest.mark.database

LIMIT_S = 30.0
_SLEEPER = "import time; time.sleep(1000)"
_CONTENT = """
SELECT relname::text, relkind::text, relpersistence::text, relnatts::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind <> 't'
UNION ALL SELECT proname, 'function', md5(prosrc), pronargs::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT tgname, 'trigger', tgrelid::regclass::text, tgtype::text FROM pg_trigger
WHERE NOT tgisinternal
UNION ALL SELECT typname, 'type', typtype::text, '' FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
UNION ALL SELECT extname, 'extension', extversion, '' FROM pg_extension
ORDER BY 1, 2, 3, 4
"""


class SetsForTheDatabase:
    """An adapter whose schema is more than what a copy of the database holds."""

    def __init__(self, statement: str) -> None:
        self._statement = statement

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            name = Identifier(connection.info.dbname)
            connection.execute(SQL(self._statement).format(name))


def databases(server: Server) -> set[str]:
    """Those of runs."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'crashbench\\_%'"
        return {name for (name,) in connection.execute(query)}


def content(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(_CONTENT).fetchall()


@pytest.mark.parametrize("library", ["pgqueuer", "control_holding"])
def test_a_copy_holds_what_an_installation_makes_and_goes_with_its_run(
    server: Server, library: str
) -> None:
    adapter, before = load_adapter(library), databases(server)
    with Standing() as standing:
        template = standing.template(server.dsn, library, adapter)
        assert template is not None
        assert standing.template(server.dsn, library, adapter) == template
        with standing.janitor() as janitor:
            copied = open_server(server.dsn, run_id="a", janitor=janitor, template=template)
            anew = open_server(server.dsn, run_id="b", janitor=janitor)
            install_schema(anew, adapter)
            assert content(copied.dsn) == content(anew.dsn)
            assert len(databases(server)) == len(before) + 3
        assert template in databases(server)
        with standing.janitor() as janitor:
            open_server(server.dsn, run_id="a", janitor=janitor, template=template)
    assert databases(server) == before


@pytest.mark.parametrize(
    "statement",
    ["ALTER DATABASE {} SET work_mem = '8MB'", "REVOKE CONNECT ON DATABASE {} FROM PUBLIC"],
)
def test_a_schema_that_sets_something_for_its_database_is_not_copied(
    server: Server, statement: str
) -> None:
    adapter = cast("Adapter", SetsForTheDatabase(statement))
    with Standing() as standing:
        assert standing.template(server.dsn, "sets", adapter) is None


def test_a_lane_that_is_killed_leaves_no_database(server: Server) -> None:
    before = databases(server)
    words = [sys.executable, "-m", "tests.queues.parent_of_standing", server.dsn, "control_holding"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as lane:
        assert lane.stdout is not None
        made = lane.stdout.readline().strip()
        assert databases(server) == {*before, made}
        lane.kill()
    deadline_s = time.monotonic() + LIMIT_S
    while databases(server) != before:
        assert time.monotonic() < deadline_s, f"{made} is still there"
        time.sleep(0.05)


def test_a_janitor_that_has_cleared_goes_on_and_clears_again(server: Server) -> None:
    before = databases(server)
    name = "crashbench_cleared"
    dsn = make_conninfo(server.dsn, dbname="postgres")
    assert conninfo_to_dict(dsn)["dbname"] == "postgres"
    with Janitor() as janitor:
        for _ in range(2):
            janitor.database(dsn, name, f"CREATE DATABASE {name}")
            worker = subprocess.Popen([sys.executable, "-c", _SLEEPER], start_new_session=True)
            janitor.process_group(worker.pid)
            assert databases(server) == {*before, name}
            assert janitor.clear() == []
            assert worker.wait(LIMIT_S) < 0
            assert databases(server) == before

"""Sessions of a given role are looked at before anything rests on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from orchestrator.errors import ServerConnectionsError, ServerSessionsError
from orchestrator.postgres.server import Server, open_server
from orchestrator.postgres.sessions import Demand, demand, require_room
from orchestrator.processes.janitor import Janitor
from orchestrator.scenario.load import load_scenario
from worker_child.adapters.contract import Preset

pytestmark = pytest.mark.database


@contextmanager
def role(server: Server, *clauses: str) -> Iterator[str]:
    """A role that may make databases on the session's server; its DSN."""
    name = f"role_{os.urandom(4).hex()}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN CREATEDB")
        for clause in clauses:
            connection.execute(f"ALTER ROLE {name} {clause}")
    try:
        yield make_conninfo(server.dsn, user=name, dbname="postgres")
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def refusal(server: Server, *clauses: str, options: str | None = None) -> str:
    with role(server, *clauses) as dsn, Janitor() as janitor:
        given = dsn if options is None else make_conninfo(dsn, options=options)
        with pytest.raises(ServerSessionsError) as caught:
            open_server(given, run_id="x", janitor=janitor)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("statement_timeout", "50ms", "50ms"),
        ("lock_timeout", "1s", "1s"),
        ("idle_in_transaction_session_timeout", "2s", "2s"),
        ("idle_session_timeout", "3s", "3s"),
        ("transaction_timeout", "4s", "4s"),
        ("standard_conforming_strings", "off", "off"),
        ("default_transaction_isolation", "serializable", "serializable"),
    ],
)
def test_a_setting_of_the_role_that_changes_what_is_measured_is_refused(
    server: Server, name: str, value: str, shown: str
) -> None:
    with psycopg.connect(server.dsn) as connection:
        known = "SELECT FROM pg_settings WHERE name = %s"
        if connection.execute(known, (name,)).fetchone() is None:
            pytest.skip(f"this server has no {name}")
    text = refusal(server, f"SET {name} = '{value}'")
    assert f"have {name} = {shown} (set for the role)" in text
    assert f"-c {name}=" in text


def test_all_of_them_are_told_at_once(server: Server) -> None:
    text = refusal(server, "SET statement_timeout = '50ms'", "SET lock_timeout = '60ms'")
    assert "lock_timeout = 60ms (set for the role) and statement_timeout = 50ms" in text


def test_a_setting_of_the_dsn_is_told_as_such(server: Server) -> None:
    text = refusal(server, options="-c statement_timeout=70")
    assert "statement_timeout = 70ms (set by the DSN or the environment)" in text


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("'nowhere'", "there is none of these"),
        ("''", "there is none of these"),
        ("'nowhere', 'elsewhere'", "there is none of these"),
        ("'pg_catalog'", "pg_catalog is closed to it"),
        ("'information_schema'", "information_schema is closed to it"),
    ],
)
def test_a_role_that_can_make_no_table_is_refused(server: Server, path: str, why: str) -> None:
    text = refusal(server, f"SET search_path = {path}")
    assert "have search_path = " in text
    assert why in text
    assert "RESET search_path" in text


def test_what_the_refusal_advises_is_accepted(server: Server) -> None:
    options = r"-c statement_timeout=0 -c default_transaction_isolation=read\ committed"
    with (
        role(
            server,
            "SET statement_timeout = '50ms'",
            "SET default_transaction_isolation = 'serializable'",
        ) as dsn,
        Janitor() as janitor,
    ):
        opened = open_server(make_conninfo(dsn, options=options), run_id="x", janitor=janitor)
        assert opened.description["settings"]["statement_timeout"] == "0"


def test_an_acknowledgement_that_is_not_durable_is_said_and_not_refused(server: Server) -> None:
    with role(server, "SET synchronous_commit = off") as dsn, Janitor() as janitor:
        described = open_server(dsn, run_id="x", janitor=janitor).description
    assert described["settings"]["synchronous_commit"] == "off"
    assert described["durability"] == "not durable: synchronous_commit off"


def test_the_sessions_of_an_own_servers_workers_are_written_down(server: Server) -> None:
    settings = server.description["settings"]
    assert settings["statement_timeout"] == "0"
    assert settings["default_transaction_isolation"] == "read committed"
    assert settings["search_path"] == '"$user", public'


def test_a_run_needs_what_its_workers_its_producers_and_the_harness_open() -> None:
    scenario = load_scenario("crash_recovery", ["workers.slots=3", "over_capacity=true"])
    preset = Preset("some", {}, None, {}, library_connections=4)
    assert demand(scenario, preset) == Demand(slots=3, jobs=10, library=4, harness=6)
    assert demand(scenario, preset).total == 3 * 14 + 6


def test_a_slot_whose_next_worker_comes_before_the_last_has_gone_counts_twice() -> None:
    preset = Preset("some", {}, None, {}, library_connections=4)
    after = load_scenario("deploy_short")
    early = load_scenario("deploy_short", ["faults.0.successor='before'"])
    assert demand(early, preset).slots == demand(after, preset).slots + 2 == 4


def test_more_sessions_than_the_server_has_room_for_are_refused(server: Server) -> None:
    with psycopg.connect(server.worker_dsn, autocommit=True) as connection:
        require_room(connection, Demand(10, 10, 1, 6))
        with pytest.raises(ServerConnectionsError) as caught:
            require_room(connection, Demand(40, 10, 1, 6))
    text = str(caught.value)
    assert "446 sessions (40 workers x (10 for the jobs + 1 of the library) + 6" in text
    assert "max_connections = 200, 3 of them reserved" in text
    assert caught.value.exit_code == 2


def test_the_roles_own_limit_counts_too(server: Server) -> None:
    with (
        role(server, "CONNECTION LIMIT 20") as dsn,
        psycopg.connect(dsn, autocommit=True) as connection,
        pytest.raises(ServerConnectionsError, match=r"room for 20: .*CONNECTION LIMIT 20"),
    ):
        require_room(connection, Demand(2, 10, 1, 6))

"""What sessions of the workers' role are like: settings that would change what is measured, the
schema in which they make their tables, and how many of them the server has room for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from orchestrator.errors import ServerConnectionsError, ServerSessionsError
from orchestrator.scenario.types import Scenario
from worker_child.adapters.contract import Preset

AS_MEASURED = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
}
"""By name: the only value under which a library works as its own defaults have it. What an older
server has not got is left out."""

RECORDED = (*AS_MEASURED, "synchronous_commit", "search_path")
"""What is written down of such a session. Of synchronous_commit the description's `durability`
speaks, as of fsync."""

OURS = 4
"""Sessions of the harness beside the producers: probe, sampler, and two that come and go."""

_SOURCES = {
    "user": "set for the role",
    "database": "set for the database",
    "database user": "set for the role in that database",
    "global": "set for all roles",
    "client": "set by the DSN or the environment",
    "environment variable": "set by the environment",
    "configuration file": "set in the server's configuration",
    "command line": "set on the server's command line",
}


def session_settings(connection: psycopg.Connection[Any], where: str) -> dict[str, str]:
    """The settings of this session of the workers' role, by name.

    `where` is the server, for a person. Raises `ServerSessionsError` when one would change what is
    measured, or when nothing can be made in the schemas that it looks into.
    """
    rows = connection.execute(
        "SELECT name, setting, current_setting(name), source FROM pg_settings"
        " WHERE name = ANY(%s) ORDER BY name",
        [list(RECORDED)],
    ).fetchall()
    role = connection.info.user
    wrong = [
        (name, f"{name} = {shown} ({_SOURCES.get(source, source)})")
        for name, setting, shown, source in rows
        if setting != AS_MEASURED.get(name, setting)
    ]
    if wrong:
        resets = " ".join(f"-c {name}={_quoted(AS_MEASURED[name])}" for name, _ in wrong)
        raise ServerSessionsError(
            f"sessions of the role {role} at {where} have {' and '.join(text for _, text in wrong)}"
            ": jobs would fail, or behave otherwise, because of that and not of the library. Take "
            f'it away (ALTER ROLE {role} RESET ...), or put options="{resets}" into the DSN'
        )
    settings = {name: shown for name, _, shown, _ in rows}
    _require_schema(connection, role, where, settings.get("search_path", ""))
    return settings


def _quoted(value: str) -> str:
    """As libpq's `options` take it: a blank is escaped."""
    return value.replace(" ", "\\ ")


def _require_schema(
    connection: psycopg.Connection[Any], role: str, where: str, search_path: str
) -> None:
    row = connection.execute(
        "SELECT current_schema(), has_schema_privilege(current_schema(), 'CREATE')"
    ).fetchone()
    assert row is not None
    schema, may_create = row
    if schema is None or not may_create:
        found = "there is none of these" if schema is None else f"{schema} is closed to it"
        raise ServerSessionsError(
            f"sessions of the role {role} at {where} have search_path = {search_path or repr('')}, "
            f"and can make no table there: {found}. ALTER ROLE {role} RESET search_path, or put "
            'options="-c search_path=public" into the DSN'
        )


@dataclass(frozen=True)
class Demand:
    """How many sessions a run keeps open at once."""

    slots: int
    """Workers that live at once at the most: two in a slot whose next one is there early."""
    jobs: int
    """Of each worker, for the jobs' own queries: workers.pool_size."""
    library: int
    """Of each worker, the library's own."""
    harness: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.slots * (self.jobs + self.library) + self.harness


def demand(scenario: Scenario, preset: Preset) -> Demand:
    """What a run of the scenario under the preset needs."""
    dedup, cache = scenario.workload.dedup, scenario.workload.cache
    producers = 1 if dedup is None else dedup.enqueuers
    producers = producers if cache is None else cache.concurrent_hits
    workers = scenario.workers
    twice = {slot for fault in scenario.faults if fault.overlaps for slot in fault.slots}
    living = workers.slots + len(twice)
    ours = OURS + 2 * producers
    return Demand(living, workers.pool_size, preset.library_connections, ours)


def require_room(connection: psycopg.Connection[Any], wanted: Demand) -> None:
    """Refuse more sessions than the server has room for. Raises `ServerConnectionsError`."""
    row = connection.execute(
        "SELECT current_setting('max_connections')::int,"
        " CASE WHEN rolsuper THEN 0"
        "  ELSE current_setting('superuser_reserved_connections')::int"
        "   + coalesce(current_setting('reserved_connections', true)::int, 0) END,"
        " (SELECT count(*) FROM pg_stat_activity"
        "   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),"
        " CASE WHEN rolconnlimit < 0 OR rolsuper THEN NULL ELSE rolconnlimit END"
        " FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    assert row is not None
    most, reserved, others, role_limit = row
    room = most - reserved - others
    how = f"max_connections = {most}, {reserved} of them reserved, {others} in use by others"
    if role_limit is not None and role_limit < room:
        room, how = role_limit, f"the role's own limit (CONNECTION LIMIT {role_limit})"
    if wanted.total > room:
        raise ServerConnectionsError(
            f"the run needs {wanted.total} sessions ({wanted.slots} workers x ({wanted.jobs} for "
            f"the jobs + {wanted.library} of the library) + {wanted.harness} of the harness), and "
            f"the server has room for {room}: {how}. Lower workers.slots or workers.pool_size, or "
            "give a server with room for more by --dsn"
        )

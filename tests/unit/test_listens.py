"""Who listens to what, by the statements that were executed."""

from __future__ import annotations

import pytest

from orchestrator.proxy.listens import channels_after

SAID: list[tuple[str, set[str]]] = [
    ("LISTEN jobs", {"old", "jobs"}),
    ('listen "river.Control"', {"old", '"river.Control"'}),
    ("BEGIN; /* which? */ LISTEN jobs; LISTEN other; COMMIT", {"old", "jobs", "other"}),
    ("-- who\nLISTEN jobs;", {"old", "jobs"}),
    ("UNLISTEN old", set()),
    ("UNLISTEN other", {"old"}),
    ("LISTEN jobs; UNLISTEN *", set()),
    ("SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;", set()),
    ("DISCARD ALL", set()),
    ("DISCARD ALL; LISTEN jobs", {"jobs"}),
    ("DISCARD PLANS", {"old"}),
    ("NOTIFY jobs, 'LISTEN other'", {"old"}),
    ("SELECT 'x; LISTEN other'", {"old"}),
    ("SELECT listen FROM t", {"old"}),
]


@pytest.mark.parametrize(("sql", "channels"), SAID, ids=[sql for sql, _ in SAID])
def test_what_is_listened_to_is_read_from_what_is_executed(sql: str, channels: set[str]) -> None:
    assert channels_after(frozenset({"old"}), sql) == channels

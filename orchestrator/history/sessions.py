"""A session with the database, as a history names it."""

from __future__ import annotations

import msgspec


class Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of pg_stat_activity. (pid, backend_start) names a session once and for all."""

    pid: int
    backend_start: str
    state: str | None = None
    query: str | None = None

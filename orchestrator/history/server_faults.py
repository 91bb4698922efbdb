"""What the certificates of faults of sessions and of the server hold: the parts of their lines."""

from __future__ import annotations

import msgspec


class EndedSession(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session that was told to end, as pg_stat_activity showed it at that instant."""

    pid: int
    """Its backend's."""
    backend_start: str
    """When that began: with the pid it names a session once and for all."""
    query: str | None = None
    """Its last statement."""


class SessionsEnded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `backend_terminate`. What is left out was not
    seen within its limit."""

    terminated: list[EndedSession] = []
    """The worker's sessions that were told to end."""
    sessions_gone_ns: int | None = None
    """When none of these, nor of those seen before, was there any more, CLOCK_MONOTONIC."""
    sessions_left: list[EndedSession] = []
    """Those that did not go."""
    reconnected_ns: int | None = None
    """When a new session of the same worker was first seen, CLOCK_MONOTONIC."""
    lived: bool = False
    """The worker's process was still there."""

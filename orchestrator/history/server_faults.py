"""What the certificates of faults of sessions and of the server hold: the parts of their lines."""

from __future__ import annotations

import msgspec

from orchestrator.history.round_trips import Freeze


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
    aimed_at: list[int] = []
    """Where not all were to end: the backends of those that were, by the proxy's word."""
    listening_again_ns: int | None = None
    """When a session of the same worker was first seen that listens anew, CLOCK_MONOTONIC."""
    freeze: Freeze | None = None
    """Of one that was held at a round trip: what was let through until it had ended."""
    lived: bool = False
    """The worker's process was still there."""


class ServerSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_injected` that takes the server away: seen just before it."""

    start_time: str
    """pg_postmaster_start_time()."""
    marker_rows: int
    """Rows of an unlogged table, which a crash recovery empties and a restart keeps."""


class ServerPaused(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `database_pause`. What is left out was not
    seen."""

    pids: list[int] = []
    """The server's processes that were stopped."""
    stopped_ns: int | None = None
    """When every thread of all of them was first seen in state T (proc_pid_stat(5)),
    CLOCK_MONOTONIC."""
    still_stopped_ns: int | None = None
    """When that was last seen, CLOCK_MONOTONIC."""
    continued_ns: int | None = None
    """When they were sent SIGCONT, stamped just before, CLOCK_MONOTONIC."""
    answered_ns: int | None = None
    """When a new session was first had, CLOCK_MONOTONIC."""
    after: ServerSeen | None = None
    """What that saw."""


class ServerBack(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` that took the server away. What is left out was not seen."""

    killed_pid: int | None = None
    """Of a crash: the backend that was killed."""
    down_ns: int | None = None
    """Of a restart: when its first process was seen to have ended, CLOCK_MONOTONIC."""
    exit_code: int | None = None
    """Of a restart: that process's."""
    answered_ns: int | None = None
    """When a new session was first had, CLOCK_MONOTONIC."""
    after: ServerSeen | None = None
    """What that saw."""

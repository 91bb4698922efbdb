"""What the certificates of faults of the network hold: the parts of `fault_ended`."""

from __future__ import annotations

import msgspec

from orchestrator.history.server_faults import EndedSession


class HeldConnection(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of a worker's connections while nothing passed it."""

    backend_pid: int | None = None
    """Of its session; left out where it had none, as nobody had answered."""
    from_worker_bytes: int = 0
    """What the worker sent meanwhile, as far as it lay with the proxy."""
    from_server_bytes: int = 0
    """The same of the server."""
    is_new: bool = False
    """It was opened meanwhile."""


class BlackholeEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `blackhole`: nothing passed for a while, then
    all of it did. What is left out was not seen."""

    shut_ns: int | None = None
    """From when on nothing was to pass, CLOCK_MONOTONIC."""
    looked_ns: int | None = None
    """When the rest was asked, just before everything flowed again, CLOCK_MONOTONIC."""
    passed_bytes: int = 0
    """What passed meanwhile, either way, on all connections; there must be none."""
    connections: list[HeldConnection] = []
    """What was held meanwhile, by connection."""
    backend_pids: list[int] = []
    """Of all sessions that went through the proxy: the worker must have had no other."""
    sessions_held: list[int] = []
    """The backends of the worker's sessions, as the server last showed them meanwhile."""
    released_ns: int | None = None
    """From when on everything flowed again, CLOCK_MONOTONIC."""
    lived: bool = False
    """The worker's process was still there when the certificate was closed."""


class ResetEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `reset`: all connections were reset, and each
    new one for a while. What is left out was not seen."""

    reset_ns: int | None = None
    """When all had been reset, CLOCK_MONOTONIC."""
    resets: int = 0
    """How many connections that were."""
    reset_pids: list[int] = []
    """The backends of their sessions."""
    backend_pids: list[int] = []
    """Of all sessions that went through the proxy: the worker must have had no other."""
    refused: int = 0
    """How many new connections of the worker were reset at once."""
    refusal_seen_ns: int | None = None
    """When the parent had tried one itself, and that was reset, CLOCK_MONOTONIC."""
    sessions_gone_ns: int | None = None
    """When the server had none of the sessions any more that were reset, CLOCK_MONOTONIC."""
    sessions_left: list[EndedSession] = []
    """Those that did not go."""
    accepted_ns: int | None = None
    """From when on new connections were taken, CLOCK_MONOTONIC."""
    reconnected_ns: int | None = None
    """When a new session of the same worker was first seen after that, CLOCK_MONOTONIC."""
    lived: bool = False
    """The worker's process was still there when the certificate was closed."""

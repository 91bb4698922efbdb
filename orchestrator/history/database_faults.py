"""What the certificates of faults of the run's database hold: the parts of their lines."""

from __future__ import annotations

from typing import Literal

import msgspec

from orchestrator.history.server_faults import EndedSession

FreshSaw = Literal["read_write", "read_only", "refused"]
"""What a new session of the workers' role may do; ``refused`` = there was none to be had."""


class DoorBefore(msgspec.Struct, frozen=True):
    """The `parts` of a `fault_injected` after which new sessions of the workers are of no use: seen
    just before it."""

    saw: FreshSaw
    """What a new session could do."""
    sessions: list[EndedSession]
    """Those that the workers had."""


class DoorEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `read_only` or `pool_exhaustion`. What is left
    out was not seen."""

    order: str = ""
    """The SQL by which it was done."""
    terminated: list[EndedSession] = []
    """The workers' sessions that were told to end."""
    sessions_gone_ns: int | None = None
    """When none of these was there any more, CLOCK_MONOTONIC."""
    sessions_left: list[EndedSession] = []
    """Those that did not go."""
    saw: FreshSaw | None = None
    """What a new session of the workers' role could do while it lasted."""
    error: str | None = None
    """Where it was refused: in the words of the server."""
    saw_ns: int | None = None
    """When that was first seen, CLOCK_MONOTONIC."""
    still_ns: int | None = None
    """When it was last seen, CLOCK_MONOTONIC."""
    lifted_ns: int | None = None
    """When it was taken back, stamped just before, CLOCK_MONOTONIC."""
    ended_again: int = 0
    """Sessions of the workers that had begun under it, and were told to end as it was over."""
    open_ns: int | None = None
    """When a new session could read and write again, CLOCK_MONOTONIC."""

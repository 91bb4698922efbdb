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


class Waiter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session that was seen to wait for a lock."""

    pid: int
    """Its backend's."""
    backend_start: str
    """When that began: with the pid it names a session once and for all."""
    query: str | None = None
    """What it waited with."""
    worker: bool = False
    """It was a worker's."""


class LockBefore(msgspec.Struct, frozen=True):
    """The `parts` of a `fault_injected` whose `what` is `table_lock`: seen just before it."""

    tables: list[str]
    """Those that were to be locked: what a count of the queue's jobs reads."""


class LockEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `table_lock`. What is left out was not
    seen."""

    holder_pid: int | None = None
    """The backend of the session that was to take the lock."""
    waiters: list[Waiter] = []
    """Who was seen to wait for it, at any time."""
    had_ns: int | None = None
    """When all tables were first seen to be locked by it, CLOCK_MONOTONIC."""
    still_ns: int | None = None
    """When that was last seen, CLOCK_MONOTONIC."""
    unlocked_ns: int | None = None
    """When it was let go, stamped just before, CLOCK_MONOTONIC."""
    gone_ns: int | None = None
    """When none of these locks was there any more, CLOCK_MONOTONIC."""


class QueueSize(msgspec.Struct, frozen=True):
    """How large the queue's tables are, all together."""

    dead_rows: int
    """n_dead_tup of pg_stat_all_tables: as the server's statistics have it."""
    bytes: int
    """pg_total_relation_size."""


class SnapshotBefore(msgspec.Struct, frozen=True):
    """The `parts` of a `fault_injected` whose `what` is `pinned_snapshot`: seen just before it."""

    tables: list[str]
    """Those of the queue: what a count of its jobs reads."""
    size: QueueSize
    """Of these."""


class SnapshotEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `pinned_snapshot`. What is left out was not
    seen."""

    pid: int | None = None
    """The backend of the session that held it."""
    xmin: str | None = None
    """Its backend_xmin, as pg_stat_activity showed it at first."""
    seen_ns: int | None = None
    """When that was, CLOCK_MONOTONIC."""
    still_xmin: str | None = None
    """Its backend_xmin when it was last seen."""
    still_ns: int | None = None
    """When that was, CLOCK_MONOTONIC."""
    size: QueueSize | None = None
    """Of the queue's tables, just before it was let go."""
    let_go_ns: int | None = None
    """When its session was ended, stamped just before, CLOCK_MONOTONIC."""
    gone_ns: int | None = None
    """When there was no such session any more, CLOCK_MONOTONIC."""

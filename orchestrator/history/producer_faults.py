"""What the certificate of a producer's death holds: the parts of its lines."""

from __future__ import annotations

from typing import Literal

import msgspec


class ProducerSession(msgspec.Struct, frozen=True):
    """A producer's session with the database, named once and for all."""

    pid: int
    """Its backend's."""
    backend_start: str
    """When that began."""


class ProducerBefore(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_injected` whose `what` is `kill_during_enqueue`: seen just before it,
    when the producer's connections had been frozen."""

    jobs: list[str]
    """The batch that it was at: what it had been handed and had not answered."""
    handed_ns: int
    """When that was handed to it, CLOCK_MONOTONIC."""
    frozen_ns: int
    """From when on nothing was to pass between it and the server, CLOCK_MONOTONIC."""
    statement: str
    """The request at which it stood: its SQL, literals replaced by ?."""
    side: Literal["before", "after"]
    """``before`` = nothing of it had reached the server; ``after`` = nothing of the answer had
    reached the producer."""
    sessions: list[ProducerSession]
    """Its sessions with the database, all of which go through the proxy."""
    queued: list[str] = []
    """Of a batch whose request had been carried out: the jobs that the queue was then seen to have,
    by its rows or by a worker's line."""
    outside: list[int] = []
    """Backends of sessions under the producers' name that go through no proxy; there must be
    none."""


class ProducerEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `kill_during_enqueue`. What is left out was
    not seen within its limit."""

    reaped_ns: int | None = None
    """CLOCK_MONOTONIC."""
    signal: int | None = None
    """In its wait status."""
    survivors: list[int] = []
    """Living members of its process group."""
    passed_bytes: int | None = None
    """What its connections let through between the freeze and its end; there must be none."""
    unexplained_bytes: int = 0
    """Forwarded at any time without being understood; there must be none."""
    sessions_gone_ns: int | None = None
    """When none of its sessions was there any more, CLOCK_MONOTONIC."""
    sessions_left: list[ProducerSession] = []
    """Those that did not go."""
    resumed_ns: int | None = None
    """When the next process that enqueues was ready, CLOCK_MONOTONIC."""

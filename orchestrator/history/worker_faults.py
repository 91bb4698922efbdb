"""What the certificates of faults that hit a worker's process hold: the parts of their
lines."""

from __future__ import annotations

import msgspec

from orchestrator.history.round_trips import Delivery, Freeze, RescuerHeld, RoundTripSeen
from orchestrator.history.sessions import Session


class SessionsBefore(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_injected` that hits a worker: seen just before it."""

    sessions: list[Session]
    """The victim's; of one that was not ready there may be none yet."""
    unknown_sessions: list[Session] = []
    """Sessions in the run's own database that bear no name of this run: whose are they?"""
    ready: bool = True
    """The victim had said that it was ready, as far as that had been read."""
    at_point: RoundTripSeen | None = None
    """The round trip at which it was held, where that is what the fault waited for."""


class PoisonBefore(SessionsBefore, frozen=True, omit_defaults=True, kw_only=True):
    """The `parts` of a `fault_injected` whose `what` is `poison`: seen just before the worker was
    given the word."""

    job_id: str
    """The job that kills it."""
    execution: int
    announced_ns: int
    """When the job said so (`job_dying`), CLOCK_MONOTONIC."""


class ProcessEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` that kills a worker: what was seen of its end.
    What is left out was not seen within its limit."""

    reaped_ns: int | None = None
    signal: int | None = None
    exit_code: int | None = None
    survivors: list[int] = []
    """Living processes of the victim: of its process group or session, or with its mark in their
    environment, or fallen to the parent without any mark. Zombies do not count."""
    eof_ns: int | None = None
    """The victim's pipe was read to its end."""
    sessions_gone_ns: int | None = None
    sessions_left: list[Session] = []
    rows_read_ns: int | None = None
    freeze: Freeze | None = None
    """Of a victim that was held at a round trip: what its frozen connections let through."""
    delivery: Delivery | None = None
    """Of a victim whose request was delayed."""


class Departure(ProcessEnd, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` that has a worker leave, and kills it only where it has not
    left in time (`deploy`, `terminate`)."""

    told_ns: int | None = None
    """When it was told to stop, stamped just before, CLOCK_MONOTONIC."""
    again_ns: int | None = None
    """Of `terminate`: when the second SIGTERM was sent, CLOCK_MONOTONIC; left out where it had left
    before."""
    killed_ns: int | None = None
    """When SIGKILL was sent to what had not left by then, stamped just before, CLOCK_MONOTONIC;
    left out where it left by itself."""


class LeaderEnd(ProcessEnd, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `kill_leader_only`: the end of a worker's
    first process, which is what `reaped_ns`, `signal` and `exit_code` tell of, and of those that
    lived on, of which the rest does."""

    lived_on: list[int] = []
    """Its processes that were seen alive after the first one's end."""
    still_ns: int | None = None
    """When one of them was last seen alive before the rest was killed, CLOCK_MONOTONIC."""
    killed_ns: int | None = None
    """When SIGKILL was sent to the process group, stamped just before, CLOCK_MONOTONIC; left out
    where nobody was left by then."""
    alone_ns: int | None = None
    """When none of them was left, CLOCK_MONOTONIC."""


class NamesakeEnd(ProcessEnd, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `same_identity`: a worker was killed, and the
    next one of its slot bears its name."""

    identity: str | None = None
    """Under which name the victim had said that it claims rows; left out = it was not ready."""
    successor: int | None = None
    """Which process of the slot came next, from 0; left out = none was ready."""
    successor_identity: str | None = None
    """The same of that one."""
    successor_ready_ns: int | None = None
    """When that one said that it was ready, CLOCK_MONOTONIC."""


class StallEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `stall`: what was seen before all of it
    flowed again."""

    freeze: Freeze | None = None
    """What the frozen connections let through."""
    released_ns: int | None = None
    """From when on everything flowed again, CLOCK_MONOTONIC."""
    lived: bool = False
    """The worker's process was still there."""
    rescuer: RescuerHeld | None = None
    """The other worker, where it was to be held and came to its round trip."""


class PauseEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `parts` of a `fault_ended` whose `what` is `pause`: a worker was stopped, and went on.
    What is left out was not seen."""

    members: list[int] = []
    """The worker's processes when it was stopped."""
    stopped_ns: int | None = None
    """When every thread of all of them was first seen in state T (proc_pid_stat(5)),
    CLOCK_MONOTONIC."""
    still_stopped_ns: int | None = None
    """When that was last seen before they went on, CLOCK_MONOTONIC."""
    sessions_held: list[int] = []
    """The backends of its sessions at that time."""
    continued_ns: int | None = None
    """When SIGCONT was sent, stamped just before, CLOCK_MONOTONIC."""
    running_ns: int | None = None
    """When none of its threads was in state T any more, CLOCK_MONOTONIC."""
    lived: bool = False
    """Its process was there until then."""

"""What the certificates of faults that hit a worker's process hold: the parts of `fault_ended`."""

from __future__ import annotations

import msgspec


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

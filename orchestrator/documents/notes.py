"""What each code of a `note` means."""

from __future__ import annotations

NOTES: dict[str, str] = {
    "phase": "The run entered `detail.phase`: setup, load, hold, drain, stop or audit. The note "
    "of `load` stands at T = 0, the first intended enqueue.",
    "stale_partial": "An unfinished run of the same name was found and moved aside; the message "
    "names its file.",
    "bad_line": "What came through a child's pipe was no event (`detail.slot`, "
    "`detail.incarnation`); the message says why and quotes its beginning. The line itself is "
    "kept out. It voids what that incarnation says.",
    "clock_violation": "A child's line was stamped later than the parent had received it "
    "(`detail.slot`, `detail.incarnation`). It voids what that incarnation says.",
    "worker_died": "A worker died unasked and is being replaced.",
    "turn_lost": "A job of a closed loop did not finish in time; the next went out all the same.",
    "stop_ignored": "A worker did not stop in time and was killed when the run was over.",
    "pipe_held": "A worker has ended, yet its event pipe did not come to its end: somebody "
    "who fled holds it (`detail.slot`, `detail.incarnation`).",
    "fault_not_due": "Planned faults were left out: everything had settled, and the state that "
    "triggers them had not come or their slot had no worker.",
    "parent_stalled": "One turn of the parent's loop took `detail.stalled_s`: what it should have "
    "done meanwhile (a respawn, a kill, a read) came late.",
    "provider_stalled": "The provider stub answered nobody for `detail.stalled_s` up to here: its "
    "answers came late by the harness's fault.",
    "not_settled": "A kill of a repeated scenario did not settle in time: the kills to come were "
    "left out.",
    "queue_unreadable": "The queue's rows could not be counted for a `queue_snapshot`, or its "
    "queries for a `resource_sample`.",
    "wall_clock_step": "The wall clock was set: timestamps after it follow a new anchor, t_ns goes "
    "on as before.",
    "audit": "A control queue's own record of a claim or an acknowledgement, in `detail`; "
    "libraries under test have none.",
}

"""What the types themselves do not say: fields that stand in many of them, and codes of notes.

Any other field is documented by the text under it.
"""

from __future__ import annotations

MEANINGS: dict[str, str] = {
    "t_ns": "The instant of the fact, CLOCK_MONOTONIC.",
    "n": "The line's ordinal within its incarnation, from 0 without a gap; only a child's lines "
    "have it.",
    "slot": "The place for a worker, from 0.",
    "incarnation": "The nth process in that slot, from 0.",
    "execution": "The child's own counter of entries into a handler, from 1.",
    "job_id": "The job's id; it is ours, never the library's.",
    "inbox_id": "The id of the job's row in the library's own table.",
    "fault": "The fault's number in the plan, from 0; `fault_injected` and `fault_ended` share it.",
    "pid": "The process id of the child, which is its process group's as well.",
    "tenant": "The tenant that the job belongs to; none = the system's.",
    "kind": "The kind of job: the name under which the library dispatches it.",
    "intended_ns": "When it was planned to happen, CLOCK_MONOTONIC.",
    "sent_ns": "When the parent, or the enqueuing job, called the queue, CLOCK_MONOTONIC.",
    "observed_by": "Who saw it: `executor` (the adapter's code around the handler), `hook` (the "
    "library's code called ours) or `rows` (its table was read).",
    "library_attempt": "The library's own count of attempts, where it has one.",
    "settings": "The preset, resolved: the library's own setting names and their values.",
    "library": "The queue under test: a name of the table of libraries.",
    "exit_code": "What it ended with; none = by a signal.",
    "signal": "The signal that ended it; none = it ended by itself.",
    "error": "What went wrong, in a sentence.",
    # Faults
    "Session.pid": "The backend's process id.",
    "Session.backend_start": "When the session began, by the server's clock.",
    "Session.state": "The backend's state.",
    "Session.query": "Its current or last query, cut at 300 characters.",
    "FaultInjected.trigger": "What called for it: an instant, a state of the run, held jobs that "
    "all stood at their points, or a round trip with the database.",
    "ProcessEnd.reaped_ns": "When its exit status was collected, CLOCK_MONOTONIC.",
    "ProcessEnd.sessions_gone_ns": "When none of its sessions was left, CLOCK_MONOTONIC.",
    "ProcessEnd.sessions_left": "Sessions that were there still at the limit.",
    "ProcessEnd.rows_read_ns": "The instant of the `row_read` lines of this fault.",
}
"""By a field's name, or ``Type.field`` where it means something else there."""

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
    "blind": "A fault kept the server away: the parent did not see the queue from `detail.from_ns` "
    "to `detail.to_ns`.",
    "wall_clock_step": "The wall clock was set: timestamps after it follow a new anchor, t_ns goes "
    "on as before.",
    "cache_answered": "A caller of a queue with a cache was answered, or gave up; `detail` is a "
    "[CacheAnswered](#cacheanswered).",
    "bystander": "Somebody else's transaction in the run's database, at a steady pace; `detail` is "
    "a [BystanderAnswered](#bystanderanswered).",
    "round_trip": "A round trip between the worker and the database, in a run that lists them: "
    "`detail.statement` (its SQL, literals replaced by ?), `detail.sql`, `detail.phase` (where the "
    "worker's jobs stood when the request had come), `detail.rows`, `detail.executes` (false = "
    "Parse or Describe alone), `detail.number` (by the order of the requests), "
    "`detail.connection` (from 0), `detail.wave`, "
    "`detail.foretold` (whether it has rows was known before it: it ends a transaction), "
    "`detail.settles` (from its answer on the queue owed nothing of its wave).",
    "rescuer_round_trip": "One of a worker that comes while another one is stalled, in a run that "
    "lists these: `detail.statement`, `detail.sql`, `detail.rows`, `detail.executes` and "
    "`detail.foretold` as of a `round_trip`, `detail.answered_ns`.",
    "rescuer_listed": "As `round_trips_listed`, of that worker.",
    "round_trips_listed": "No further round trip is listed. `detail.unexplained_bytes` passed and "
    "could not be read, `detail.broken` connections ended unasked, `detail.sessions` of the worker "
    "went through the proxy, those of the server processes `detail.outside` did not.",
    "leading": "A worker has become the leader among its queue's workers, who alone rescues; a "
    "child says so where it can tell.",
    "audit": "A control queue's own record of a claim or an acknowledgement, in `detail`; "
    "libraries under test have none.",
}
"""By a note's `code`."""

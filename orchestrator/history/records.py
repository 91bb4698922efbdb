"""The history, once: what each kind of line holds.

One line is one JSON object with exactly the keys `run_id`, `timestamp`, `kind` and `fields`. The
types below are the ``fields`` of each kind; HISTORY.md and its JSON schema are generated from them.
All instants end in ``_ns`` and are CLOCK_MONOTONIC nanoseconds of the parent's machine; facts are
ordered by (t_ns, slot, incarnation, n), never by their place in the file.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from worker_child.protocol import (
    ChildReady,
    JobCompleted,
    JobDiscarded,
    JobEnqueued,
    JobFailed,
    JobRetried,
    JobStarted,
    Note,
    RowState,
)
from worker_child.protocol import Rescue as Rescue

HISTORY_VERSION = 1


class RunStart(msgspec.Struct, frozen=True):
    """Everything needed to repeat the run and to judge it. Always the first line."""

    t_ns: int
    history_version: int
    scenario_name: str
    library: str
    preset: str
    ordinal: int
    seed: int
    scenario: dict[str, Any]
    """The scenario, resolved: defaults filled in, overrides applied."""
    scenario_sha256: str
    """Of the resolved scenario: two runs with equal digests were asked for the same thing."""
    settings: dict[str, Any]
    library_version: str
    rescue: Rescue | None
    """None = this preset never rescues by itself."""
    acknowledges_in_transaction: bool
    """The acknowledgement commits together with the job's effect."""
    periods_s: dict[str, float]
    """The library's own rhythms (flush, heartbeat, poll, ...), seconds."""
    environment: dict[str, Any]
    cell_hash: str
    """Of all that makes two runs comparable; equal hashes on equal hardware may be pooled."""
    parity: dict[str, str] = {}
    """What a comparison must show beside the settings, in a phrase each: how jobs are enqueued,
    what wakes a worker, who retries, ..."""
    adapter_sha256: str | None = None
    """Of an adapter that is kept elsewhere; None = a bundled one, told by the code's commit."""
    offers: dict[str, str] = {}
    """What this library can do and not every library can, and how, in a phrase each."""
    needs: tuple[str, ...] = ()
    """Which of these the scenario needs; a library that lacks one is never run with it."""
    planned_stream_jobs: int | None = None
    """How many jobs the stream has; None = it is endless or a closed loop, and the run cuts it."""


class RunEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last line. Without it the run did not finish."""

    t_ns: int
    ended: Literal["completed", "interrupted", "failed"]
    drain: str
    """``agreed``, or what the drain was still waiting for when it ended."""
    stream_jobs: int
    """Jobs j000000 .. j(stream_jobs - 1) were planned before the stream was cut."""
    held_jobs: int
    started_ns: int | None = None
    """T = 0: the first intended enqueue."""
    cut_ns: int | None = None
    """When the stream of jobs ended."""
    error: str | None = None
    max_lateness_us: int | None = None
    """The latest wake-up of the producer."""
    bytes_written: int = 0


class ChildSpawned(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process was started in a slot."""

    t_ns: int
    slot: int
    incarnation: int
    pid: int
    role: str
    application_name: str
    after_fault: int | None = None


class ChildExited(msgspec.Struct, frozen=True, omit_defaults=True):
    """A child was reaped and its pipe read to the end."""

    t_ns: int
    slot: int
    incarnation: int
    pid: int
    reason: Literal["killed", "stopped", "stop_ignored", "died"]
    """``killed`` = by a fault of the plan; ``stopped`` = when asked; ``stop_ignored`` = asked, and
    killed when the run was over; ``died`` = unasked."""
    exit_code: int | None = None
    signal: int | None = None
    fault: int | None = None
    events: int = 0
    """How many whole lines came through its pipe: n runs from 0 to events - 1."""
    max_rss_bytes: int | None = None
    stderr_tail: str = ""
    ours: bool = False
    """Died unasked, and the traceback ends in the instrument's own code."""


class Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of pg_stat_activity. (pid, backend_start) names a session once and for all."""

    pid: int
    backend_start: str
    state: str | None = None
    query: str | None = None


class FaultInjected(msgspec.Struct, frozen=True, omit_defaults=True):
    """A signal was sent; `t_ns` was stamped just before (`kill_sent`)."""

    t_ns: int
    fault: int
    slot: int
    incarnation: int
    pid: int
    what: Literal["sigkill"]
    trigger: Literal["timed", "state", "held"]
    biased: bool
    """Aimed at a phase: never pooled with timed ones."""
    intended_ns: int | None
    sessions: list[Session]
    """The victim's sessions, seen just before the signal."""
    strangers: list[Session] = []
    """Sessions in the run's own database that bear no name of this run: whose are they?"""
    phases_s: dict[str, float] = {}
    """Repeated kills: where in each of the library's periods the intended instant lies, seconds
    counted from the child's ready."""


class FaultEnded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The certificate of a fault: what was seen after it. None = not seen within its limit."""

    t_ns: int
    fault: int
    slot: int
    incarnation: int
    pid: int
    reaped_ns: int | None = None
    signal: int | None = None
    exit_code: int | None = None
    survivors: list[int] = []
    """Living members of the victim's process group (zombies do not count)."""
    eof_ns: int | None = None
    """The victim's pipe was read to its end."""
    sessions_gone_ns: int | None = None
    sessions_left: list[Session] = []
    rows_read_ns: int | None = None
    raced: bool = False
    """Another incarnation could already have claimed the victim's rows when they were read."""


class RowRead(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One row of the inbox and the job's effects, from one SQL snapshot.

    A job with several rows has several lines; its effects stand on the first. A read ends with a
    line without `job_id` that says how many lines it has: without that line the read failed.
    """

    t_ns: int
    read: Literal["kill", "final"]
    job_id: str | None = None
    fault: int | None = None
    inbox_id: str | None = None
    state: RowState | None = None
    claimed_by: str | None = None
    """The identity that holds the row, as announced in a child's `child_ready`."""
    library_attempt: int | None = None
    claimable_ns: int | None = None
    """When the library will make this claimed row available again; None = unknown or never."""
    picked_after_done: bool = False
    """The queue's own log shows a claim after the acknowledgement."""
    effects: list[tuple[int, int, int]] = []
    """(slot, incarnation, execution) of each committed effect row."""
    failures: int = 0
    """Committed planned failures."""
    lines: int | None = None
    """On the closing line: how many lines the read has without this one."""
    error: str | None = None
    """On the closing line: why the read failed."""
    effects_error: str | None = None
    """On the closing line: why the effects could not be read."""


class EnqueueFailed(msgspec.Struct, frozen=True, omit_defaults=True):
    """An enqueue that put no new job into the queue, or of which nobody can say whether it did."""

    t_ns: int
    job_id: str
    outcome: Literal["deduplicated", "rejected", "indeterminate"]
    intended_ns: int
    sent_ns: int
    into: str | None = None
    error: str = ""


class QueueSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """The inbox at 1 Hz, by row state."""

    t_ns: int
    queued: int
    claimed: int
    retrying: int
    dead: int
    table_bytes: int | None = None


class ResourceSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One subject at 1 Hz. Subjects: ``children``, ``parent``, ``postgres``, ``hiccup``.

    The hiccup meter is a 5 ms sleeper in its own process; a tick is a millisecond, and a sleep that
    is d ms late counts as its own ticks and all that it swallowed, so that shares of ticks are
    shares of time.
    """

    t_ns: int
    subject: Literal["children", "parent", "postgres", "hiccup"]
    rss_bytes: int | None = None
    processes: int | None = None
    open_executions: int | None = None
    capacity: int | None = None
    """slots x concurrency: open_executions / capacity is the pool's utilisation."""
    calls: int | None = None
    """``postgres``: statements of the workers' role on the queue's tables and functions so far, by
    pg_stat_statements; null where the server lacks it or the role is not the workers' alone."""
    ticks: int | None = None
    ticks_over_50_ms: int | None = None
    max_us: int | None = None


class ClockAnchorRecord(msgspec.Struct, frozen=True):
    """CLOCK_REALTIME read between two reads of CLOCK_MONOTONIC that lie `bracket_ns` apart."""

    t_ns: int
    wall_ns: int
    bracket_ns: int


HistoryRecord = (
    RunStart
    | RunEnd
    | JobEnqueued
    | JobStarted
    | JobCompleted
    | JobFailed
    | JobRetried
    | JobDiscarded
    | QueueSnapshot
    | ResourceSample
    | ChildSpawned
    | ChildReady
    | ChildExited
    | FaultInjected
    | FaultEnded
    | RowRead
    | ClockAnchorRecord
    | EnqueueFailed
    | Note
)

KINDS: dict[str, type[HistoryRecord]] = {
    "run_start": RunStart,
    "run_end": RunEnd,
    "job_enqueued": JobEnqueued,
    "job_started": JobStarted,
    "job_completed": JobCompleted,
    "job_failed": JobFailed,
    "job_retried": JobRetried,
    "job_discarded": JobDiscarded,
    "queue_snapshot": QueueSnapshot,
    "resource_sample": ResourceSample,
    "child_spawned": ChildSpawned,
    "child_ready": ChildReady,
    "child_exited": ChildExited,
    "fault_injected": FaultInjected,
    "fault_ended": FaultEnded,
    "row_read": RowRead,
    "clock_anchor": ClockAnchorRecord,
    "enqueue_failed": EnqueueFailed,
    "note": Note,
}
"""Every kind of line, and the type of its ``fields``."""

KIND_OF: dict[type, str] = {record: kind for kind, record in KINDS.items()}

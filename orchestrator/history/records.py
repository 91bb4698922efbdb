"""The history, once: what each kind of line holds.

One line is one JSON object with exactly the keys `run_id`, `timestamp`, `kind` and `fields`. The
types below are the ``fields`` of each kind; HISTORY.md and its JSON schema are generated from them.
All instants end in ``_ns`` and are CLOCK_MONOTONIC nanoseconds of the parent's machine; facts are
ordered by (t_ns, slot, incarnation, n), never by their place in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from orchestrator.history.fault_parts import FAULT_PARTS
from orchestrator.history.targets import Target
from orchestrator.history.worker_faults import Departure
from orchestrator.scenario.types import Scenario
from worker_child.protocol import (
    ChildReady,
    JobCompleted,
    JobDiscarded,
    JobDying,
    JobEnqueued,
    JobFailed,
    JobRetried,
    JobStarted,
    Note,
    Rescue,
    RowState,
)

HISTORY_VERSION = 3


def setting_words(changes: Mapping[str, Any]) -> tuple[str, ...]:
    """The words ``KEY=VALUE`` that lead to changed settings, by name."""
    return tuple(
        f"{name}={'none' if value is None else msgspec.json.encode(value).decode()}"
        for name, value in sorted(changes.items())
    )


class Invocation(msgspec.Struct, frozen=True):
    """What a command line has to name, so that the same run is carried out again."""

    scenario: str
    """A shipped scenario's name, or the path of a file, as it was given."""
    values: tuple[str, ...] = ()
    """What ``--set`` put on top of the file: ``key.key=value`` each."""
    library: str = ""
    """A name, or the folder of an adapter that is kept elsewhere."""


class RunStart(msgspec.Struct, frozen=True):
    """Everything needed to repeat the run and to judge it. Always the first line."""

    t_ns: int
    history_version: int
    """The version of this format."""
    scenario_name: str
    """The scenario's name."""
    library: str
    preset: str
    """The preset's name; with changed settings `{preset}.{8 hex of them}`."""
    ordinal: int
    """Which repetition; timed kills fall elsewhere in each."""
    seed: int
    """The workload's seed."""
    scenario: Scenario
    """The scenario, resolved: defaults filled in, overrides applied."""
    scenario_sha256: str
    """Of the resolved scenario: two runs with equal digests were asked for the same thing."""
    settings: dict[str, Any]
    library_version: str
    """The installed version of the library under test."""
    rescue: Rescue | None
    """None = this preset never rescues by itself."""
    acknowledges_in_transaction: bool
    """The acknowledgement commits together with the job's effect."""
    periods_s: dict[str, float]
    """The library's own rhythms (flush, heartbeat, poll, ...), seconds."""
    environment: dict[str, Any]
    """Hardware, kernel, Python, PostgreSQL with its settings and durability, code version."""
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
    changed_settings: dict[str, Any] = {}
    """Single settings that were changed on top of the preset, by name; `settings` has them as well.
    `preset` is then the preset's own name, a dot and eight hex digits of them."""
    preset_hash: str | None = None
    """Of the preset as it is for any workers: equal = the same settings, save those that follow
    from the scenario's workers. By it a tuned preset and its no-fault control find each other."""
    invocation: Invocation | None = None
    """The words that the scenario and the library were asked for with; None = there are none."""

    @property
    def base_preset(self) -> str:
        """The preset's own name."""
        return self.preset.rpartition(".")[0] if self.changed_settings else self.preset

    @property
    def setting_words(self) -> tuple[str, ...]:
        """What ``--setting`` changes them with."""
        return setting_words(self.changed_settings)

    @property
    def value_words(self) -> tuple[str, ...]:
        """What ``--set`` put on top of the scenario's file."""
        return () if self.invocation is None else self.invocation.values


class RunEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last line. Without it the run did not finish."""

    t_ns: int
    ended: Literal["completed", "interrupted", "failed"]
    """``completed`` = every phase was gone through; no other run has a ledger."""
    drain: str
    """``agreed``, or what the drain was still waiting for when it ended."""
    stream_jobs: int
    """Jobs j000000 .. j(stream_jobs - 1) were planned before the stream was cut."""
    held_jobs: int
    """Jobs h000000 .. h(held_jobs - 1) were enqueued to be held."""
    started_ns: int | None = None
    """T = 0: the first intended enqueue."""
    cut_ns: int | None = None
    """When the stream of jobs ended."""
    error: str | None = None
    max_lateness_us: int | None = None
    """The latest wake-up of the producer."""
    bytes_written: int = 0
    """The size of the history before this line."""


class ChildSpawned(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process was started in a slot."""

    t_ns: int
    slot: int
    incarnation: int
    pid: int
    role: str
    """``worker`` or ``enqueuer``."""
    application_name: str
    """The name of every database session of this incarnation."""
    after_fault: int | None = None
    """The fault that had emptied the slot."""


ReasonOfEnd = Literal["killed", "stopped", "stop_ignored", "died"]


class ChildExited(msgspec.Struct, frozen=True, omit_defaults=True):
    """A child was reaped and its pipe read to the end."""

    t_ns: int
    slot: int
    incarnation: int
    pid: int
    reason: ReasonOfEnd
    """``killed`` = by a fault of the plan; ``stopped`` = when asked; ``stop_ignored`` = asked, and
    killed when the run was over; ``died`` = unasked."""
    exit_code: int | None = None
    signal: int | None = None
    fault: int | None = None
    """The fault that killed it."""
    events: int = 0
    """How many whole lines came through its pipe: n runs from 0 to events - 1."""
    max_rss_bytes: int | None = None
    """The most memory it ever held (getrusage(2))."""
    stderr_tail: str = ""
    """The last of what it wrote to stderr; empty when it stopped."""
    ours: bool = False
    """Died unasked, and the traceback ends in the instrument's own code."""


class FaultInjected(msgspec.Struct, frozen=True, omit_defaults=True):
    """Harm was done; `t_ns` was stamped just before (of a kill: `kill_sent`)."""

    t_ns: int
    fault: int
    what: str
    """What was done: the scenario's word for it."""
    target: Target
    """Whom or what it hit."""
    ends_process: bool
    """The workers that it hit are dead by it."""
    trigger: Literal["timed", "state", "held", "point"]
    biased: bool
    """Aimed at a phase: never pooled with timed ones."""
    intended_ns: int | None
    parts: dict[str, Any]
    """What of the certificate was seen before; its form depends on `what`."""
    phases_s: dict[str, float] = {}
    """Repeated faults: where in each of the library's periods the intended instant lies, seconds
    counted from the child's ready."""

    @property
    def lets_go(self) -> bool:
        """The workers that it hits are told to leave, and killed only if they do not."""
        return issubclass(FAULT_PARTS[self.what].after, Departure)

    @property
    def before(self) -> Any:
        """`parts`, typed by `FAULT_PARTS`. Raises KeyError and msgspec.ValidationError."""
        return msgspec.convert(self.parts, FAULT_PARTS[self.what].before)


class FaultEnded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The certificate of a fault is closed: what was seen after it, within its limits."""

    t_ns: int
    fault: int
    what: str
    """As in `fault_injected`."""
    target: Target
    """As in `fault_injected`."""
    parts: dict[str, Any]
    """The rest of the certificate; its form depends on `what`."""
    raced: bool = False
    """Another incarnation could already have claimed the victim's rows when they were read."""
    healed_ns: int | None = None
    """When the harm was over, CLOCK_MONOTONIC; left out where that came after this line, as a
    respawn may: there the successor's `child_spawned` tells it."""

    @property
    def after(self) -> Any:
        """`parts`, typed by `FAULT_PARTS`. Raises KeyError and msgspec.ValidationError."""
        return msgspec.convert(self.parts, FAULT_PARTS[self.what].after)


class RowRead(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One row of the inbox and the job's effects, from one SQL snapshot.

    A job with several rows has several lines; its effects stand on the first. A read ends with a
    line without `job_id` that says how many lines it has: without that line the read failed.
    """

    t_ns: int
    read: Literal["kill", "final"]
    """``kill`` = after a fault; ``final`` = after every worker and producer had gone."""
    job_id: str | None = None
    """The job; left out on the closing line."""
    fault: int | None = None
    inbox_id: str | None = None
    state: RowState | None = None
    """What the queue says of the row; ``absent`` = neither row nor log entry."""
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
    claimed_ns: int | None = None
    """When this claimed row was last claimed, by the queue's own clock; None = it does not say."""
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
    """``deduplicated`` = the queue had it already; ``rejected`` = it refused; ``indeterminate`` =
    nobody can say."""
    intended_ns: int
    sent_ns: int
    into: str | None = None
    """The row into which it was deduplicated, where the queue says so."""
    error: str = ""


class QueueSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """The inbox at 1 Hz, by row state."""

    t_ns: int
    queued: int
    """Rows that wait for their first claim."""
    claimed: int
    """Rows that a worker holds."""
    retrying: int
    """Rows that wait for another attempt."""
    dead: int
    """Rows that the queue has given up."""
    table_bytes: int | None = None
    """The inbox's size on disk, indexes included."""


class ResourceSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One subject at 1 Hz. Subjects: ``children``, ``parent``, ``postgres``, ``hiccup``.

    The hiccup meter is a 5 ms sleeper in its own process; a tick is a millisecond, and a sleep that
    is d ms late counts as its own ticks and all that it swallowed, so that shares of ticks are
    shares of time.
    """

    t_ns: int
    subject: Literal["children", "parent", "postgres", "hiccup"]
    """Of what the sample is."""
    rss_bytes: int | None = None
    """Resident memory of all its processes."""
    processes: int | None = None
    """How many processes it has."""
    open_executions: int | None = None
    """Executions that are open in living incarnations."""
    capacity: int | None = None
    """slots x concurrency: open_executions / capacity is the pool's utilisation."""
    calls: int | None = None
    """``postgres``: statements of the workers' role on the queue's tables and functions so far, by
    pg_stat_statements; null where the server lacks it or the role is not the workers' alone."""
    ticks: int | None = None
    """Milliseconds that the hiccup meter's report covers."""
    ticks_over_50_ms: int | None = None
    """Of these, how many were woken more than 50 ms late."""
    max_us: int | None = None
    """The greatest lateness."""


class ClockAnchorRecord(msgspec.Struct, frozen=True):
    """CLOCK_REALTIME read between two reads of CLOCK_MONOTONIC that lie `bracket_ns` apart."""

    t_ns: int
    wall_ns: int
    """CLOCK_REALTIME, since the Unix epoch."""
    bracket_ns: int
    """How far apart the two reads of CLOCK_MONOTONIC were."""


HistoryRecord = (
    RunStart
    | RunEnd
    | JobEnqueued
    | JobStarted
    | JobCompleted
    | JobFailed
    | JobDying
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
    "job_dying": JobDying,
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

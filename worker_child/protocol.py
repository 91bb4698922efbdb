"""The wire between parent and child, once: what goes in by stdin, what comes out by the event pipe.

A child of any language is handed one JSON line ``init`` on stdin, then commands; end of file on
stdin means that the parent is gone. It answers with events on an inherited descriptor. One event
is one line of at most `MAX_LINE_BYTES`, written by one unbuffered ``write(2)``, and is already the
final line of the history. PROTOCOL.md and, of the events, HISTORY.md are made from these types.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

PROTOCOL_VERSION = 2

MAX_LINE_BYTES = 4096
"""PIPE_BUF on Linux: a write of at most this many bytes to a pipe is atomic (pipe(7))."""

Role = Literal["worker", "enqueuer"]
ErrorClass = Literal["rate_limit", "transient", "permanent"]
HoldPoint = Literal["started", "effect", "completed", "return"]
Profile = Literal["cpu", "db", "external_api"]
REFUSALS: dict[ErrorClass, int] = {"rate_limit": 429, "transient": 503, "permanent": 422}
"""The HTTP status by which a provider makes an external-API job fail as planned."""
EnqueueOutcome = Literal["accepted", "recovered"]
RowState = Literal["queued", "retrying", "claimed", "dead", "done", "absent"]
"""``done`` = the queue says that the job succeeded (its row or its own log); ``dead`` = the queue
gave it up; ``absent`` = neither a row nor a log entry is left."""


class ClockAnchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same instant on two clocks of one machine."""

    monotonic_ns: int
    """CLOCK_MONOTONIC."""
    wall_ns: int
    """CLOCK_REALTIME, since the Unix epoch."""


class Init(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line on a child's stdin: who it is, where its inbox is, how it is to work."""

    protocol: int
    """The version of the wire; a child that speaks another one must leave."""
    run_id: str
    """``{scenario}-{library}-{preset}-{ordinal}``, the ordinal with three digits."""
    role: Role
    """``worker`` = take jobs and run them; ``enqueuer`` = put jobs in."""
    slot: int
    incarnation: int
    library: str
    settings: dict[str, Any]
    dsn: str
    """The libpq connection string of the inbox and the bench tables."""
    application_name: str
    """The name that every database session of this child carries; see `session_name`."""
    concurrency: int
    """How many executions may be open at once."""
    pool_size: int
    """How many connections the job body may use for its queries and effects."""
    max_attempts: int
    """How many executions a failing job gets."""
    kinds: tuple[str, ...]
    """The names under which jobs may arrive."""
    effects: bool
    """Whether a job commits a row in ``bench_effect``."""
    event_fd: int
    """The inherited descriptor to which events are written."""
    clock_anchor: ClockAnchor
    """From it the child makes its timestamps: wall_ns + (t_ns - monotonic_ns)."""
    provider: str | None = None
    """URL of the third party that external-API jobs call with ``POST /jobs/{job_id}?failures=k``,
    k = how often the job has failed so far; none = they sleep."""
    worker_name: str | msgspec.UnsetType = msgspec.UNSET
    """The name under which the library is to claim rows, the same for every incarnation of the
    slot; see `lasting_name`. Left out = one that no other incarnation bears. Told only to an
    adapter that offers ``worker_name``."""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line on a child's stdin after `Init`: ``stop`` = claim nothing more, finish, exit 0;
    ``die`` = SIGKILL your own process group, as a job of yours has said that it would."""

    command: Literal["stop", "die"]
    """What to do."""


class JobToEnqueue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job as an enqueuer is handed it."""

    job_id: str
    kind: str
    payload: str
    """A `Plan` as JSON; it becomes the job's payload as it stands."""
    dedup_key: str | None
    """The queue is to take one job with this key, whoever enqueues it; none = no such wish."""


class EnqueueCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line on an enqueuer's stdin: put all `jobs` into the queue, in one go."""

    command: Literal["enqueue"]
    """What to do."""
    jobs: tuple[JobToEnqueue, ...]
    """What to put in."""


class JobAnswer(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the queue said to one job."""

    outcome: Literal["accepted", "deduplicated", "rejected"]
    """``accepted`` = taken as a row of its own; ``deduplicated`` = the queue had a job with its
    key; ``rejected`` = refused."""
    inbox_id: str | None = None
    """Of an accepted job: its row."""
    into: str | None = None
    """Of a deduplicated job: the row that the queue had already, where it says which."""
    error: str = ""
    """Of a rejected job: why. The queue certainly has not taken it."""


class AskCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line on an enqueuer's stdin: have the library's cache serve the result of one address, the
    job's `dedup_key`; `job` does the work where the cache has not got it."""

    command: Literal["ask"]
    """What to do."""
    job: JobToEnqueue
    """What is put into the queue where the cache has no result."""
    give_up_s: float
    """How long to wait for one, seconds."""


class AskAnswer(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An enqueuer's line on the event descriptor: what its caller was served."""

    outcome: Literal["hit", "miss", "joined"]
    """``hit`` = the cache had it; ``miss`` = the queue took the job, or refused it; ``joined`` =
    the queue had a job of that address already."""
    answered_ns: int
    """When every byte was there, or it gave up, CLOCK_MONOTONIC."""
    enqueued: JobAnswer | None = None
    """What the queue said to the job; left out of a hit."""
    enqueued_ns: int | None = None
    """When it had said so, CLOCK_MONOTONIC; left out of a hit."""
    sha256: str | None = None
    """Of all that was served; left out where nothing was."""
    bytes: int | None = None
    """How much that was."""
    error: str = ""
    """Why nothing was served."""


class EnqueueAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An enqueuer's line on the event descriptor: one answer a job, in their order."""

    results: tuple[JobAnswer, ...]
    """As many as the command had jobs."""


class CachedResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a job puts into the queue's cache, so that whoever asks for its address may have it.

    Its bytes are the first `bytes` of the SHA-256 digests of ``{key}/0``, ``{key}/1``, ...: see
    `worker_child.cached_result`.
    """

    address: str
    """Under which it is kept, and asked for."""
    key: str
    """What its bytes are made of; no two addresses of a run have the same."""
    bytes: int
    """How long it is."""


class Plan(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename={"job_class": "class"},
):
    """What one job does. It travels as the payload; the child only interprets it."""

    job_id: str
    kind: str
    profile: Profile
    """What the time goes into: ``cpu`` burns, ``db`` queries, ``external_api`` waits."""
    length_us: int
    """Planned wall-clock length of the work, microseconds."""
    tenant: str | None = None
    queries: int = 0
    """Profile db: the length is spent in this many queries of equal length."""
    cpu_iterations: int = 0
    """Profile cpu: this many rounds of PBKDF2-HMAC-SHA256 (RFC 8018) are burnt."""
    fail: tuple[ErrorClass, ...] = ()
    """The nth failure of this job is of the nth class; after the last one the job succeeds."""
    hold: HoldPoint | None = None
    """In incarnation 0 of its slot the job stops here until the process is killed."""
    die: bool = False
    """Whenever it runs it kills its own worker: its work done, and before its effect, it says so
    (``job_dying``) and waits for the command ``die``."""
    job_class: str = ""
    """Of a job that another one enqueues: its duration class, for its ``job_enqueued`` line."""
    children: tuple[Plan, ...] = ()
    """A coordinator's per-tenant jobs: it enqueues them through the library, in one go, when its
    own work is done and before its effect."""
    result: CachedResult | None = None
    """What it puts into the queue's cache; only where the adapter offers ``cache``."""
    pad: str = ""
    """Fills the payload to its planned size."""


class Rescue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a preset frees an orphan, as the adapter computes it from the preset's settings."""

    mechanism: str
    """What frees an orphan, in words."""
    lease_s: float
    """How long a claim is respected after its holder's last sign of life."""
    interval_s: float
    """How often the library looks for orphans; 0 = with each poll."""
    poll_s: float
    """How long an idle worker may sleep before it looks for work."""

    def bound_s(self, outage_s: float) -> float:
        """The longest time from a kill until an orphan is claimable and a poll is due, seconds.

        `outage_s` is the time from the kill until the next worker of the slot is ready.
        """
        return max(self.lease_s, outage_s) + self.interval_s + self.poll_s


class ChildReady(msgspec.Struct, frozen=True, omit_defaults=True):
    """The library's listener is up and the first claim can happen."""

    t_ns: int
    n: int
    slot: int
    incarnation: int
    pid: int
    identity: str
    """The identity under which the library claims rows; rows are attributed by it alone."""
    effective: dict[str, Any] = {}
    """What the child really opened and set, for the table of configuration differences."""


class JobStarted(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The handler was entered: the pickup."""

    t_ns: int
    n: int
    slot: int
    incarnation: int
    job_id: str
    execution: int
    """The child's own counter: 1, 2, 3, ... each once, told of when it is counted."""
    inbox_id: str | None = None
    library_attempt: int | None = None


class JobCompleted(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The effect is durably committed; the handler has not yet returned to the library."""

    t_ns: int
    n: int
    slot: int
    incarnation: int
    job_id: str
    execution: int
    inbox_id: str | None = None


class JobFailed(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The handler is about to raise."""

    t_ns: int
    n: int
    slot: int
    incarnation: int
    job_id: str
    execution: int
    error_class: str
    """``rate_limit``, ``transient``, ``permanent``; ``unplanned`` = not by the job's plan."""
    message: str = ""
    """The exception's type and text, cut at 500 characters."""
    retry_after_s: float | None = None
    """What a provider's 429 asked to wait; whether the library heeds it is the library's affair."""
    inbox_id: str | None = None


class JobDying(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The job is about to kill its own worker, as its plan says; it waits for the word."""

    t_ns: int
    n: int
    slot: int
    incarnation: int
    job_id: str
    execution: int
    inbox_id: str | None = None


class JobRetried(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The library has taken a failed job back for another attempt, `delay_s` seconds after it
    failed."""

    t_ns: int
    job_id: str
    observed_by: str
    delay_s: float | None = None
    """How long the library will wait, from the failure on."""
    n: int | None = None
    slot: int | None = None
    incarnation: int | None = None
    execution: int | None = None
    inbox_id: str | None = None


class JobDiscarded(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The library has given the job up."""

    t_ns: int
    job_id: str
    observed_by: str
    n: int | None = None
    slot: int | None = None
    incarnation: int | None = None
    execution: int | None = None
    inbox_id: str | None = None


class JobEnqueued(
    msgspec.Struct, frozen=True, omit_defaults=True, gc=False, rename={"job_class": "class"}
):
    """The queue has taken a job. All instants are CLOCK_MONOTONIC nanoseconds."""

    t_ns: int
    """When the line was made: after the acknowledgement."""
    job_id: str
    outcome: EnqueueOutcome
    """``accepted`` by the queue, or ``recovered``: seen although the enqueue was indeterminate."""
    kind: str
    job_class: str
    """How long such a job takes: ``short``, ``medium`` or ``long``."""
    length_us: int
    """The job's planned wall-clock length."""
    intended_ns: int
    sent_ns: int | None = None
    acknowledged_ns: int | None = None
    """When the queue had answered, CLOCK_MONOTONIC."""
    tenant: str | None = None
    inbox_id: str | None = None
    n: int | None = None
    slot: int | None = None
    incarnation: int | None = None
    execution: int | None = None


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whatever a reader of the history should know and no other kind says."""

    t_ns: int
    code: str
    """What sort of note; see the table of codes."""
    message: str = ""
    """The same for a person."""
    detail: dict[str, Any] = {}
    """What belongs to it, for a program."""
    n: int | None = None
    slot: int | None = None
    incarnation: int | None = None


ChildEvent = (
    ChildReady
    | JobStarted
    | JobCompleted
    | JobFailed
    | JobDying
    | JobRetried
    | JobDiscarded
    | JobEnqueued
    | Note
)

EVENT_KINDS: dict[str, type[ChildEvent]] = {
    "child_ready": ChildReady,
    "job_started": JobStarted,
    "job_completed": JobCompleted,
    "job_failed": JobFailed,
    "job_dying": JobDying,
    "job_retried": JobRetried,
    "job_discarded": JobDiscarded,
    "job_enqueued": JobEnqueued,
    "note": Note,
}
"""Every kind of line that a child may write, and the type of its ``fields``."""

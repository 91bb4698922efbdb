"""What a scenario file may say: one typed table per section, with its defaults and bounds.

The field names are the file's keys. A value of a kind's ``class`` is the field `job_class`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from orchestrator.scenario.faults import Fault
from orchestrator.scenario.values import (
    AtLeastOne,
    Count,
    Factor,
    Name,
    Seconds,
    SecondsFromZero,
    Section,
    Share,
    Text,
)
from worker_child.protocol import ErrorClass, HoldPoint, Profile

JobClass = Literal["short", "medium", "long"]
Kind = Literal[
    "document_process",
    "document_batch_analyze",
    "entity_update",
    "entity_enrich",
    "tenant_rollup",
    "tenant_snapshot",
    "daily_coordinator",
    "monthly_coordinator",
    "notification_deliver",
]


class Steady(Section, frozen=True, kw_only=True, tag_field="shape", tag="steady"):
    """`rate_per_s` from beginning to end."""


class Ramp(Section, frozen=True, kw_only=True, tag_field="shape", tag="ramp"):
    """A straight line from `from_factor` to `to_factor` times `rate_per_s`."""

    from_factor: Factor = 1.0
    """At the beginning."""
    to_factor: Factor
    """At the end of `duration_s`."""


class Burst(Section, frozen=True, kw_only=True, tag_field="shape", tag="burst"):
    """`rate_per_s`, but `factor` times as much from `from_s` on, for `length_s`."""

    factor: Factor
    """How many times `rate_per_s`."""
    from_s: SecondsFromZero
    """When it begins, after T = 0."""
    length_s: Seconds
    """How long it lasts; it must end within `duration_s`."""


class Points(Section, frozen=True, kw_only=True, tag_field="shape", tag="points"):
    """Straight lines between points."""

    points: Annotated[tuple[tuple[SecondsFromZero, Factor], ...], Meta(min_length=1)]
    """Each is [second, factor of `rate_per_s`], in the order of time. The first is at second 0, the
    last factor holds to the end; two points at one second make a step."""


Curve = Steady | Ramp | Burst | Points


class KindOverride(Section, frozen=True, kw_only=True):
    """Other values for one kind than the methodology's table gives it."""

    job_class: JobClass | None = field(default=None, name="class")
    """How long such a job takes."""
    profile: Profile | None = None
    """What its time goes into."""
    tenant_scoped: bool | None = None
    """Whether it is one tenant's; false = the system's."""
    length_s: SecondsFromZero | None = None
    """Every job of the kind lasts as long, `time_scale` or not, and the length must lie within the
    class; else lengths are drawn within it. 0 = no work, in a closed loop alone."""


class Tenants(Section, frozen=True, kw_only=True):
    """Whose jobs they are. Tenant number 0 is the noisy or the largest one."""

    count: Annotated[int, Meta(ge=1, le=10_000)] = 10
    """How many there are."""
    distribution: Literal["uniform", "skewed", "power_law"] = "uniform"
    """How the jobs of tenant-scoped kinds fall to them."""
    noisy_share: Share | None = None
    """skewed: the share of tenant 0; the others divide the rest equally."""
    exponent: Annotated[float, Meta(ge=0, le=10)] | None = None
    """power_law: tenant k weighs (k + 1) ** -exponent."""


class Payload(Section, frozen=True, kw_only=True):
    """Sizes of the payload that goes into the queue, drawn uniformly, bytes."""

    min_bytes: Annotated[int, Meta(ge=1, le=10_000_000)] = 256
    """The smallest; a plan of 200 bytes and its planned failures must fit in."""
    max_bytes: Annotated[int, Meta(ge=1, le=10_000_000)] = 1024
    """The largest."""


class ErrorInjection(Section, frozen=True, kw_only=True):
    """Jobs that fail by plan: a `share` of them fails `failures` times, then succeeds."""

    share: Share
    """Of the jobs that it concerns, drawn by the seed."""
    error_class: ErrorClass
    """With what they fail; an adapter raises it as its library expects."""
    failures: Annotated[int, Meta(ge=1, le=100)] = 1
    """How many executions of the job fail; the next one succeeds, if the queue goes so far."""
    from_s: SecondsFromZero | None = None
    """It concerns jobs intended from here on, after T = 0; none = from the beginning."""
    to_s: Seconds | None = None
    """... and before this; none = to the end."""
    kinds: tuple[Kind, ...] = ()
    """Empty = every kind."""


class Dedup(Section, frozen=True, kw_only=True):
    """Each key is enqueued by several: job i of the stream bears key i // `enqueuers`."""

    enqueuers: Annotated[int, Meta(ge=2, le=64)]
    """So many, each with a connection of its own; all send a key at the same instant, or one after
    the other."""
    apart_s: SecondsFromZero = 0.0
    """From one enqueuer's turn with a key to the next one's; 0 = all at once, so that a key is one
    job's work. Apart each is a job of its own, unless the queue still has the last one."""


class Cache(Section, frozen=True, kw_only=True):
    """Callers ask for results by their addresses; a job is only what the cache has not got.

    Job i of the stream is one caller's question, and its work where the cache lacks the answer.
    Questions i // `concurrent_hits` are the same one, put by all callers at the same instant. The
    addresses come into play one after another, evenly over the stream; where none is new, one of
    those that were asked for before is asked for again, drawn by the seed.
    """

    unique_addresses: AtLeastOne
    """For how many different results they ask."""
    concurrent_hits: Annotated[int, Meta(ge=1, le=64)]
    """How many callers, each with a connection of its own, ask for one address at the same instant.
    Each waits for its answer before it asks again."""
    result_bytes: Annotated[int, Meta(ge=1, le=100_000_000)] = 65_536
    """How long each result is, bytes; what it is made of rests on the seed and the address."""
    answer_s: Seconds = 30.0
    """How long a caller waits for a result before it gives up, seconds."""


class HeldJobs(Section, frozen=True, kw_only=True):
    """Jobs that stop at a point of their body until their process is killed."""

    point: HoldPoint
    """Where they stop: after started, after the effect, after completed, or before the return to
    the library."""
    count: AtLeastOne
    """How many; all groups together at most `workers.concurrency`."""
    kind: Kind = "entity_update"
    """Of which kind they are."""
    length_s: Seconds = 0.05
    """How long each works, beside being held."""


class Wave(Section, frozen=True, kw_only=True):
    """Jobs that are enqueued together, in one call."""

    count: AtLeastOne = 1
    """How many."""
    kind: Kind = "notification_deliver"
    """Of which kind they are."""
    length_s: Seconds = 0.02
    """How long each works."""
    failures: Annotated[int, Meta(ge=0, le=100)] = 0
    """How many executions of each fail, as `transient`; the next one succeeds."""
    hold: HoldPoint | None = None
    """Where in their body they stop until their process is killed: after started, after the effect,
    after completed, or before the return to the library. The fault is then `when_held`."""


class WorkloadSettings(Section, frozen=True, kw_only=True):
    """Which jobs come, and when."""

    duration_s: Seconds
    """How long jobs are enqueued; endless: the least length before the first fault may come."""
    endless: bool = False
    """The stream goes on until the run cuts it."""
    closed_loop: bool = False
    """One job at a time: the next goes out a think time after the last has finished, until
    `duration_s` is over. The rate then only bounds how many there can be: rate x duration."""
    think_s: SecondsFromZero | None = None
    """Closed loop alone: before each job but the first it waits a time drawn by the seed, uniformly
    from 0 to this; none = 1. 0 = no wait: the figure then hangs on the phase of the library's own
    timers."""
    waves: tuple[Wave, ...] = ()
    """The stream comes in waves and not by the rate: each goes out once the queue has settled after
    the one before it, also where a fault came in between. Rate and mix then only describe it."""
    waves_from: Literal["ready", "before"] = "ready"
    """The first wave goes out when every worker is ready, or before the first one is started."""
    idle_s: SecondsFromZero = 0.0
    """Waves alone: so long the ready workers have nothing to do before the first wave goes out;
    until the fault, where one comes earlier."""
    warmup_s: SecondsFromZero = 0.0
    """Jobs intended earlier are left out of latencies and rates; the ledger has them all."""
    time_scale: Annotated[float, Meta(gt=0, le=100)] = 1.0
    """Multiplies the lengths of medium and long jobs; the classes must keep their order."""
    rate_per_s: Annotated[float, Meta(gt=0, le=1_000_000)]
    """Jobs a second; the curve's factors multiply it."""
    curve: Curve = Steady()
    """How the rate changes with time."""
    mix: dict[Kind, Share]
    """Each kind's share of the jobs; together 1."""
    kinds: dict[Kind, KindOverride] = field(default_factory=dict)
    """By kind: what is to be otherwise than in the table of kinds."""
    fan_out: Annotated[int, Meta(ge=0, le=100)] = 0
    """Into how many per-tenant jobs each coordinator fans out, one each for the first tenants; 0 =
    into none. They come on top of the rate and fail by no plan."""
    tenants: Tenants = Tenants()
    """Whose jobs they are."""
    payload: Payload = Payload()
    """How large the payloads are."""
    provider: Literal["sleep", "stub"] = "sleep"
    """What external-API jobs do: sleep in the worker, or call a provider over HTTP, which takes as
    long, and turns them away with 429 and Retry-After where the plan says rate_limit."""
    errors: Annotated[tuple[ErrorInjection, ...], Meta(max_length=8)] = ()
    """Jobs that fail by plan; where several hit one job, their failures come one after another."""
    dedup: Dedup | None = None
    """Several enqueuers for each key; none = one producer, no keys."""
    cache: Cache | None = None
    """Callers that ask a queue with a cache for results; none = jobs are enqueued."""
    held: tuple[HeldJobs, ...] = ()
    """Jobs that are enqueued once the stream has settled, and held until the kill."""


class WorkerSettings(Section, frozen=True, kw_only=True):
    """The workers, the same for every library."""

    slots: Annotated[int, Meta(ge=1, le=1000)] = 1
    """How many worker processes."""
    concurrency: Annotated[int, Meta(ge=1, le=10_000)]
    """Jobs that each of them runs at once; slots x concurrency = their total concurrency."""
    pool_size: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Connections that the jobs of one worker share."""
    max_attempts: Annotated[int, Meta(ge=1, le=1000)] = 5
    """How many executions a failing job gets."""


class Limits(Section, frozen=True, kw_only=True):
    """The bounds of every wait of a run, seconds."""

    ready_s: Seconds = 20.0
    """From a worker's spawn until it is ready."""
    held_s: Seconds = 30.0
    """From the first held job's enqueue until all are held."""
    sessions_gone_s: Seconds = 10.0
    """From a kill until the victim's database sessions are gone."""
    row_read_s: Seconds = 10.0
    """For reading the inbox's rows and the effects."""
    backlog_margin_s: SecondsFromZero = 10.0
    """What a job's deadline allows for its place behind the backlog."""
    max_bound_s: Seconds = 120.0
    """The longest predicted bound that the run waits for."""
    confirm_s: Seconds = 5.0
    """How long the drain watches a queue that never rescues."""
    settle_s: Seconds = 30.0
    """How long a repeated kill may take to settle beyond its bound."""
    turn_s: Seconds = 60.0
    """Closed loop: how long one job may take before the next goes out all the same."""
    drain_s: Seconds = 60.0
    """From the last enqueue until nothing is left, at the longest; after a kill the drain also goes
    on until the deadline of the last orphan."""
    stop_s: Seconds = 15.0
    """From the order to stop until the workers have ended."""


class Expectations(Section, frozen=True, kw_only=True):
    """What the run must find to pass; None = reported, not judged. What is 0 by default is expected
    of every queue: a scenario that plans it otherwise says so."""

    lost: Count | None = 0
    """Jobs that the queue took and that nobody ever ran to the end."""
    stranded: Count | None = 0
    """Jobs that a dead worker, or one that was told to stop, still holds after their deadline, or
    that wait then although a live worker is idle; where the preset never rescues, all that such a
    worker holds."""
    given_up: Count | None = 0
    """Jobs that the queue gave up though their handler never failed: by the crash alone."""
    discarded_unplanned: Count | None = 0
    """Other jobs that the queue gave up without a planned cause: planned is an error for good, or
    as many errors and kills as there are attempts."""
    unplanned_failures: Count | None = 0
    """Executions that failed as no plan foresaw, before the workers are asked to stop."""
    refused: Count | None = 0
    """Jobs that the queue refused; with `workload.dedup`, keys of which it took no job."""
    never_seen: Count | None = 0
    """Jobs whose enqueue had an unknown outcome and that were never seen."""
    missing_children: Count | None = 0
    """Jobs that a completed coordinator was to enqueue and that were never seen."""
    late_first_orphans: Count | None = 0
    """Kills whose first orphan came back later than the predicted bound and
    `limits.backlog_margin_s` together."""
    wrong_results: Count | None = None
    """Answers of a cache that are wrong, torn or another address's. With `workload.cache` it is 0
    where the file does not say otherwise."""
    unanswered: Count | None = None
    """Questions to a cache that got no result within `workload.cache.answer_s`. With
    `workload.cache` it is 0 where the file does not say otherwise."""
    addresses_run_again: Count | None = None
    """Addresses of which more than one job was executed. With `workload.cache` it is 0 where the
    file does not say otherwise. A job that is redelivered after a kill is still one job."""
    poison_comes_back: Count | None = None
    """With a fault `poison`: jobs that kill their worker and still came back when all deaths that
    it allows were used up, so that the queue does not give them up."""
    unexpected: Count | None = None
    """Not judged: any such job voids the run. For files of old."""
    harness_ambiguity: Count | None = None
    """Not judged: any such job voids the run. For files of old."""
    duplicated: Count | None = None
    """Jobs that were done twice or more, completed or with an effect: exactly so many."""
    max_duplicated: Count | None = None
    """The same, at most."""
    duplicates_live: Count | None = None
    """Jobs that were done twice or more and that no worker's death, nor a coordinator, explains:
    exactly so many."""
    duplicate_executions: Count | None = None
    """Jobs with two or more `job_completed` lines: exactly so many."""
    re_executions: Count | None = None
    """Jobs with a redelivery: exactly so many."""
    min_duplicate_executions: Count | None = None
    """Jobs with two or more `job_completed` lines: at least so many."""
    min_re_executions: Count | None = None
    """Jobs with a redelivery: at least so many."""
    certificates: Count | None = None
    """Faults, of whatever sort, with a complete certificate."""
    max_time_to_resume_s: Seconds | None = None
    """The longest time from a kill to the next start in its slot, of all kills."""
    max_first_orphan_s: Seconds | None = None
    """The longest time from a kill until the first of its orphans was started again."""
    max_last_settled_s: Seconds | None = None
    """The longest time from a kill until the last of its orphans had come to its end."""
    max_alive_and_idle_s: SecondsFromZero | None = None
    """The longest time, all stretches of more than a second together, that a worker lived and had a
    place free while a job waited, and took none."""
    max_first_work_s: Seconds | None = None
    """The longest time from the end of a fault until a worker that it concerned started a job."""


ServerCondition = Literal["check_off", "check_100ms"]
"""Whether a backend that is busy looks if its client is still there."""
CHECK_INTERVALS: dict[ServerCondition, str] = {"check_off": "0", "check_100ms": "100ms"}
"""By the condition: PostgreSQL's client_connection_check_interval, as it shows that."""


class Scenario(Section, frozen=True, kw_only=True):
    """A whole scenario file, defaults filled in."""

    name: Name
    """The first part of the run's name."""
    description: Text
    """What it does and what it asks, for people; RESULTS.md quotes it."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    """The workload rests on it alone; instants of repeated kills also on the run's ordinal."""
    preset: Text = "stock"
    """Which of the library's presets, where the command line names none."""
    effects: bool = True
    """Whether each job commits a row of its own; without them fewer verdicts can be reached."""
    over_capacity: bool = False
    """Allows a load that fills more than 60 % of the total concurrency, or of half the cores."""
    nobody_left: bool = False
    """Allows faults after which no worker lives: orphans then have nobody to rescue them."""
    list_round_trips: bool = False
    """The first process of slot 0 reaches the database through a proxy, and each of its round trips
    is noted in the history; needs `workload.waves`."""
    server: ServerCondition = "check_off"
    """How soon a backend that is busy notices that its client is gone, in the run's own database:
    ``check_off`` = not before it has finished (client_connection_check_interval = 0, as PostgreSQL
    has it); ``check_100ms`` = it looks every 100 ms (PostgreSQL 14 or newer)."""
    workload: WorkloadSettings
    """Which jobs come, and when."""
    workers: WorkerSettings
    """Who works on them."""
    faults: tuple[Fault, ...] = ()
    """What harm is done, and when."""
    limits: Limits = Limits()
    """How long each wait may take."""
    expectations: Expectations = Expectations()
    """What decides between pass and fail."""

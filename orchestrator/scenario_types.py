"""What a scenario file may say: one typed table per section, with its defaults and bounds.

The field names are the file's keys. A value of a kind's ``class`` is the field `job_class`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

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

# Upper bounds keep infinity out; none of them is near anything sensible.
Seconds = Annotated[float, Meta(gt=0, le=1_000_000)]
SecondsFromZero = Annotated[float, Meta(ge=0, le=1_000_000)]
Factor = Annotated[float, Meta(ge=0, le=10_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
AtLeastOne = Annotated[int, Meta(ge=1, le=1_000_000)]
Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern="^[a-z0-9_]{1,60}$")]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every table of a scenario file."""


class Steady(Section, frozen=True, kw_only=True, tag_field="shape", tag="steady"):
    """`rate_per_s` from beginning to end."""


class Ramp(Section, frozen=True, kw_only=True, tag_field="shape", tag="ramp"):
    """A straight line from `from_factor` to `to_factor` times `rate_per_s`."""

    from_factor: Factor = 1.0
    to_factor: Factor


class Burst(Section, frozen=True, kw_only=True, tag_field="shape", tag="burst"):
    """`rate_per_s`, but `factor` times as much from `from_s` on, for `length_s`."""

    factor: Factor
    from_s: SecondsFromZero
    length_s: Seconds


class Points(Section, frozen=True, kw_only=True, tag_field="shape", tag="points"):
    """Straight lines between points (second, factor of `rate_per_s`).

    The first point is at second 0, the last factor holds to the end; two points at one second
    make a step.
    """

    points: Annotated[tuple[tuple[SecondsFromZero, Factor], ...], Meta(min_length=1)]


Curve = Steady | Ramp | Burst | Points


class KindOverride(Section, frozen=True, kw_only=True):
    """Other values for one kind than the methodology's table gives it."""

    job_class: JobClass | None = field(default=None, name="class")
    profile: Profile | None = None
    tenant_scoped: bool | None = None
    length_s: SecondsFromZero | None = None
    """Every job of the kind lasts as long; else lengths are drawn within the class. 0 = no work,
    in a closed loop alone."""


class Tenants(Section, frozen=True, kw_only=True):
    """Whose jobs they are. Tenant number 0 is the noisy or the largest one."""

    count: Annotated[int, Meta(ge=1, le=10_000)] = 10
    distribution: Literal["uniform", "skewed", "power_law"] = "uniform"
    noisy_share: Share | None = None
    """skewed: the share of tenant 0; the others divide the rest equally."""
    exponent: Annotated[float, Meta(ge=0, le=10)] | None = None
    """power_law: tenant k weighs (k + 1) ** -exponent."""


class Payload(Section, frozen=True, kw_only=True):
    """Sizes of the payload that goes into the queue, drawn uniformly, bytes."""

    min_bytes: Annotated[int, Meta(ge=1, le=10_000_000)] = 256
    max_bytes: Annotated[int, Meta(ge=1, le=10_000_000)] = 1024


class ErrorInjection(Section, frozen=True, kw_only=True):
    """Jobs that fail by plan: a `share` of them fails `failures` times, then succeeds."""

    share: Share
    error_class: ErrorClass
    failures: Annotated[int, Meta(ge=1, le=100)] = 1
    from_s: SecondsFromZero | None = None
    to_s: Seconds | None = None
    kinds: tuple[Kind, ...] = ()
    """Empty = every kind."""


class Dedup(Section, frozen=True, kw_only=True):
    """Each key is enqueued by several at once: job i of the stream bears key i // `enqueuers`."""

    enqueuers: Annotated[int, Meta(ge=2, le=64)]
    """So many, each with a connection of its own; all send a key at the same instant."""


class HeldJobs(Section, frozen=True, kw_only=True):
    """Jobs that stop at a point of their body until their process is killed."""

    point: HoldPoint
    count: AtLeastOne
    kind: Kind = "entity_update"
    length_s: Seconds = 0.05


class WorkloadSettings(Section, frozen=True, kw_only=True):
    """Which jobs come, and when."""

    duration_s: Seconds
    """How long jobs are enqueued; endless: the least length before the first fault may come."""
    endless: bool = False
    """The stream goes on until the run cuts it."""
    closed_loop: bool = False
    """One job at a time: the next goes out when the last has finished, until `duration_s` is over.
    The rate then only bounds how many there can be: rate x duration."""
    warmup_s: SecondsFromZero = 0.0
    time_scale: Annotated[float, Meta(gt=0, le=100)] = 1.0
    """Multiplies the lengths of medium and long jobs."""
    rate_per_s: Annotated[float, Meta(gt=0, le=1_000_000)]
    curve: Curve = Steady()
    mix: dict[Kind, Share]
    """Each kind's share of the jobs; together 1."""
    kinds: dict[Kind, KindOverride] = {}
    fan_out: Annotated[int, Meta(ge=0, le=100)] = 0
    """Into how many per-tenant jobs each coordinator fans out, one each for the first tenants; 0 =
    into none. They come on top of the rate and fail by no plan."""
    tenants: Tenants = Tenants()
    payload: Payload = Payload()
    provider: Literal["sleep", "stub"] = "sleep"
    """What external-API jobs do: sleep in the worker, or call a provider over HTTP, which takes as
    long, and turns them away with 429 and Retry-After where the plan says rate_limit."""
    errors: Annotated[tuple[ErrorInjection, ...], Meta(max_length=8)] = ()
    dedup: Dedup | None = None
    held: tuple[HeldJobs, ...] = ()


class WorkerSettings(Section, frozen=True, kw_only=True):
    """The workers, the same for every library."""

    slots: Annotated[int, Meta(ge=1, le=1000)] = 1
    concurrency: Annotated[int, Meta(ge=1, le=10_000)]
    pool_size: Annotated[int, Meta(ge=1, le=1000)] = 10
    max_attempts: Annotated[int, Meta(ge=1, le=1000)] = 5


class When(Section, frozen=True, kw_only=True):
    """A state of the run that triggers a fault: all that is given must hold at once."""

    completed: Count | None = None
    in_flight: Count | None = None


class Fault(Section, frozen=True, kw_only=True):
    """One injected harm, with exactly one trigger: at_s, when, when_held or repeat."""

    what: Literal["sigkill"] = "sigkill"
    slot: Annotated[int, Meta(ge=0)] = 0
    at_s: Seconds | None = None
    when: When | None = None
    when_held: bool = False
    repeat: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    """This many times, each after the last has settled."""
    respawn_after_s: SecondsFromZero | None = None
    """From the kill; None = never."""


class Limits(Section, frozen=True, kw_only=True):
    """The bounds of every wait of a run, seconds."""

    ready_s: Seconds = 20.0
    held_s: Seconds = 30.0
    """From the first held job's enqueue until all are held."""
    sessions_gone_s: Seconds = 10.0
    row_read_s: Seconds = 10.0
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
    """The drain of a run without a kill."""
    stop_s: Seconds = 15.0


class Expectations(Section, frozen=True, kw_only=True):
    """What the run must find to pass; None = reported, not judged."""

    lost: Count | None = 0
    stranded: Count | None = 0
    unexpected: Count | None = 0
    harness_ambiguity: Count | None = 0
    duplicate_executions: Count | None = None
    re_executions: Count | None = None
    min_duplicate_executions: Count | None = None
    min_re_executions: Count | None = None
    certificates: Count | None = None
    max_time_to_resume_s: Seconds | None = None


class Scenario(Section, frozen=True, kw_only=True):
    """A whole scenario file, defaults filled in."""

    name: Name
    description: Text
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    preset: Text = "stock"
    effects: bool = True
    over_capacity: bool = False
    workload: WorkloadSettings
    workers: WorkerSettings
    faults: tuple[Fault, ...] = ()
    limits: Limits = Limits()
    expectations: Expectations = Expectations()

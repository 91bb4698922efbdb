"""What all faults of a scenario have in common: what makes one due, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from orchestrator.scenario.values import AtLeastOne, Count, Seconds, Section, Text
from worker_child.adapters.contract import Offer

if TYPE_CHECKING:
    from orchestrator.scenario.faults import Fault

PointPhase = Literal["starting up", "idle", "waiting", "started", "effect", "completed", "failed"]
"""Where a worker stands at a round trip: not yet ready; ready, without a job; or where the least
advanced job stands that has been enqueued and is not done."""
PointSide = Literal["before", "after", "delayed"]


class When(Section, frozen=True, kw_only=True):
    """A state of the run that triggers a fault: all that is given must hold at once."""

    completed: Count | None = None
    """At least so many jobs were completed."""
    in_flight: Count | None = None
    """At least so many rows of the inbox are claimed."""


class AtPoint(Section, frozen=True, kw_only=True):
    """One round trip between a worker's first process and the database, by what names it."""

    statement: Text | None = None
    """Its SQL, literals replaced by ?; none = that of the acknowledgement, whatever it is: the
    first round trip, once all jobs have completed, after whose answer the queue has work with no
    row any more."""
    phase: PointPhase | None = None
    """Where its worker's jobs stand when the request has come; none = wherever they stand, once
    the worker is ready."""
    wave: Annotated[int, Meta(ge=0)] | None = None
    """Of those that come once this wave, from 0, has begun to be enqueued and before the next; none
    = whenever they come."""
    ordinal: AtLeastOne = 1
    """Which of those that are equal in all of this, from 1."""
    with_rows: bool = False
    """Of those that returned or changed rows, and before them of those of which that is known by
    then, as they end a transaction; else whether they did or not."""
    side: PointSide
    """``before`` = nothing of the request has reached the server; ``after`` = the whole answer has
    come, and nothing of it has reached the worker; ``delayed`` = as before, and the request reaches
    the server when another process has the worker's place: see `deliver_within_s`."""


TriggerKey = Literal["at_s", "when", "when_held", "at_point", "repeat"]


class Triggered(Section, frozen=True, kw_only=True):
    """What every fault has: exactly one trigger, at_s, when, when_held, at_point or repeat; none
    where jobs bring it about."""

    TRIGGERS: ClassVar[tuple[TriggerKey, ...]] = ("at_s", "when", "repeat")
    """Those that its sort takes: held jobs wait for the end of their process, and a round trip for
    whoever holds it."""
    NEEDS_OWN_SERVER: ClassVar[bool] = False
    """It harms more than the run's own database: nothing for a server given by DSN."""
    TAKES_SERVER: ClassVar[bool] = False
    """While it lasts nobody has a server, or gets at the queue, the run itself included."""
    STOPS_WORK: ClassVar[bool] = False
    """While it lasts the server is there, and no worker gets anything done."""
    HOLDS_UP: ClassVar[bool] = True
    """Workers that it hits and does not end, all of them where it hits none in particular, cannot
    be expected to get on while it lasts."""
    BY_JOBS: ClassVar[bool] = False
    """Jobs of the workload bring it about, and in whichever slot they run: it has no trigger and no
    slot of its own, and there are so many at the most."""
    HAS_BYSTANDER: ClassVar[bool] = False
    """In its runs a session that has nothing to do with the queue works in the same database."""
    NEEDS: ClassVar[tuple[Offer, ...]] = ()
    """What the library must be able to do, or there is nothing that this could be done to."""
    at_s: Seconds | None = None
    """Trigger: an instant after T = 0, while jobs are enqueued."""
    when: When | None = None
    """Trigger: a state of the run."""
    when_held: bool = False
    """Trigger: all held jobs stand at their points."""
    at_point: AtPoint | None = None
    """Trigger: a round trip of the worker's first process, at which all of its connections are
    frozen by a proxy; needs `workload.waves`, and is the run's only fault."""
    repeat: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    """Trigger: this many times, each after the last has settled; needs an endless stream."""

    @property
    def slots(self) -> tuple[int, ...]:
        """Whose workers it hits; empty = no worker's."""
        return ()

    @property
    def needs_network(self) -> bool:
        """All processes of its slots reach the database through a proxy, which is their network."""
        return False

    @property
    def outage_s(self) -> float | None:
        """From the fault until it is healed; None = never."""
        return 0.0

    @property
    def empty_s(self) -> float | None:
        """How long nobody in its slots takes any job, at the most; None = for ever."""
        return self.outage_s

    @property
    def overlaps(self) -> bool:
        """For a while its slots have two workers each."""
        return False

    @property
    def each(self) -> tuple[Fault, ...]:
        """The faults that it comes to, each with a number and a certificate of its own; those of
        one trigger or instant are done together."""
        return (self,)  # type: ignore[return-value]  # whoever adds a sort adds it to Fault


Slots = Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1)]


def shifted(at_s: float | None, by_s: float) -> float | None:
    """An instant, so much later."""
    return None if at_s is None else round(at_s + by_s, 9)

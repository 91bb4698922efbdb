"""Faults that a worker is told of, or that leave a part of it alive: a table of a file for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from orchestrator.scenario.triggered import Slots, Triggered, shifted
from orchestrator.scenario.values import AtLeastOne, Seconds, SecondsFromZero

if TYPE_CHECKING:
    from orchestrator.scenario.faults import Fault


class Deploy(Triggered, frozen=True, kw_only=True, tag_field="what", tag="deploy"):
    """A worker is told to stop in the wire's own way, as a deploy does it: it is to take nothing
    more and to finish what it has. If it still runs after `grace_s` it is killed. A new process
    fills its slot. Several slots have their turns one after the other: a rolling deploy."""

    slots: Slots = (0,)
    """Whose workers are told to stop, from 0, in this order."""
    grace_s: Seconds
    """How long a worker may take to leave, from when it was told."""
    every_s: Seconds | None = None
    """From one slot's turn to the next; needed where there are several."""
    successor: Literal["before", "at", "after"] = "after"
    """When a new process fills the slot: ``before`` = its predecessor is told to stop once it is
    ready; ``at`` = it is started at that moment; ``after`` = once its predecessor is gone."""

    @property
    def outage_s(self) -> float | None:
        """The grace: what has not left by then is killed, and its slot filled again."""
        return self.grace_s

    @property
    def empty_s(self) -> float | None:
        """Who is told to stop takes nothing from then on."""
        return self.grace_s if self.successor == "after" else 0.0

    @property
    def overlaps(self) -> bool:
        """Unless the next process waits for the end of the last."""
        return self.successor != "after"

    @property
    def each(self) -> tuple[Fault, ...]:
        """One for each slot."""
        period_s = self.every_s or 0.0
        return tuple(
            replace(self, slots=(slot,), at_s=shifted(self.at_s, place * period_s), every_s=None)
            for place, slot in enumerate(self.slots)
        )


class Poison(Triggered, frozen=True, kw_only=True, tag_field="what", tag="poison"):
    """Some jobs of the stream kill their own worker whenever they run: each works to its end, says
    what it is about to do, and its worker kills its own process group. It has no trigger."""

    TRIGGERS = ()
    BY_JOBS = True
    jobs: AtLeastOne = 1
    """How many jobs of the stream are poison, drawn by the seed from its middle half."""
    deaths: Annotated[int, Meta(ge=1, le=1000)]
    """How many deaths there may be, so that a run with a poison that always comes back has an end:
    more than `jobs` x `workers.max_attempts`. Whoever comes back then is made to wait."""
    respawn_after_s: SecondsFromZero
    """When a new process fills the slot, from each death."""

    @property
    def outage_s(self) -> float | None:
        """Until the slot is filled again."""
        return self.respawn_after_s

    @property
    def each(self) -> tuple[Fault, ...]:
        """One for each death that there may be."""
        return (replace(self, deaths=1),) * self.deaths


class Terminate(Triggered, frozen=True, kw_only=True, tag_field="what", tag="terminate"):
    """A worker's first process gets SIGTERM, as a supervisor sends it, and once more if it still
    runs; then its process group is killed. Only for a library that handles the signal itself
    (``sigterm`` among what its adapter offers). A new process fills the slot after its end."""

    NEEDS = ("sigterm",)
    slot: Annotated[int, Meta(ge=0)] = 0
    """Whose worker gets it, from 0."""
    again_after_s: Seconds
    """When it gets the second one, from the first: sooner than the end of the grace."""
    grace_s: Seconds
    """When it is killed, from the first signal."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The one that is terminated."""
        return (self.slot,)

    @property
    def outage_s(self) -> float | None:
        """The grace: what has not left by then is killed, and its slot filled again."""
        return self.grace_s


class KillLeaderOnly(
    Triggered, frozen=True, kw_only=True, tag_field="what", tag="kill_leader_only"
):
    """SIGKILL of a worker's first process alone: those that it has started live on, as under a
    supervisor that knows of the first one only. A new process fills the slot at once, beside them.
    Only for a library whose jobs run in processes of their own (``child_processes`` among what its
    adapter offers)."""

    NEEDS = ("child_processes",)
    slot: Annotated[int, Meta(ge=0)] = 0
    """Whose worker's first process it hits, from 0."""
    survivors_for_s: Seconds
    """How long those that live on are let be, from its death; then the process group is killed."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The one whose leader is killed."""
        return (self.slot,)

    @property
    def outage_s(self) -> float | None:
        """Until those that live on are killed."""
        return self.survivors_for_s

    @property
    def empty_s(self) -> float | None:
        """The next process comes at once."""
        return 0.0

    @property
    def overlaps(self) -> bool:
        """Those that live on are there beside the next worker."""
        return True


class SameIdentity(Triggered, frozen=True, kw_only=True, tag_field="what", tag="same_identity"):
    """SIGKILL of a worker's process group; the next process of the slot comes back under the same
    worker name, as where the name is the host's or the pod's. All processes of the slot bear it.
    Only for a library that takes a name (``worker_name`` among what its adapter offers)."""

    NEEDS = ("worker_name",)
    slot: Annotated[int, Meta(ge=0)] = 0
    """Whose worker it hits, from 0."""
    respawn_after_s: Seconds
    """When a new process fills the slot, from the kill."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The one whose worker is killed."""
        return (self.slot,)

    @property
    def outage_s(self) -> float | None:
        """Until the slot is filled again."""
        return self.respawn_after_s


def named_slots(faults: Iterable[Triggered]) -> frozenset[int]:
    """The slots whose processes all bear one worker name."""
    return frozenset(fault.slot for fault in faults if isinstance(fault, SameIdentity))

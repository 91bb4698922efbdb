"""What a scenario file may say of faults: one table for each sort."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from orchestrator.scenario.database_faults import (
    DatabasePause,
    PinnedSnapshot,
    PoolExhaustion,
    ReadOnly,
    TableLock,
)
from orchestrator.scenario.triggered import AtPoint, Slots, Triggered, shifted
from orchestrator.scenario.values import AtLeastOne, Seconds, SecondsFromZero
from orchestrator.scenario.worker_faults import (
    Deploy,
    KillLeaderOnly,
    Poison,
    SameIdentity,
    Terminate,
)

DELIVERY_LIMIT_S = 10.0
"""So long a late request may take to be answered: the server may keep it waiting for a lock that
another worker holds."""


class Kill(Triggered, frozen=True, kw_only=True, tag_field="what", tag="kill"):
    """SIGKILL of a worker's process group. `what` may be left out."""

    TRIGGERS = ("at_s", "when", "when_held", "at_point", "repeat")
    slot: Annotated[int, Meta(ge=0)] = 0
    """Whose worker it hits, from 0."""
    respawn_after_s: SecondsFromZero | None = None
    """When a new process fills the slot, from the kill; none = never."""
    deliver_within_s: Seconds | None = None
    """With `at_point.side` = delayed: the held request is delivered once the new process is ready
    and the jobs of the last wave have been started again; at the latest so long after it is
    ready."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The one that is killed."""
        return (self.slot,)

    @property
    def outage_s(self) -> float | None:
        """Until the slot is filled again."""
        return self.respawn_after_s


class KillAtOnce(Triggered, frozen=True, kw_only=True, tag_field="what", tag="kill_at_once"):
    """SIGKILL of several workers' process groups at one instant, as when their machine dies. It
    waits until each of the slots has a worker."""

    slots: Slots
    """Whose workers it hits, from 0."""
    respawn_after_s: SecondsFromZero | None = None
    """When new processes fill the slots, from the kill; none = never."""

    @property
    def outage_s(self) -> float | None:
        """Until the slots are filled again."""
        return self.respawn_after_s

    @property
    def each(self) -> tuple[Fault, ...]:
        """One for each slot."""
        return tuple(replace(self, slots=(slot,)) for slot in self.slots)


class Storm(Triggered, frozen=True, kw_only=True, tag_field="what", tag="storm"):
    """SIGKILL of the same workers again and again, sooner than anybody can have recovered. Each
    round waits until each of the slots has a worker, ready or not."""

    TRIGGERS = ("at_s",)
    slots: Slots
    """Whose workers it hits in each round, from 0."""
    rounds: Annotated[int, Meta(ge=1, le=1000)]
    """How many rounds."""
    every_s: Seconds
    """From one round to the next."""
    respawn_after_s: SecondsFromZero
    """When new processes fill the slots, from each kill: sooner than the next round."""

    @property
    def outage_s(self) -> float | None:
        """Until the slots are filled again."""
        return self.respawn_after_s

    @property
    def each(self) -> tuple[Fault, ...]:
        """One for each slot in each round."""
        return tuple(
            replace(self, slots=(slot,), at_s=shifted(self.at_s, place * self.every_s), rounds=1)
            for place in range(self.rounds)
            for slot in self.slots
        )


class CrashLoop(Triggered, frozen=True, kw_only=True, tag_field="what", tag="crash_loop"):
    """SIGKILL of a worker, and of its successors before they are ready, as when a container is
    started and started again; the last one is let live."""

    TRIGGERS = ("at_s",)
    slot: Annotated[int, Meta(ge=0)] = 0
    """Whose worker it hits, from 0."""
    successors: Annotated[int, Meta(ge=1, le=1000)]
    """How many successors are killed. One that was ready by then makes the run invalid."""
    respawn_after_s: SecondsFromZero
    """When a new process fills the slot, from each kill."""
    killed_after_s: Seconds = 0.05
    """When a successor is killed, from its planned start."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The one whose workers are killed."""
        return (self.slot,)

    @property
    def outage_s(self) -> float | None:
        """Until the slot is filled again."""
        return self.respawn_after_s

    @property
    def each(self) -> tuple[Fault, ...]:
        """The worker, then its successors, each planned as one of none."""
        period_s = self.respawn_after_s + self.killed_after_s
        later = (shifted(self.at_s, place * period_s) for place in range(1, self.successors + 1))
        return (self, *(replace(self, at_s=at_s, successors=0) for at_s in later))

    @property
    def is_first(self) -> bool:
        """Whether it is the kill that the loop begins with, and not that of a successor."""
        return self.successors > 0


class Stall(Triggered, frozen=True, kw_only=True, tag_field="what", tag="stall"):
    """A worker whose connections with the database stand still for a while, whatever they carry;
    its process goes on. Its trigger is `at_point`."""

    TRIGGERS = ("at_point",)
    slot: Annotated[int, Meta(ge=0)] = 0
    """Whose worker it hits, from 0."""
    stall_s: Seconds
    """How long they stand still; then everything flows again, in order. With `rescuer_at` at the
    longest: it is over once that worker is held."""
    rescuer_slot: Annotated[int, Meta(ge=0)] = 1
    """Whose worker is started once the connections stand still: it has none before."""
    rescuer_at: AtPoint | None = None
    """The rescuer's race: a round trip at which that worker's first process is held in its turn,
    until everything of the stalled one flows again and the request at which that one was held has
    been answered; then it goes on. It is counted from its first connection on, and has no phase and
    no wave."""
    list_rescuer: bool = False
    """That worker's first process reaches the database through a proxy of its own, and each of its
    round trips until everything flows again is noted in the history; not with `rescuer_at`."""

    @property
    def has_rescuers_proxy(self) -> bool:
        """Whether a proxy stands before the worker that comes meanwhile."""
        return self.list_rescuer or self.rescuer_at is not None

    @property
    def slots(self) -> tuple[int, ...]:
        """The one that is stalled."""
        return (self.slot,)

    @property
    def outage_s(self) -> float | None:
        """Until everything flows again."""
        return self.stall_s


class Pause(Triggered, frozen=True, kw_only=True, tag_field="what", tag="pause"):
    """A worker's process group is stopped (SIGSTOP) and goes on after a while (SIGCONT). What it
    had sent before is carried out by the database; its sessions stay open."""

    slot: Annotated[int, Meta(ge=0)] = 0
    """Whose worker it hits, from 0."""
    pause_s: Seconds
    """How long it is stopped. Longer than the library's lease, others take what it is at."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The one that is stopped."""
        return (self.slot,)

    @property
    def outage_s(self) -> float | None:
        """Until it goes on."""
        return self.pause_s


class KillDuringEnqueue(
    Triggered, frozen=True, kw_only=True, tag_field="what", tag="kill_during_enqueue"
):
    """SIGKILL of a process that enqueues, while a batch of its is under way: at the request that
    makes the batch the queue's own. From then on another process sends what falls due. With this
    fault every adapter enqueues by a process of its own, which reaches the database through a
    proxy."""

    TRIGGERS = ("at_s",)
    HOLDS_UP = False
    side: Literal["before", "after"] = "after"
    """``before`` = nothing of that request has reached the server: the queue has none of the batch;
    ``after`` = its whole answer has come, and nothing of it has reached the producer: the queue has
    all of it, and the producer knows of none."""
    batch: AtLeastOne = 1
    """Of how many jobs the batch is, at least; it waits for the first such one after its
    instant."""
    rounds: Annotated[int, Meta(ge=1, le=1000)] = 1
    """How many producers are killed, one after another."""
    every_s: Annotated[float, Meta(ge=0.5, le=1_000_000)] = 2.0
    """From one to the next."""

    @property
    def each(self) -> tuple[Fault, ...]:
        """One for each round."""
        instants = (shifted(self.at_s, place * self.every_s) for place in range(self.rounds))
        return tuple(replace(self, at_s=at_s, rounds=1) for at_s in instants)


class BackendTerminate(
    Triggered, frozen=True, kw_only=True, tag_field="what", tag="backend_terminate"
):
    """pg_terminate_backend of sessions that a worker has with the database; its process goes on."""

    TRIGGERS = ("at_s", "when", "at_point", "repeat")
    slot: Annotated[int, Meta(ge=0)] = 0
    """Whose worker's sessions are ended, from 0."""
    which: Literal["all", "listener", "acknowledging"] = "all"
    """``all`` that it has; those alone that have said LISTEN, which a proxy between the slot and
    the database knows; or ``acknowledging``, the one whose round trip `at_point` names: its request
    never reaches the server, or its answer the worker."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The one whose sessions are ended."""
        return (self.slot,)

    @property
    def needs_network(self) -> bool:
        """To know who listens."""
        return self.which == "listener"


class Blackhole(Triggered, frozen=True, kw_only=True, tag_field="what", tag="blackhole"):
    """The network between workers and the database swallows everything for a while, both ways: no
    byte passes, no connection ends, and whoever opens one gets no answer. Then all of it arrives,
    late and in order."""

    slots: Slots = (0,)
    """Whose workers' network it is, from 0; for each a fault of its own, at one instant."""
    for_s: Seconds
    """How long nothing passes."""

    @property
    def needs_network(self) -> bool:
        """It is the network that is harmed."""
        return True

    @property
    def outage_s(self) -> float | None:
        """Until everything flows again."""
        return self.for_s

    @property
    def each(self) -> tuple[Fault, ...]:
        """One for each slot."""
        return tuple(replace(self, slots=(slot,)) for slot in self.slots)


class Reset(Triggered, frozen=True, kw_only=True, tag_field="what", tag="reset"):
    """All connections of workers with the database are reset, with what they carry, and for a while
    each new one is as well, as soon as it is there."""

    slots: Slots = (0,)
    """Whose workers' network it is, from 0; for each a fault of its own, at one instant."""
    for_s: Seconds
    """How long new connections are reset."""

    @property
    def needs_network(self) -> bool:
        """It is the network that is harmed."""
        return True

    @property
    def outage_s(self) -> float | None:
        """Until new connections are taken."""
        return self.for_s

    @property
    def each(self) -> tuple[Fault, ...]:
        """One for each slot."""
        return tuple(replace(self, slots=(slot,)) for slot in self.slots)


class DatabaseRestart(
    Triggered, frozen=True, kw_only=True, tag_field="what", tag="database_restart"
):
    """The server is stopped as by `pg_ctl stop -m fast`, which ends every session, and started
    again on its data. Only of a server that is the run's own."""

    NEEDS_OWN_SERVER = True
    TAKES_SERVER = True
    down_s: Annotated[float, Meta(ge=0, le=30)] = 2.0
    """From the order to stop until it is started again; later where the stop takes longer."""

    @property
    def outage_s(self) -> float | None:
        """Until it is started again."""
        return self.down_s


class DatabaseCrash(Triggered, frozen=True, kw_only=True, tag_field="what", tag="database_crash"):
    """One of the server's backends, an idle one of the run's own, is killed by SIGKILL: the server
    ends all sessions and goes through crash recovery. Only of a server that is the run's own."""

    NEEDS_OWN_SERVER = True
    TAKES_SERVER = True


Fault = (
    Kill
    | KillAtOnce
    | Storm
    | CrashLoop
    | KillLeaderOnly
    | Stall
    | Pause
    | KillDuringEnqueue
    | Deploy
    | Terminate
    | Poison
    | SameIdentity
    | BackendTerminate
    | Blackhole
    | Reset
    | DatabaseRestart
    | DatabaseCrash
    | ReadOnly
    | PoolExhaustion
    | TableLock
    | DatabasePause
    | PinnedSnapshot
)
"""Every fault there is: the union of the types whose tag `what` is."""

UNTAGGED_FAULT = "kill"
"""What an entry of [[faults]] is that has no `what`."""
FORMER_FAULTS = {"sigkill": "kill"}
"""Words that scenario files and histories of version 1 have for a fault, and today's."""

"""Whom a fault can hit, and with what it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.history.sessions import Session
from orchestrator.history.targets import Target, WorkerTarget
from orchestrator.load.producer_process import ProducerProcesses
from orchestrator.observe.absence import ServerAbsence
from orchestrator.observe.probe import Probe
from orchestrator.postgres.server import Server
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.triggered import Triggered
from orchestrator.workers.child import ChildHandle
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.tracker import Tracker


class _Closes(Protocol):
    def close(self) -> None: ...


Closable = TypeVar("Closable", bound=_Closes)


@dataclass(frozen=True)
class Reach:
    """What a fault may lay hands on, and what it may look at."""

    fleet: Fleet
    tracker: Tracker
    probe: Probe
    watch: RoundTripWatch | None = None
    """Of the worker behind the proxy, where there is one."""
    server: Server | None = None
    """The PostgreSQL of the run."""
    absence: ServerAbsence = field(default_factory=ServerAbsence)
    """Whether a fault keeps that away."""
    producers: ProducerProcesses | None = None
    """The processes that enqueue, where a fault is to hit one."""
    networks: Mapping[int, Proxy] = field(default_factory=dict)
    """By a slot: what lies between its workers and the server, where a fault is to harm that."""
    terminated: dict[int, list[Session]] = field(default_factory=dict)
    """By a fault's number: the sessions that it told to end."""
    opened: ExitStack = field(default_factory=ExitStack)
    """What faults hold open: with the run it ends, however that ends."""

    def holding(self, closable: Closable) -> Closable:
        """The same, closed at the end of the run where nobody has closed it before."""
        self.opened.callback(closable.close)
        return closable


def server_of(reach: Reach) -> Server:
    """The run's server."""
    assert reach.server is not None, "a run has a server"
    return reach.server


class Victim(Protocol):
    """Whom or what a fault hits, found just before it."""

    @property
    def target(self) -> Target:
        """As the history names it."""
        ...


@dataclass(frozen=True)
class Worker:
    """A worker that lives."""

    child: ChildHandle

    @property
    def target(self) -> WorkerTarget:
        """As the history names it."""
        return WorkerTarget(self.child.slot, self.child.incarnation, self.child.pid)

    @property
    def place(self) -> tuple[int, int]:
        """(slot, incarnation)"""
        return self.child.slot, self.child.incarnation


def worker(reach: Reach, entry: Triggered) -> Worker | None:
    """The worker of the entry's only slot; None = the slot has none at this moment.

    What has an instant, or a round trip, hits it then, ready or not; a round trip is one of the
    slot's first process, and no other one is hit for it. What waits for a state waits
    for a worker that is ready too: before that there is no state of its to aim at.
    """
    (slot,) = entry.slots
    child = reach.fleet.in_slot(slot)
    if child is None or (entry.at_point is not None and child.incarnation != 0):
        return None
    is_ready = (child.slot, child.incarnation) in reach.tracker.ready
    whenever = entry.at_s is not None or entry.at_point is not None
    return Worker(child) if is_ready or whenever else None


def slots_named(slots: tuple[int, ...]) -> str:
    """For a person."""
    return f"slot{'s' if len(slots) > 1 else ''} {', '.join(map(str, slots))}"

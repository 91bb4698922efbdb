"""Whom a fault can hit, and with what it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.history.records import Target, WorkerTarget
from orchestrator.observe.probe import Probe
from orchestrator.scenario.types import Triggered
from orchestrator.workers.child import ChildHandle
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.tracker import Tracker


@dataclass(frozen=True)
class Reach:
    """What a fault may lay hands on, and what it may look at."""

    fleet: Fleet
    tracker: Tracker
    probe: Probe


class Victim(Protocol):
    """Whom or what a fault hits, found just before it."""

    @property
    def target(self) -> Target:
        """As the history names it."""
        ...


@dataclass(frozen=True)
class Worker:
    """A worker that lives and is ready."""

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
    """The ready worker of the entry's only slot; None = the slot has none at this moment."""
    (slot,) = entry.slots
    child = reach.fleet.in_slot(slot)
    if child is None or (child.slot, child.incarnation) not in reach.tracker.ready:
        return None
    return Worker(child)

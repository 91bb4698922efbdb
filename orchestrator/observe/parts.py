"""What every part of a run that acts or judges looks at, handed on whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.history.recorder import Recorder
from orchestrator.load.producer_process import ProducerProcesses
from orchestrator.observe.absence import ServerAbsence
from orchestrator.observe.bystander import Bystander
from orchestrator.observe.probe import Probe
from orchestrator.observe.sampler import Sampler
from orchestrator.postgres.server import Server
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.tracker import Tracker


@dataclass(frozen=True)
class RunParts:
    """The parts of one run that travel together, from its setup to its end."""

    fleet: Fleet
    """The workers."""
    tracker: Tracker
    """What their events say so far."""
    probe: Probe
    """The rows and sessions, asked for."""
    sampler: Sampler
    """The rows and resources, once a second."""
    recorder: Recorder
    """The history."""
    bystander: Bystander | None = None
    """Somebody else in the same database, where a fault is to show what it costs him."""
    server: Server | None = None
    """The PostgreSQL of the run."""
    producers: ProducerProcesses | None = None
    """The processes that enqueue, where a fault is to hit one; else the parent does it."""
    absence: ServerAbsence = field(default_factory=ServerAbsence)
    """Whether a fault keeps that away."""

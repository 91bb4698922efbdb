"""Where a run stands, for its history and for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """Where a run stands; each one's beginning is noted in the history."""

    SETUP = "setup"
    LOAD = "load"
    HOLD = "hold"
    DRAIN = "drain"
    STOP = "stop"
    AUDIT = "audit"


@dataclass(frozen=True)
class Status:
    """What a live view shows; all counts so far."""

    phase: Phase
    elapsed_s: float
    enqueued: int
    """Jobs; by the producer and, fanned out, by other jobs."""
    completed: int
    in_flight: int
    faults: tuple[str, ...]
    """Those that were injected, in the order of time: each by the scenario's word for its sort."""
    duplicates: int
    waiting_for: str

"""What a worker sends and says, as the parent hears of it."""

from __future__ import annotations

from typing import Any

from orchestrator.proxy.points import RoundTrip
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import as_read
from worker_child.protocol import ChildEvent

CLAIM = "UPDATE q SET claimed"
EFFECT = "INSERT INTO bench_effect VALUES ($1, $2, $3, $4, $5)"
PLACE = 0, 0


def trip(number: int, rows: int | None = None, statement: str = CLAIM, **more: Any) -> RoundTrip:
    return RoundTrip(statement, statement, True, rows, 0, connection=0, number=number, **more)


def observe(tracker: Tracker, *said: ChildEvent) -> None:
    tracker.observe(PLACE, as_read(*said))

"""The points of a job's body: no round trip, but a place at which its worker is held and killed."""

from __future__ import annotations

from orchestrator.commands.crash_points.listing import Name, Point
from orchestrator.commands.crash_points.workloads import WORKLOADS
from orchestrator.scenario.triggered import PointPhase
from worker_child.protocol import HoldPoint

_PLACES: tuple[tuple[HoldPoint, PointPhase, str], ...] = (
    ("started", "started", "(the body: after started)"),
    ("effect", "effect", "(the body: after the effect, before completed)"),
    ("completed", "completed", "(the body: after completed, before the return to the library)"),
)


def body_points() -> list[Point]:
    """Those of every workload, in the order of the body."""
    return [
        Point(
            Name(
                workload=workload,
                wave=0,
                statement=told,
                phase=phase,
                ordinal=1,
                with_rows=False,
                executes=True,
            ),
            phase=phase,
            sql="",
            folded=0,
            foretold=False,
            among_all=None,
            hold=hold,
        )
        for workload in WORKLOADS
        for hold, phase, told in _PLACES
    ]

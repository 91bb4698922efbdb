"""Is a round trip the one that is asked for? Pure but for its counting."""

from __future__ import annotations

from orchestrator.history.round_trips import RoundTripSeen
from orchestrator.proxy.points import RoundTrip
from orchestrator.scenario.triggered import AtPoint, PointPhase, PointSide


class PointSeeker:
    """Asked at both sides of each round trip, in their order."""

    def __init__(self, point: AtPoint) -> None:
        self._point = point
        self._begun = 0
        """Those of its name that have come to the server; where rows name it, of those whose rows
        were known by then."""
        self._with_rows = 0
        """Those of its name that returned or changed rows."""
        self._unanswered: dict[tuple[int, int], int] = {}
        """By a round trip's place: which of its name it is, from 1."""

    def before(self, round_trip: RoundTrip, phase: PointPhase, wave: int) -> bool:
        """Whether to stop where nothing of it has reached the server."""
        if not self._is_named(round_trip, phase) or self._point.wave not in (None, wave):
            return False
        point = self._point
        counts = bool(round_trip.rows) if point.with_rows else True
        self._begun += counts
        self._unanswered[place_of(round_trip)] = self._begun
        return counts and point.side != "after" and self._begun == point.ordinal

    def after(self, round_trip: RoundTrip) -> bool:
        """Whether to stop where the whole answer has come."""
        ordinal = self._unanswered.pop(place_of(round_trip), None)
        if ordinal is None:
            return False
        self._with_rows += bool(round_trip.rows)
        point = self._point
        if point.with_rows:
            ordinal = self._with_rows if round_trip.rows else 0
        return point.side == "after" and ordinal == point.ordinal

    def _is_named(self, round_trip: RoundTrip, phase: PointPhase) -> bool:
        if not round_trip.executes or round_trip.statement != self._point.statement:
            return False
        if self._point.phase is None:
            return phase != "starting up"
        return phase == self._point.phase


def seen_at(round_trip: RoundTrip, side: PointSide, phase: PointPhase) -> RoundTripSeen:
    """It, as a history tells of it."""
    return RoundTripSeen(
        statement=round_trip.statement,
        sql=round_trip.sql,
        phase=phase,
        side=side,
        rows=round_trip.rows,
    )


def place_of(round_trip: RoundTrip) -> tuple[int, int]:
    """The same before and after it, and no other's."""
    return round_trip.connection, round_trip.number

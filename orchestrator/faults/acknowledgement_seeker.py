"""Which round trip acknowledges a worker's jobs, whatever its SQL? Pure but for its counting."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.faults.point_seeker import place_of
from orchestrator.proxy.points import RoundTrip
from orchestrator.scenario.triggered import AtPoint, PointPhase


class AcknowledgementSeeker:
    """Asked at both sides of each round trip, in their order.

    It is the one before which the queue had still work with a row, and after whose answer it has
    with none. Where two were under way when that changed, nobody knows which of them it was, unless
    the other one turns out to have had no rows: then none is, and the next wave is waited for.
    """

    def __init__(self, point: AtPoint, is_owed: Callable[[], bool]) -> None:
        self._wave = point.wave
        self._is_owed = is_owed
        """Whether any row of the queue is still to be done or acknowledged."""
        self._open: set[tuple[int, int]] = set()
        """Those that have begun while something was owed, and have no answer yet."""

    def before(self, round_trip: RoundTrip, phase: PointPhase, wave: int) -> bool:
        """Never: whether it acknowledges is known by what it has done."""
        is_asked_for = phase == "completed" and self._wave in (None, wave)
        if round_trip.executes and is_asked_for and self._is_owed():
            self._open.add(place_of(round_trip))
        return False

    def after(self, round_trip: RoundTrip) -> bool:
        """Whether to stop where the whole answer has come."""
        place = place_of(round_trip)
        if place not in self._open or round_trip.rows == 0 or self._is_owed():
            self._open.discard(place)
            return False
        is_the_only_one = self._open == {place}
        self._open.clear()
        return is_the_only_one

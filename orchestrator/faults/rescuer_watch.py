"""Holds a rescuer at one of its round trips, until the worker that it rescues has been heard."""

from __future__ import annotations

import time
from collections.abc import Collection

from orchestrator.faults.point_seeker import PointSeeker, seen_at
from orchestrator.history.round_trips import Freeze, RescuerHeld
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.triggered import AtPoint


class RescuerWatch:
    """For the supervisor's thread. The proxy asks in its own: where a rescuer's jobs stand is no
    part of its point, so that none of its events has to be read first."""

    def __init__(self, proxy: Proxy, point: AtPoint) -> None:
        self._proxy = proxy
        self._point = point
        self._seeker = PointSeeker(point)
        proxy.watch(self._decide)

    @property
    def is_holding(self) -> bool:
        """It has come to its round trip, and nothing of it flows."""
        return self._proxy.stopped.is_set()

    def let_go(self, answered_ns: int | None, session_pids: Collection[int]) -> RescuerHeld | None:
        """Let everything of it flow from now on; None = it had not come to its round trip.

        `session_pids` = the server's processes of all of its sessions. Raises `ProxyError`.
        """
        self._proxy.watch(None)
        held = self._proxy.held
        if held is None:
            return None
        freeze = look_at_freeze(self._proxy)
        went_on_ns = time.monotonic_ns()
        self._proxy.release()
        return RescuerHeld(
            at_point=seen_at(held.round_trip, held.side, "idle"),
            freeze=freeze,
            went_on_ns=went_on_ns,
            answered_ns=answered_ns,
            outside=sorted(set(session_pids) - set(freeze.backend_pids)),
        )

    def _decide(self, round_trip: RoundTrip, side: Side) -> bool:
        if side == "after":
            return self._seeker.after(round_trip)
        return self._seeker.before(round_trip, "idle", 0)


def look_at_freeze(proxy: Proxy) -> Freeze:
    """What a frozen proxy has let through so far. Raises `ProxyError`."""
    assert proxy.held is not None, "only what was frozen is looked at"
    facts = proxy.facts()
    return Freeze(
        frozen_ns=proxy.held.frozen_ns,
        looked_ns=time.monotonic_ns(),
        passed_bytes=facts.passed_since_freeze,
        held_bytes=facts.arrived_since_freeze,
        backend_pids=sorted(facts.backend_pids),
        unexplained_bytes=facts.unexplained,
        broken=facts.broken,
    )

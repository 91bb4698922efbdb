"""Holds a rescuer at one of its round trips, until the worker that it rescues has been heard; or
lists them."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from orchestrator.faults.point_seeker import PointSeeker, place_of, seen_at
from orchestrator.history.round_trips import Freeze, RescuerHeld
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.triggered import AtPoint
from worker_child.protocol import Note


class RescuerWatch:
    """For the supervisor's thread. The proxy asks in its own: where a rescuer's jobs stand is no
    part of its point, so that none of its events has to be read first."""

    def __init__(self, proxy: Proxy, point: AtPoint | None) -> None:
        """`point` = at which it is held; None = its round trips are listed, and all pass."""
        self._proxy = proxy
        self._seeker = None if point is None else PointSeeker(point)
        self._rows_before: dict[tuple[int, int], int | None] = {}
        """By the place of a round trip: as far as they were known when it came."""
        self._listed: list[dict[str, Any]] = []
        proxy.watch(self._decide)

    @property
    def is_holding(self) -> bool:
        """It has come to its round trip, and nothing of it flows."""
        return self._proxy.stopped.is_set()

    def let_go(self, answered_ns: int | None, session_pids: Collection[int]) -> RescuerHeld | None:
        """Let everything of it flow from now on; None = it had not come to its round trip.

        `session_pids` = the server's processes of all of its sessions. Raises `ProxyError`.
        """
        self._proxy.watch(None)  # carried out in the proxy's thread: nothing is asked any more
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

    def notes(self, session_pids: Collection[int]) -> list[Note]:
        """What it has said, each round trip once it had been answered, and whether that was all.

        Ask once it is let go; `session_pids` is as there. Nothing where it was to be held. Raises
        `ProxyError`.
        """
        if self._seeker is not None:
            return []
        facts = self._proxy.facts()
        detail = {
            "unexplained_bytes": facts.unexplained,
            "broken": facts.broken,
            "sessions": len(facts.backend_pids),
            "outside": sorted(set(session_pids) - set(facts.backend_pids)),
        }
        now_ns = time.monotonic_ns()
        said = [Note(now_ns, "rescuer_round_trip", detail=told) for told in self._listed]
        return [*said, Note(now_ns, "rescuer_listed", detail=detail)]

    def _decide(self, round_trip: RoundTrip, side: Side) -> bool:
        if self._seeker is None:
            self._list(round_trip, side)
            return False
        if side == "after":
            return self._seeker.after(round_trip)
        return self._seeker.before(round_trip, "idle", 0)

    def _list(self, round_trip: RoundTrip, side: Side) -> None:
        if side == "before":
            self._rows_before[place_of(round_trip)] = round_trip.rows
            return
        known = self._rows_before.pop(place_of(round_trip), None)
        detail = {
            "answered_ns": round_trip.at_ns,
            "statement": round_trip.statement,
            "sql": round_trip.sql,
            "rows": round_trip.rows,
            "foretold": known is not None and bool(known) == bool(round_trip.rows),
            "executes": round_trip.executes,
        }
        self._listed.append(detail)


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

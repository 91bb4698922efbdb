"""Whether anything may pass: asked at both sides of each round trip, shut for all connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.request import Request

Decide = Callable[[RoundTrip, Side], bool]
"""True = stop here."""


@dataclass(frozen=True, slots=True)
class Held:
    """Where the worker was stopped."""

    round_trip: RoundTrip
    side: Side
    frozen_ns: int
    """CLOCK_MONOTONIC: nothing has passed since."""


class Meter:
    """Counts what is written."""

    __slots__ = ("passed",)

    def __init__(self) -> None:
        self.passed = 0
        """Bytes, to any socket, in either direction."""


class Gate:
    """One proxy's. Belongs to its thread, save `stopped`."""

    def __init__(self, decide: Decide | None) -> None:
        self.decide = decide
        self.shut = False
        self.held: Held | None = None
        self.stopped = threading.Event()
        self.meter = Meter()
        self._passed_at_freeze = 0

    def stops(self, request: Request, side: Side) -> bool:
        """Whether the round trip goes no further; then the gate is shut."""
        if self.decide is None:
            return False
        round_trip = request.round_trip(time.monotonic_ns())
        if not self.decide(round_trip, side):
            return False
        self.held = Held(round_trip, side, self.shut_now())
        return True

    def shut_now(self) -> int:
        """Let nothing pass from now on; the instant, CLOCK_MONOTONIC."""
        self.shut = True
        self._passed_at_freeze = self.meter.passed
        return time.monotonic_ns()

    @property
    def passed_since(self) -> int:
        """Bytes that have passed although the gate is shut."""
        return self.meter.passed - self._passed_at_freeze if self.shut else 0

    def open(self) -> None:
        """Let everything pass again."""
        self.shut = False
        self.held = None
        self.stopped.clear()

"""The closed loop: one job at a time, the next when the last has finished.

The producer's thread waits here; whoever reads the events says here what has finished.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from orchestrator.scenario.types import Scenario

_NAP_S = 0.1
"""The longest sleep: a stop is noticed within this time."""
_NS_PER_S = 1_000_000_000


class ClosedLoop:
    """Whose turn it is. No job gets one later than `duration_s` after T = 0.

    A job that has not finished `turn_s` after it went out loses its turn: a queue that lost it,
    or that sleeps, does not hold the loop up for ever.
    """

    def __init__(self, *, duration_s: float, turn_s: float) -> None:
        self.duration_ns = round(duration_s * _NS_PER_S)
        self.turn_s = turn_s
        self._lock = threading.Lock()
        self._job_id: str | None = None
        self._over = threading.Event()

    def begin(self, job_id: str) -> None:
        """It is this job's turn. Call it before the job goes out: it may finish at once."""
        with self._lock:
            self._job_id = job_id
            self._over.clear()

    def finished(self, job_id: str) -> None:
        """A job was completed or discarded, perhaps not for the first time. From any thread."""
        with self._lock:
            if job_id == self._job_id:
                self._over.set()

    def wait(self, stopped: Callable[[], bool]) -> bool:
        """Wait until the turn is over; False when it was lost. Ends early once `stopped`."""
        give_up_ns = time.monotonic_ns() + round(self.turn_s * _NS_PER_S)
        while not self._over.wait(_NAP_S):
            if stopped():
                return True
            if time.monotonic_ns() > give_up_ns:
                return False
        return True


def closed_loop_of(scenario: Scenario) -> ClosedLoop | None:
    """The scenario's closed loop; None = its loop is open."""
    if not scenario.workload.closed_loop:
        return None
    return ClosedLoop(duration_s=scenario.workload.duration_s, turn_s=scenario.limits.turn_s)

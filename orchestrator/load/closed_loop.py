"""The closed loop: one job at a time, the next a think time after the last has finished.

The producer's thread waits here; whoever reads the events says here what has finished. Without the
think time each job would come at the same phase of the library's own timers, and the figure would
be that phase: a queue that looks every 100 ms would always be asked just after its last look.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from orchestrator.scenario.draws import WORD, words
from orchestrator.scenario.types import Scenario

_NAP_S = 0.1
"""The longest sleep: a stop is noticed within this time."""
_NS_PER_S = 1_000_000_000


class ClosedLoop:
    """Whose turn it is. No job gets one later than `duration_s` after T = 0.

    A job that has not finished `turn_s` after it went out loses its turn: a queue that lost it,
    or that sleeps, does not hold the loop up for ever.
    """

    def __init__(
        self, *, duration_s: float, turn_s: float, think_s: float, seed: int, number: int = 0
    ) -> None:
        """`think_s` is the longest think time; `number` tells the loops of a run apart."""
        self.duration_ns = round(duration_s * _NS_PER_S)
        self.turn_s = turn_s
        self._think_ns = round(think_s * _NS_PER_S)
        self._seed = seed
        self._purpose = f"think/{number}"
        self._lock = threading.Lock()
        self._job_id: str | None = None
        self._over = threading.Event()
        self._over_ns: int | None = None

    def think_ns(self, index: int) -> int:
        """How long after the end of the last turn job `index` comes: in [0, think_s), by the seed
        and the number of the job alone. The first job comes at T = 0."""
        return words(self._seed, self._purpose, index)[0] * self._think_ns // WORD if index else 0

    def begin(self, job_id: str) -> None:
        """It is this job's turn. Call it before the job goes out: it may finish at once."""
        with self._lock:
            self._job_id = job_id
            self._over_ns = None
            self._over.clear()

    def finished(self, job_id: str) -> None:
        """A job was completed or discarded, perhaps not for the first time. From any thread."""
        with self._lock:
            if job_id == self._job_id and self._over_ns is None:
                self._over_ns = time.monotonic_ns()
                self._over.set()

    def turn_ended_ns(self) -> int:
        """When the last turn ended, monotonic ns: its job's end, or now where it came to none."""
        with self._lock:
            return time.monotonic_ns() if self._over_ns is None else self._over_ns

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
    settings = scenario.workload
    assert settings.think_s is not None, "written out when the scenario was read"
    return ClosedLoop(
        duration_s=settings.duration_s,
        turn_s=scenario.limits.turn_s,
        think_s=settings.think_s,
        seed=scenario.seed,
    )

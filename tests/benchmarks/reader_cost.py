"""CPU of the parent's reader while eight children talk at 20,000 events a second in all.

The same children are read in turns, for about a second each: by the fleet, and by a raw reader that
runs the same loop with the same coalescing and appends the bytes unread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.workers.fleet import Fleet
from tests.benchmarks.chatter import Talk
from tests.benchmarks.crew import READY_LIMIT_S, RawReader, talkers, until
from tests.benchmarks.figure import Costs, Effort, Figure, ratio

LIMIT = 1.6
CHILDREN = 8
EVENTS_PER_S = 20_000
ROUNDS = {"full": 9, "quick": 3}
TURN_S = {"full": 1.0, "quick": 0.5}
_SETTLING_S = 0.1
"""After a change of turns the fleet finds a gap in each child's ordinals, once."""


def measure(effort: Effort) -> list[Figure]:
    """Percent of a core."""
    talk = Talk("emitter", 0, rate_per_s=EVENTS_PER_S / CHILDREN)
    with (
        TemporaryDirectory() as name,
        talkers(Path(name), CHILDREN, talk) as fleet,
        RawReader(Path(name) / "raw", fleet.children.values()) as raw,
    ):
        until(lambda: _talking(fleet) == CHILDREN, fleet.wait, "all talkers", READY_LIMIT_S)
        turn_s = TURN_S[effort]
        rounds = [
            Costs(_percent(fleet.wait, turn_s), _percent(raw.wait, turn_s))
            for _ in range(ROUNDS[effort])
        ]
    return [ratio(f"the parent's reader at {EVENTS_PER_S:,}/s", rounds, LIMIT, unit="% of a core")]


def _talking(fleet: Fleet) -> int:
    return sum(child.reader.next_n > 0 for child in fleet.children.values())


def _percent(wait: Callable[[float], None], turn_s: float) -> float:
    _turn(wait, _SETTLING_S)
    begun_ns, begun_cpu_ns = time.monotonic_ns(), time.process_time_ns()
    _turn(wait, turn_s)
    cpu_ns = time.process_time_ns() - begun_cpu_ns
    return 100 * cpu_ns / (time.monotonic_ns() - begun_ns)


def _turn(wait: Callable[[float], None], length_s: float) -> None:
    end_ns = time.monotonic_ns() + round(length_s * 1e9)
    while time.monotonic_ns() < end_ns:
        wait(_SETTLING_S)

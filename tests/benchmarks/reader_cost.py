"""CPU of the parent's reader while eight children talk at 20,000 events a second in all.

The floor is decoding such lines once with msgspec, by the reader's own types, gulp by gulp as they
come: what the same children say is read in turns, for about a second each, by the fleet and by a
reader of whom nothing is counted but the time in the decoder. (A second's lines decoded in one
block, in a cache that nobody else uses, take half as long; no reader of a live pipe has that.)
"""

from __future__ import annotations

import selectors
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

import msgspec

from orchestrator.workers.child import ChildHandle
from orchestrator.workers.event_reader import _FrequentLine
from orchestrator.workers.fleet import REST_S, Fleet
from tests.benchmarks.chatter import Talk
from tests.benchmarks.crew import READY_LIMIT_S, talkers, until
from tests.benchmarks.figure import Costs, Effort, Figure, absolute_time, ratio
from tests.benchmarks.stalls import watching

LIMIT = 2.5
SHARE_LIMIT = 0.04
CHILDREN = 8
EVENTS_PER_S = 20_000
ROUNDS = {"full": 12, "quick": 3}
TURN_S = {"full": 1.0, "quick": 0.5}
_DECODER = msgspec.json.Decoder(_FrequentLine)
_WAIT_S = 0.05
"""As long as the supervisor waits where nothing is due."""
_SETTLING_S = 0.1
"""After a change of turns there is more in the pipes than a rest leaves there."""


class Turn(NamedTuple):
    """What reading for a while took."""

    events: int
    wall_ns: int
    cpu_ns: int

    @property
    def us_per_event(self) -> float:
        """Microseconds of CPU."""
        return self.cpu_ns / self.events / 1000


class DecodingReader:
    """Reads the fleet's children as the fleet does and decodes what comes, and that is all."""

    def __init__(self, children: Iterable[ChildHandle]) -> None:
        self._selector = selectors.DefaultSelector()
        self._rests: dict[ChildHandle, bytes] = {}
        for child in children:
            self._selector.register(child, selectors.EVENT_READ, child)
            self._rests[child] = b""
        self.events = 0
        self.decoding_ns = 0

    def wait(self, timeout_s: float) -> None:
        """Wait for lines, at most so long; decode them."""
        if self._selector.select(timeout_s):
            time.sleep(REST_S)
        for key, _ in self._selector.select(0):
            whole, newline, rest = (self._rests[key.data] + key.data.read()).rpartition(b"\n")
            self._rests[key.data] = rest
            begun_ns = time.process_time_ns()
            self.events += len(_DECODER.decode_lines(whole + newline))
            self.decoding_ns += time.process_time_ns() - begun_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()


def measure(effort: Effort) -> list[Figure]:
    """CPU an event as a ratio, and percent of a core."""
    talk = Talk("emitter", 0, rate_per_s=EVENTS_PER_S / CHILDREN)
    read: list[Turn] = []
    decoded: list[Turn] = []
    with (
        TemporaryDirectory() as name,
        watching() as watch,
        talkers(Path(name), CHILDREN, talk) as fleet,
    ):
        until(lambda: _talking(fleet) == CHILDREN, fleet.wait, "all talkers", READY_LIMIT_S)
        with DecodingReader(fleet.children.values()) as decoding:
            for _ in range(ROUNDS[effort]):
                read.append(_by_fleet(fleet, TURN_S[effort]))
                decoded.append(_by_decoder(decoding, TURN_S[effort]))
        tripped = watch.tripped()
    return _figures(read, decoded, tripped=tripped)


def _figures(read: list[Turn], decoded: list[Turn], *, tripped: bool) -> list[Figure]:
    name = f"the parent's reader at {EVENTS_PER_S:,}/s"
    rounds = [
        Costs(one.us_per_event, other.us_per_event)
        for one, other in zip(read, decoded, strict=True)
    ]
    shares = [turn.cpu_ns / turn.wall_ns for turn in read]
    rate_per_s = sum(turn.events for turn in read) / sum(turn.wall_ns for turn in read) * 1e9
    return [
        ratio(name, rounds, LIMIT, unit="us CPU an event"),
        absolute_time(
            f"{name}, share",
            f"{statistics.median(shares):.1%}",
            f"<= {SHARE_LIMIT:.0%}",
            kept=statistics.median(shares) <= SHARE_LIMIT,
            tripped=tripped,
            detail=f"of a core: {min(shares):.1%}..{max(shares):.1%}; {rate_per_s:,.0f} events/s",
        ),
    ]


def _talking(fleet: Fleet) -> int:
    return sum(child.reader.next_n > 0 for child in fleet.children.values())


def _by_fleet(fleet: Fleet, length_s: float) -> Turn:
    _turn(fleet.wait, _SETTLING_S)
    begun = [child.reader.next_n for child in fleet.children.values()]
    begun_ns, begun_cpu_ns = time.monotonic_ns(), time.process_time_ns()
    _turn(fleet.wait, length_s)
    cpu_ns, wall_ns = time.process_time_ns() - begun_cpu_ns, time.monotonic_ns() - begun_ns
    ended = [child.reader.next_n for child in fleet.children.values()]
    return Turn(sum(ended) - sum(begun), wall_ns, cpu_ns)


def _by_decoder(decoding: DecodingReader, length_s: float) -> Turn:
    _turn(decoding.wait, _SETTLING_S)
    events, decoding_ns = decoding.events, decoding.decoding_ns
    begun_ns = time.monotonic_ns()
    _turn(decoding.wait, length_s)
    wall_ns = time.monotonic_ns() - begun_ns
    return Turn(decoding.events - events, wall_ns, decoding.decoding_ns - decoding_ns)


def _turn(wait: Callable[[float], None], length_s: float) -> None:
    end_ns = time.monotonic_ns() + round(length_s * 1e9)
    while time.monotonic_ns() < end_ns:
        wait(_WAIT_S)

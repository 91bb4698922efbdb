"""A full comparison spread over machines, simulated: the wall time, what the pairing rule costs.

The engine is the real one; its cluster is played on a clock of its own, each run taking as long as
single runs took that were measured: five libraries under *crash_recovery_short*, and seven short
scenarios beside it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import msgspec

from orchestrator.commands.engine.engine import Block
from orchestrator.commands.engine.parcel import Parcel
from orchestrator.commands.engine.spread import Arrival, SpreadEngine
from orchestrator.commands.matrix.runner import OVERHEAD_S
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended
from tests.benchmarks.figure import Effort, Figure, stated

LIBRARIES, HARMS, REPETITIONS = 24, 25, 6
MACHINES = (1, 10, 100)
LIBRARIES_S = (21.6, 31.1, 28.4, 21.9, 21.5)
"""First to last line of *crash_recovery_short* under *tuned*: pgqueuer, River, platform-lib,
procrastinate, graphile-worker."""
HARMS_S = (21.6, 16.0, 18.7, 24.8, 26.6, 28.5, 31.5, 46.5)
"""The same of eight short scenarios; the first is the one that `LIBRARIES_S` is of."""
_DONE = msgspec.msgpack.encode(Parcel(0, "", 0.0))
_S_PER_H = 3600.0


def length_s(library: int, harm: int) -> float:
    """Of one run: as long as that library's, stretched as that harm's scenario is longer."""
    stretched = HARMS_S[harm % len(HARMS_S)] / HARMS_S[0]
    return LIBRARIES_S[library % len(LIBRARIES_S)] * stretched + OVERHEAD_S


class PlayedCluster:
    """Machines on a clock of their own: each ends one run after the other."""

    def __init__(self, machines: int, lengths_s: Mapping[str, float]) -> None:
        self._names = {str(number): str(number) for number in range(machines)}
        self._lengths_s = lengths_s
        self._queues: dict[str, deque[tuple[int, float]]] = {at: deque() for at in self._names}
        self._under_way: list[tuple[float, int, str]] = []
        """When it ends, its ticket and its machine."""
        self.clock_s = 0.0

    def machines(self, tell: Callable[[str], None]) -> Mapping[str, str]:
        """All of them, always."""
        return self._names

    def submit(self, request: Request, ticket: int, address: str) -> None:
        """See `Cluster`."""
        self._queues[address].append((ticket, self._lengths_s[request.run_id]))
        if len(self._queues[address]) == 1:
            self._begin(address)

    def next_arrival(self, limit_s: float) -> Arrival | None:
        """What ends next, whenever that is."""
        if not self._under_way:
            return None
        self.clock_s, ticket, address = heapq.heappop(self._under_way)
        self._queues[address].popleft()
        if self._queues[address]:
            self._begin(address)
        return Arrival(ticket, _DONE)

    def cancel(self, tickets: Sequence[int]) -> None:
        """Nothing is ever lost here."""
        assert not tickets

    def _begin(self, address: str) -> None:
        ticket, takes_s = self._queues[address][0]
        heapq.heappush(self._under_way, (self.clock_s + takes_s, ticket, address))


class Silent:
    """A listener."""

    def begun(self, request: Request, machine: str) -> None:
        """Nobody looks."""

    def tick(self, elapsed_s: float) -> None:
        """Nobody looks."""

    def given_back(self, request: Request) -> None:
        """Nobody looks."""

    def note(self, sentence: str) -> None:
        """Nothing may happen here that is worth a word."""
        raise AssertionError(sentence)


def wall_s(machines: int, blocks: Sequence[Sequence[tuple[str, float]]]) -> float:
    """How long `machines` take for blocks of runs, each a name and its seconds."""
    lengths_s = dict(run for block in blocks for run in block)
    cluster = PlayedCluster(machines, lengths_s)
    engine = SpreadEngine(cluster, lambda *_: Ended(0, "", 0.0), lambda: cluster.clock_s)
    requests: list[Block] = [
        [cast(Request, SimpleNamespace(run_id=name)) for name, _ in block] for block in blocks
    ]
    ends = [one.run_id for one, _ in engine.carry_out(requests, Silent(), lambda: False)]
    assert sorted(ends) == sorted(lengths_s), "each run once"
    return cluster.clock_s


def full_comparison() -> list[list[tuple[str, float]]]:
    """The blocks of the whole matrix in the order of its plan."""
    return [
        [(f"{harm}-{library}-{ordinal}", length_s(library, harm)) for library in range(LIBRARIES)]
        for ordinal in range(REPETITIONS)
        for harm in range(HARMS)
    ]


def measure(effort: Effort) -> list[Figure]:
    """One figure a number of machines; none has a limit."""
    blocks = full_comparison()
    apart = [[run] for block in blocks for run in block]
    work_s = sum(takes_s for block in blocks for _, takes_s in block)
    figures = []
    for machines in MACHINES:
        paired_s, free_s = wall_s(machines, blocks), wall_s(machines, apart)
        detail = (
            f"{len(apart)} runs, {len(blocks)} blocks; every run for itself would take "
            f"{free_s / _S_PER_H:.2f} h: the pairing rule costs {paired_s / free_s - 1:.1%}; "
            f"efficiency {work_s / machines / paired_s:.1%}"
        )
        name = f"the full comparison on {machines} machine{'s' * (machines > 1)}"
        figures.append(stated(name, f"{paired_s / _S_PER_H:.2f} h", detail))
    return figures

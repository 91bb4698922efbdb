"""Many machines: which block of runs goes to which one, and what becomes of those that are lost.

Whatever places, starts and watches a run is the cluster's. Only two rules are ours: a block stays
on one machine, which has one block at a time; and a machine that is lost, or turns out to be unfit,
gives back what it has not finished.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from orchestrator.commands.engine.engine import Block, Ends, Listener
from orchestrator.commands.engine.parcel import Parcel, receive
from orchestrator.errors import ClusterError, Interrupted
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended, IsInterrupted

MOST_LOSSES = 3
"""So many machines may be lost under one run, which is then held to be the cause."""
LONGEST_WITHOUT_S = 120.0
"""So long a matrix waits for a machine where there is none."""
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Arrival:
    """Something came of what was submitted."""

    ticket: int
    data: bytes | None
    """A `Parcel`; None = its machine was lost."""
    error: str = ""
    """What went wrong with a task that left no parcel though its machine lives."""


class Cluster(Protocol):
    """Machines that carry out what is submitted to them, each one thing at a time, in order."""

    def machines(self, tell: Callable[[str], None]) -> Mapping[str, str]:
        """The fit ones that are there now: by address, what a person calls them.

        `tell` hears why one that came later is not among them. Raises `ClusterError` where the
        cluster itself is gone.
        """
        ...

    def submit(self, request: Request, ticket: int, address: str) -> None:
        """To be carried out on that machine and no other, once what it got before has ended."""
        ...

    def next_arrival(self, limit_s: float) -> Arrival | None:
        """Waits so long at the most."""
        ...

    def cancel(self, tickets: Sequence[int]) -> None:
        """What was submitted need not be carried out; what is under way is ended."""
        ...


@dataclass
class _Share:
    """What one machine has to do."""

    machine: str
    left: dict[int, Request]
    """By ticket; the first is under way."""
    begun_s: float


class SpreadEngine:
    """The engine of many machines; see `Engine`."""

    def __init__(
        self,
        cluster: Cluster,
        receive_parcel: Callable[[Request, bytes], Ended] = receive,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._receive = receive_parcel
        self._now_s = now_s
        self._shares: dict[str, _Share] = {}
        """By address."""
        self._waiting: deque[list[Request]] = deque()
        self._set_aside: set[str] = set()
        self._losses: Counter[str] = Counter()
        self._last_ticket = 0
        self._known = 1

    def machines(self) -> int:
        """As many as were there when last looked."""
        return self._known

    def carry_out(
        self, blocks: Sequence[Block], listener: Listener, interrupted: IsInterrupted
    ) -> Ends:
        """See `Engine`."""
        self._waiting = deque(list(block) for block in blocks)
        seen_s = self._now_s()
        try:
            while self._waiting or self._shares:
                if interrupted():
                    raise Interrupted
                present = self._present(listener)
                seen_s = self._now_s() if present else seen_s
                if self._now_s() - seen_s > LONGEST_WITHOUT_S:
                    raise ClusterError(_NOBODY_LEFT)
                for address in self._shares.keys() - present.keys():
                    yield from self._lost(address, listener)
                self._hand_out(present, listener)
                listener.tick(self._longest_under_way_s())
                arrival = self._cluster.next_arrival(_LOOK_EVERY_S)
                if arrival is not None:
                    yield from self._take(arrival, listener)
        finally:
            self._cluster.cancel([t for share in self._shares.values() for t in share.left])
            self._shares.clear()

    def _present(self, listener: Listener) -> dict[str, str]:
        found = self._cluster.machines(listener.note)
        fit = {at: name for at, name in found.items() if at not in self._set_aside}
        self._known = max(1, len(fit))
        return fit

    def _longest_under_way_s(self) -> float:
        return max((self._now_s() - share.begun_s for share in self._shares.values()), default=0.0)

    def _hand_out(self, present: Mapping[str, str], listener: Listener) -> None:
        """A block to each machine that has none."""
        for address, machine in present.items():
            if address in self._shares or not self._waiting:
                continue
            left = {self._ticket(): request for request in self._waiting.popleft()}
            self._shares[address] = _Share(machine, left, self._now_s())
            for ticket, request in left.items():
                self._cluster.submit(request, ticket, address)
            self._begin_next(address, listener)

    def _ticket(self) -> int:
        self._last_ticket += 1
        return self._last_ticket

    def _begin_next(self, address: str, listener: Listener) -> None:
        share = self._shares[address]
        share.begun_s = self._now_s()
        listener.begun(next(iter(share.left.values())), share.machine)

    def _take(self, arrival: Arrival, listener: Listener) -> Iterator[tuple[Request, Ended]]:
        address = next((at for at, s in self._shares.items() if arrival.ticket in s.left), None)
        if address is None:
            return  # of a machine that was given up meanwhile: done again elsewhere
        share = self._shares[address]
        if arrival.error:
            yield from self._ended(address, arrival.ticket, Ended(None, arrival.error, 0.0))
        elif arrival.data is None:
            yield from self._lost(address, listener)
            return
        elif why := msgspec.msgpack.decode(arrival.data, type=Parcel).unfit:
            self._set_aside.add(address)
            listener.note(f"{share.machine} takes no further part: {why}")
            listener.given_back(share.left[arrival.ticket])
            self._give_back(address)
            return
        else:
            ended = self._receive(share.left[arrival.ticket], arrival.data)
            yield from self._ended(address, arrival.ticket, ended)
        if address in self._shares:
            self._begin_next(address, listener)

    def _ended(self, address: str, ticket: int, ended: Ended) -> Iterator[tuple[Request, Ended]]:
        left = self._shares[address].left
        yield left.pop(ticket), ended
        if not left:
            del self._shares[address]

    def _lost(self, address: str, listener: Listener) -> Iterator[tuple[Request, Ended]]:
        """Its unfinished runs are done elsewhere, save one under which ever more are lost."""
        share = self._shares[address]
        ticket, under_way = next(iter(share.left.items()))
        self._losses[under_way.run_id] += 1
        if self._losses[under_way.run_id] < MOST_LOSSES:
            runs = "its run" if len(share.left) == 1 else f"{len(share.left)} runs of it"
            listener.note(f"{share.machine} is lost: {runs} will be done again elsewhere")
            listener.given_back(under_way)
        else:
            said = f"its machine was lost {MOST_LOSSES} times while it was under way"
            yield from self._ended(address, ticket, Ended(None, said, 0.0))
        if address in self._shares:
            self._give_back(address)

    def _give_back(self, address: str) -> None:
        share = self._shares.pop(address)
        self._cluster.cancel(list(share.left))
        self._waiting.appendleft(list(share.left.values()))


_NOBODY_LEFT = (
    f"for {LONGEST_WITHOUT_S:.0f} s no machine that is fit to take part has been there. What is "
    "finished is kept: start Dask workers with --resources cell=1, and give the same command again"
)

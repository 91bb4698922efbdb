"""Many machines, played: every run ends once, wherever machines come, go, fill up or fall."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from orchestrator.commands.engine.parcel import Parcel
from orchestrator.commands.engine.spread import (
    LONGEST_WITHOUT_S,
    MOST_LOSSES,
    Arrival,
    SpreadEngine,
)
from orchestrator.errors import ClusterError, Interrupted
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended

PASSED = msgspec.msgpack.encode(Parcel(0, "", 1.0))
FULL = msgspec.msgpack.encode(Parcel(None, "", 0.0, unfit="the disk is full"))


def request(run_id: str) -> Request:
    """All that spreading asks of one."""
    return cast(Request, SimpleNamespace(run_id=run_id))


def blocks(count: int, size: int) -> list[list[Request]]:
    return [[request(f"{block}.{place}") for place in range(size)] for block in range(count)]


@dataclass
class PlayedCluster:
    """Each machine ends one thing at a time; `strike` may change the world before each arrival."""

    present: dict[str, str]
    strike: Callable[[PlayedCluster, str, str], Arrival | None] = lambda *_: None
    queues: dict[str, deque[tuple[int, str]]] = field(default_factory=dict)
    done: list[tuple[str, str]] = field(default_factory=list)
    """Machine and run, in the order in which they ended."""
    cancelled: list[int] = field(default_factory=list)
    clock_s: float = 0.0

    def machines(self, tell: Callable[[str], None]) -> Mapping[str, str]:
        return dict(self.present)

    def submit(self, request: Request, ticket: int, address: str) -> None:
        self.queues.setdefault(address, deque()).append((ticket, request.run_id))

    def cancel(self, tickets: Sequence[int]) -> None:
        self.cancelled += tickets
        for address, queue in self.queues.items():
            self.queues[address] = deque(item for item in queue if item[0] not in tickets)

    def next_arrival(self, limit_s: float) -> Arrival | None:
        for address in sorted(self.queues):
            queue = self.queues[address]
            if address in self.present and queue:
                ticket, run_id = queue.popleft()
                self.queues[address] = self.queues.pop(address)  # each in its turn
                struck = self.strike(self, address, run_id)
                if struck is not None:
                    return Arrival(ticket, struck.data, struck.error)
                if address not in self.present:
                    return None
                self.done.append((address, run_id))
                return Arrival(ticket, PASSED)
        self.clock_s += limit_s
        return None


@dataclass
class Heard:
    """A listener that keeps what it is told."""

    notes: list[str] = field(default_factory=list)
    under_way: dict[str, str] = field(default_factory=dict)

    def begun(self, request: Request, machine: str) -> None:
        assert request.run_id not in self.under_way
        self.under_way[request.run_id] = machine

    def tick(self, elapsed_s: float) -> None:
        assert elapsed_s >= 0

    def given_back(self, request: Request) -> None:
        del self.under_way[request.run_id]

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


def carry_out(
    cluster: PlayedCluster,
    work: Sequence[Sequence[Request]],
    heard: Heard,
    interrupted: Callable[[], bool] = lambda: False,
) -> dict[str, Ended]:
    """Every run's end; a second end of a run is an error."""

    def receive(request: Request, data: bytes) -> Ended:
        parcel = msgspec.msgpack.decode(data, type=Parcel)
        return Ended(parcel.exit_code, parcel.said, parcel.took_s)

    engine = SpreadEngine(cluster, receive, lambda: cluster.clock_s)
    ends: dict[str, Ended] = {}
    for one, ended in engine.carry_out(work, heard, interrupted):
        assert one.run_id not in ends, "ended twice"
        ends[one.run_id] = ended
        heard.under_way.pop(one.run_id, None)
    return ends


def test_every_run_ends_once_and_a_block_stays_on_one_machine() -> None:
    cluster, heard = PlayedCluster({"a": "A", "b": "B"}), Heard()
    ends = carry_out(cluster, blocks(5, 3), heard)

    assert len(ends) == 15 and all(ended.complaint is None for ended in ends.values())
    places = {(run_id.partition(".")[0], address) for address, run_id in cluster.done}
    assert len(places) == 5, "a block was split"
    assert {address for address, _ in cluster.done} == {"a", "b"}
    for block in range(5):
        order = [run_id for _, run_id in cluster.done if run_id.startswith(f"{block}.")]
        assert order == [f"{block}.{place}" for place in range(3)]
    assert heard.notes == []


@pytest.mark.parametrize("how", ["its task is killed", "it is no longer there"])
def test_a_lost_machine_loses_its_unfinished_runs_alone(how: str) -> None:
    def strike(cluster: PlayedCluster, address: str, run_id: str) -> Arrival | None:
        if (address, run_id) != ("a", "0.1"):
            return None
        del cluster.present["a"]
        return Arrival(0, None) if how == "its task is killed" else None

    cluster, heard = PlayedCluster({"a": "A", "b": "B"}, strike), Heard()
    ends = carry_out(cluster, blocks(2, 3), heard)

    assert sorted(ends) == sorted(f"{block}.{place}" for block in range(2) for place in range(3))
    assert all(ended.complaint is None for ended in ends.values())
    assert cluster.done.count(("a", "0.0")) == 1
    assert [run for at, run in cluster.done if run.startswith("0.") and at == "b"] == ["0.1", "0.2"]
    assert heard.notes == ["A is lost: 2 runs of it will be done again elsewhere"]


def test_a_run_under_which_machines_keep_falling_is_held_to_be_the_cause() -> None:
    def strike(cluster: PlayedCluster, address: str, run_id: str) -> Arrival | None:
        return Arrival(0, None) if run_id == "0.0" else None

    cluster, heard = PlayedCluster({"a": "A"}, strike), Heard()
    ends = carry_out(cluster, blocks(1, 2), heard)

    assert ends["0.0"].complaint == (
        f"its machine was lost {MOST_LOSSES} times while it was under way"
    )
    assert ends["0.1"].complaint is None
    assert len(heard.notes) == MOST_LOSSES - 1


def test_a_machine_with_a_full_disk_takes_no_further_part_and_nothing_is_lost() -> None:
    def strike(cluster: PlayedCluster, address: str, run_id: str) -> Arrival | None:
        return Arrival(0, FULL) if address == "a" else None

    cluster, heard = PlayedCluster({"a": "A", "b": "B"}, strike), Heard()
    ends = carry_out(cluster, blocks(4, 2), heard)

    assert len(ends) == 8 and all(ended.complaint is None for ended in ends.values())
    assert {address for address, _ in cluster.done} == {"b"}
    assert heard.notes == ["A takes no further part: the disk is full"]


def test_a_task_that_fails_fails_its_run_alone() -> None:
    def strike(cluster: PlayedCluster, address: str, run_id: str) -> Arrival | None:
        return Arrival(0, b"", "its task failed: ValueError") if run_id == "0.0" else None

    ends = carry_out(PlayedCluster({"a": "A"}, strike), blocks(1, 2), Heard())

    assert ends["0.0"].complaint == "its task failed: ValueError"
    assert ends["0.1"].complaint is None


def test_a_machine_that_comes_later_gets_its_share() -> None:
    def strike(cluster: PlayedCluster, address: str, run_id: str) -> Arrival | None:
        cluster.present.setdefault("b", "B")
        return None

    cluster = PlayedCluster({"a": "A"}, strike)
    carry_out(cluster, blocks(4, 2), Heard())

    assert {address for address, _ in cluster.done} == {"a", "b"}


def test_a_cluster_without_machines_is_waited_for_with_a_bound() -> None:
    def strike(cluster: PlayedCluster, address: str, run_id: str) -> Arrival | None:
        cluster.present.clear()
        return Arrival(0, None)

    cluster = PlayedCluster({"a": "A"}, strike)
    with pytest.raises(ClusterError, match="What is finished is kept"):
        carry_out(cluster, blocks(1, 2), Heard())
    assert cluster.clock_s > LONGEST_WITHOUT_S


def test_an_interruption_cancels_what_is_under_way_and_what_waits_behind_it() -> None:
    wishes = iter([False, True])
    cluster = PlayedCluster({"a": "A"})
    with pytest.raises(Interrupted):
        carry_out(cluster, blocks(2, 3), Heard(), lambda: next(wishes))

    assert cluster.done == [("a", "0.0")]
    assert cluster.cancelled == [2, 3]

"""When has a kill settled? Each thing that is missing is named, in its order; then an instant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.faults.injected import InjectedFault
from orchestrator.faults.plan import PlannedFault
from orchestrator.faults.settled import Settling
from orchestrator.faults.targets import Reach, Worker
from orchestrator.observe.sampler import Backlog
from orchestrator.scenario.faults import Kill
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import (
    Clock,
    Lines,
    StillFleet,
    ToldProbe,
    ToldSampler,
    claimed_row,
    identity,
    parts_of,
)
from worker_child.protocol import RowState

ARRIVALS_PER_S = 30.0


class World:
    """A worker that was killed while it had the jobs j1 and j2, and has been certified."""

    def __init__(self) -> None:
        self.clock, self.tracker = Clock(), Tracker()
        self.fleet = StillFleet(self.tracker, self.clock)
        self.lines = Lines(self.tracker)
        self.probe, self.sampler = ToldProbe(self.clock), ToldSampler()
        self.parts = parts_of(self.fleet, self.probe, self.tracker, self.sampler)
        victim = self.fleet.ready()
        self.fleet.kill(victim, 0)
        self.fault = InjectedFault(
            PlannedFault(0, Kill(at_s=1.0, respawn_after_s=0.0), "timed"),
            Worker(victim),
            reach=Reach(self.fleet, self.tracker, self.probe),
            recorder=self.parts.recorder,
            limit_s=10.0,
        )
        self.fault.sent_ns = self.clock.now_ns
        self.fault.certified = True
        self.fault.orphans = frozenset({"j1", "j2"})

    def settling(self) -> Settling:
        return Settling(
            self.fault,
            self.parts,
            arrivals_per_s=ARRIVALS_PER_S,
        )

    def respawn(self) -> None:
        self.clock.forward(1)
        self.fault.heal()
        self.fleet.ready()

    def sample(self, *rows: int) -> None:
        """One look at the backlog a second."""
        for count in rows:
            self.sampler.backlog.append(Backlog(self.clock.forward(1), count))

    def settle(self) -> None:
        """Bring about all that is needed."""
        self.respawn()
        Lines(self.tracker, 0, 1).complete("j1", "j2")
        self.sample(0, 0, 0, 0, 0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr("orchestrator.faults.settled.time", made.clock)
    return made


def test_it_has_settled_at_the_look_that_finds_nothing_missing_and_stays_so(world: World) -> None:
    settling = world.settling()
    world.settle()
    settled_ns = world.clock.now_ns
    assert settling.look() == settled_ns
    world.clock.forward(5)
    world.sample(900, 900)
    assert settling.look() == settled_ns
    assert settling.waiting_for == ""


def test_what_is_missing_is_named_in_its_order(world: World) -> None:
    settling = world.settling()

    def missing() -> str:
        world.clock.forward(0.25)
        assert settling.look() is None
        return settling.waiting_for

    world.fault.certified = False
    world.fault.waiting_for = "the end of its sessions"
    assert missing() == "the end of its sessions"
    world.fault.certified = True
    assert missing() == "the respawned worker to become ready"
    world.fault.heal()
    assert missing() == "the respawned worker to become ready"
    world.fleet.ready()
    assert missing() == "2 orphans to complete, the first is j1"
    orphans = Lines(world.tracker, 0, 1)
    orphans.complete("j1")
    assert missing() == "1 orphans to complete, the first is j2"
    orphans.complete("j2")
    world.probe.claimed = [claimed_row("j3")]
    assert missing() == "1 rows that dead workers still hold"
    world.probe.claimed = [claimed_row("j1", by=identity(0, 1))]
    assert (
        missing() == "1 orphans to be acknowledged, the first is row " + claimed_row("j1").inbox_id
    )
    world.probe.claimed = [claimed_row("j3", by=identity(0, 1))]
    assert missing() == "the backlog to come back to 30 rows"
    world.sample(0, 0, 0, 0, 0)
    assert settling.look() == world.clock.now_ns


def test_an_orphan_that_the_queue_gave_up_is_settled_too(world: World) -> None:
    world.settle()
    world.fault.orphans |= {"j3"}
    settling = world.settling()
    assert settling.look() is None
    Lines(world.tracker, 0, 1).discard("j3")
    world.clock.forward(0.25)
    assert settling.look() is not None


@pytest.mark.parametrize(
    ("rows", "settled"),
    [
        ((0, 0, 0, 0), False),  # a sample too few
        ((30, 30, 30, 30, 30), True),
        ((30, 30, 31, 30, 30), False),
        ((900, 400, 30, 20, 10, 5, 0), True),
        ((0, 0, 0, 0, 31), False),
    ],
)
def test_five_samples_running_must_lie_in_the_band_after_the_worker_is_ready(
    world: World, rows: tuple[int, ...], settled: bool
) -> None:
    world.sample(0, 0, 0, 0, 0)
    world.respawn()
    Lines(world.tracker, 0, 1).complete("j1", "j2")
    world.sample(*rows)
    assert (world.settling().look() is not None) == settled


def test_a_backlog_that_was_usual_before_the_kill_is_good_enough_after_it(world: World) -> None:
    world.sampler.backlog.extend(
        Backlog(world.fault.sent_ns - second * 1_000_000_000, 70) for second in range(9, 0, -1)
    )
    world.respawn()
    Lines(world.tracker, 0, 1).complete("j1", "j2")
    world.sample(70, 70, 70, 70, 70)
    assert world.settling().look() is not None


@pytest.mark.parametrize("state", ["queued", "retrying", "claimed"])
def test_a_completion_from_before_the_kill_settles_nothing_while_the_queue_still_owes_the_job(
    world: World, state: RowState
) -> None:
    world.lines.complete("j1", "j2")
    world.respawn()
    world.sample(0, 0, 0, 0, 0)
    row = claimed_row("j1", by=identity(0, 1))
    world.fault.orphan_rows = frozenset({row.inbox_id})
    world.probe.claimed = [replace(row, state=state)]
    settling = world.settling()
    assert settling.look() is None
    assert settling.waiting_for.startswith("1 orphans to be acknowledged")
    world.clock.forward(30)
    world.probe.claimed = [replace(row, state="done")]
    assert settling.look() == world.clock.now_ns


def test_an_orphan_that_was_rescued_into_another_row_is_waited_for_there(world: World) -> None:
    world.settle()
    row = replace(claimed_row("j1", by=identity(0, 1)), inbox_id="a row of its own", job_id="j1")
    world.probe.claimed = [row]
    assert world.settling().look() is None


def test_orphans_that_never_complete_never_settle(world: World) -> None:
    world.respawn()
    settling = world.settling()
    for _ in range(600):
        world.sample(0)
        assert settling.look() is None
    assert settling.waiting_for.startswith("2 orphans to complete")


def test_it_looks_four_times_a_second_at_most(world: World) -> None:
    world.respawn()
    world.fault.orphans = frozenset()
    settling = world.settling()
    for _ in range(100):
        world.clock.forward(0.01)
        assert settling.look() is None
    assert world.probe.row_looks == 4

"""Repeated kills: each waits until the last has settled; one that never settles is given up."""

from __future__ import annotations

from functools import partial

import pytest

from orchestrator.history.records import FaultInjected
from orchestrator.scenario.faults import Kill
from tests.unit.campaign_world import LIMITS, RESCUE, Make, World, make_world
from tests.unit.stand_ins import Lines, S, claimed_line
from worker_child.protocol import Note

THREE = Kill(repeat=3, respawn_after_s=1.0)
HEARTBEAT_S = 6.0
PERIODS_S = {"heartbeat": HEARTBEAT_S, "flush": 0.1}
STRATUM_S = HEARTBEAT_S / 3
BOUND_S = RESCUE.bound_s(1.0) + LIMITS.settle_s


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(monkeypatch, THREE, periods_s=PERIODS_S)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


def await_kill(world: World, number: int) -> FaultInjected:
    """Turn until so many kills have been sent; the last one."""
    for _ in range(600):
        if len(world.campaign.injected) >= number:
            break
        world.turn(0.1)
    sent = world.records(FaultInjected)
    assert len(sent) == number, f"{len(sent)} kills within a minute"
    return sent[-1]


def certify_and_respawn(world: World) -> None:
    """The victim ends, the next worker of its slot becomes ready."""
    target = world.records(FaultInjected)[-1].target.workers[0]
    world.victim(target.incarnation).end(world.clock.now_ns)
    world.turn(1.1)
    world.fleet.ready()


def test_the_first_comes_within_a_period_of_the_least_length_of_the_stream(world: World) -> None:
    started_ns = world.start()
    first = await_kill(world, 1)
    assert first.intended_ns == first.t_ns
    assert 10 * S <= first.t_ns - started_ns <= (10 + HEARTBEAT_S + STRATUM_S) * S


def test_the_next_comes_within_a_period_of_the_last_ones_settling(world: World) -> None:
    world.start()
    world.probe.lines = [claimed_line("j1")]
    await_kill(world, 1)
    certify_and_respawn(world)
    world.turn(15)
    assert len(world.campaign.injected) == 1
    assert world.campaign.waiting_for() == "1 orphans to complete, the first is j1"
    settled_ns = world.clock.now_ns
    Lines(world.tracker, 0, 1).complete("j1")
    second = await_kill(world, 2)
    assert 0 < second.t_ns - settled_ns <= (0.3 + HEARTBEAT_S + STRATUM_S) * S


def test_each_hits_another_part_of_the_librarys_longest_period(world: World) -> None:
    world.start()
    parts = set()
    for number in (1, 2, 3):
        ready_ns = world.tracker.ready[0, number - 1].t_ns
        sent = await_kill(world, number)
        phase_s = (sent.t_ns - ready_ns) / S % HEARTBEAT_S
        assert sent.phases_s["heartbeat"] == pytest.approx(phase_s)
        parts.add(int(phase_s / STRATUM_S))
        certify_and_respawn(world)
    assert parts == {0, 1, 2}


def test_when_the_plan_is_through_the_last_one_is_seen_to_settle(world: World) -> None:
    started_ns = world.start()
    assert world.campaign.settled_since_ns() == started_ns
    for number in (1, 2, 3):
        await_kill(world, number)
        assert world.campaign.settled_since_ns() is None
        certify_and_respawn(world)
    assert not world.campaign.busy
    assert world.campaign.settled_since_ns() is None, "the backlog has not been seen yet"
    world.turn(6)
    assert world.campaign.settled_since_ns() == world.clock.now_ns
    assert world.notes() == []


@pytest.mark.parametrize("kills", [1, 3])
def test_a_kill_that_never_settles_is_given_up_so_that_an_endless_run_ends(
    make: Make, kills: int
) -> None:
    world = make(Kill(repeat=kills, respawn_after_s=1.0), periods_s=PERIODS_S)
    world.start()
    world.probe.lines = [claimed_line("j1")]
    await_kill(world, 1)
    sent_ns = world.campaign.injected[0].sent_ns
    certify_and_respawn(world)
    while (world.clock.now_ns - sent_ns) / S < BOUND_S - 1:
        world.turn(0.5)
        assert world.campaign.settled_since_ns() is None
    assert world.notes() == []
    for _ in range(8):
        world.turn(0.5)
        world.campaign.settled_since_ns()
    assert not world.campaign.busy
    assert world.campaign.settled_since_ns() is not None
    assert len(world.campaign.injected) == 1
    (note,) = world.records(Note)
    assert note.code == "not_settled"
    assert "1 orphans to complete, the first is j1" in note.message
    assert f"the {kills - 1} faults to come are left out" in note.message


def test_a_backlog_that_only_grows_is_given_up_and_named(world: World) -> None:
    world.start()
    await_kill(world, 1)
    world.backlog = 500
    certify_and_respawn(world)
    world.turn(BOUND_S + 1)
    assert not world.campaign.busy
    (note,) = world.records(Note)
    assert "the backlog to come back to 30 rows" in note.message


def test_a_worker_that_is_not_ready_for_long_moves_the_bound(world: World) -> None:
    world.start()
    await_kill(world, 1)
    world.victim().end(world.clock.now_ns)
    world.turn(RESCUE.bound_s(0) + LIMITS.settle_s + 40)
    assert world.campaign.busy and world.notes() == []

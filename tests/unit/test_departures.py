"""A deploy: carried out step by step, and what a summary says of whom it lets go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from analysis.metrics.departures import DepartureFound
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.sessions import Session
from orchestrator.scenario.worker_faults import Deploy, Terminate
from orchestrator.workers.child import State
from tests.histories.builder import Story
from tests.histories.stories import A, B
from tests.unit.campaign_world import Make, World, make_world
from tests.unit.stand_ins import S

GRACE_S = 30.0


# Carried out


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


def begun(make: Make, **keys: object) -> World:
    world = make(Deploy(**{"at_s": 1.0, "grace_s": GRACE_S, **keys}))  # type: ignore[arg-type]
    victim = world.victim()
    world.probe.open_sessions[victim.init.application_name] = [Session(7, "then")]
    world.start()
    world.turn(1.5)
    return world


def leave(world: World, signal: int | None = None) -> None:
    """The victim ends, and its sessions with it."""
    victim = world.victim()
    world.probe.open_sessions.clear()
    victim.end(world.clock.now_ns, signal=signal)
    victim.state = State.GONE


def test_a_worker_that_is_told_to_stop_is_no_victim_and_is_not_killed_within_its_grace(
    make: Make,
) -> None:
    world = begun(make)
    (sent,) = world.records(FaultInjected)
    assert (sent.what, sent.ends_process) == ("deploy", False)
    assert world.victim().state is State.STOPPING
    assert world.fleet.in_slot(0) is None
    world.turn(GRACE_S - 1)
    assert world.victim().state is State.STOPPING and world.victim().killed_ns is None
    assert world.records(FaultEnded) == []


def test_who_leaves_in_time_is_followed_at_once_and_nobody_is_killed(make: Make) -> None:
    world = begun(make)
    world.turn(3.0)
    leave(world)
    world.turn(0.1)
    assert (0, 1) in world.fleet.children and world.campaign.busy
    world.fleet.ready()
    world.turn(0.5)
    (seen,) = world.records(FaultEnded)
    assert (seen.after.killed_ns, seen.after.exit_code) == (None, 0)
    assert seen.healed_ns is not None and not world.campaign.busy


def test_who_has_not_left_when_the_grace_is_over_is_killed_then_and_followed(make: Make) -> None:
    world = begun(make)
    (sent,) = world.records(FaultInjected)
    world.turn(GRACE_S)
    killed_ns = world.victim().killed_ns
    assert killed_ns is not None
    assert 0 <= killed_ns - sent.t_ns - GRACE_S * S < 0.1 * S
    assert (0, 1) in world.fleet.children
    leave(world, signal=9)
    world.fleet.ready()
    world.turn(0.5)
    (seen,) = world.records(FaultEnded)
    assert (seen.after.killed_ns, seen.after.signal) == (killed_ns, 9)


def test_where_the_successor_comes_first_nobody_is_told_to_stop_until_it_is_ready(
    make: Make,
) -> None:
    world = begun(make, successor="before")
    assert (0, 1) in world.fleet.children
    world.turn(GRACE_S + 5)
    assert world.victim().state is State.READY
    world.fleet.announce(0, 1)
    world.turn(0.1)
    assert world.victim().state is State.STOPPING
    leave(world)
    world.turn(0.5)
    (seen,) = world.records(FaultEnded)
    assert seen.after.told_ns > world.records(FaultInjected)[0].t_ns + GRACE_S * S


def test_sigterm_is_sent_twice_and_then_sigkill_to_who_stays(make: Make) -> None:
    world = make(Terminate(at_s=1.0, again_after_s=10.0, grace_s=GRACE_S))
    world.start()
    world.turn(1.0 + GRACE_S + 0.5)
    first_ns, second_ns = world.victim().terminated_ns
    killed_ns = world.victim().killed_ns
    assert killed_ns is not None
    assert 0 <= second_ns - first_ns - 10 * S < 0.1 * S
    assert 0 <= killed_ns - first_ns - GRACE_S * S < 0.1 * S


def test_who_leaves_at_the_first_sigterm_is_sent_no_other(make: Make) -> None:
    world = make(Terminate(at_s=1.0, again_after_s=10.0, grace_s=GRACE_S))
    world.start()
    world.turn(2.0)
    leave(world, signal=15)
    world.turn(0.1)
    world.fleet.ready()
    world.turn(0.5)
    (seen,) = world.records(FaultEnded)
    assert len(world.victim().terminated_ns) == 1
    assert (seen.after.again_ns, seen.after.killed_ns, seen.after.signal) == (None, None, 15)


def test_several_slots_have_their_turns_one_after_the_other() -> None:
    first, second = Deploy(slots=(0, 1), at_s=2.0, every_s=3.0, grace_s=1.0).each
    assert (first.slots, first.at_s, second.slots, second.at_s) == ((0,), 2.0, (1,), 5.0)


# Told by a history


def told(folder: Path, plant: Callable[[Story], None]) -> tuple[DepartureFound, Summary]:
    story = Story(effects=True)
    story.first("run_start")["scenario"]["workers"]["slots"] = 2
    plant(story)
    summary = analyse(story.write(folder))
    assert summary.verdict != "invalid", summary.reasons
    (gone,) = summary.departures
    return gone, summary


def drains(story: Story, *, taken: bool = False) -> None:
    """A is open when its worker is told to stop, and is finished; another one may take it."""
    first, second = story.worker(), story.worker(1)
    story.enqueue(A, B)
    first.start(A)
    fault = story.tell_to_stop(first)
    if taken:
        second.run(A)
    story.wait(1)
    first.complete(A)
    successor = story.depart(first, fault)
    successor.run(B)
    finish(story, second, successor)


def finish(story: Story, *workers: object, **rows: str) -> None:
    story.phase("stop")
    for worker in workers:
        story.exit(worker)  # type: ignore[arg-type]
    story.end(rows)


def test_a_worker_that_finishes_what_it_has_drains(tmp_path: Path) -> None:
    gone, summary = told(tmp_path, drains)
    assert (gone.outcome, gone.open, gone.completed, gone.begun) == ("drained", 1, 1, 0)
    assert (gone.left_open, gone.rows_held, gone.taken) == (0, 0, 0)
    assert gone.left_s == pytest.approx(1, abs=0.01)
    assert (summary.crash.kills, summary.crash.certificates, summary.recovery) == (0, 1, [])
    assert any("Deploy 1: slot 0 was told to leave" in said for said in summary.findings)


def test_a_live_job_that_another_worker_took_meanwhile_is_made_by_the_drain(tmp_path: Path) -> None:
    gone, summary = told(tmp_path, partial(drains, taken=True))
    (taken,) = gone.taken_live
    assert (gone.taken, taken.job, taken.execution, taken.other) == (1, A, (0, 0, 1), (1, 0, 1))
    assert summary.crash.duplicates_live_by.drain == summary.crash.duplicates_live == 1
    (fault,) = summary.faults
    assert fault.live_taken == 1


def test_what_is_killed_at_the_end_of_its_grace_is_a_death_from_then_on(tmp_path: Path) -> None:
    def killed(story: Story) -> None:
        first, second = story.worker(), story.worker(1)
        story.enqueue(A)
        first.start(A)
        fault = story.tell_to_stop(first)
        story.wait(5)
        successor = story.depart(first, fault, [A], killed=True)
        successor.run(A)
        finish(story, second, successor)

    gone, summary = told(tmp_path, killed)
    assert (gone.outcome, gone.left_open, gone.rows_held) == ("killed", 1, 1)
    (kill,) = summary.recovery
    assert gone.told_ns is not None
    assert (kill.kill_sent_ns - gone.told_ns) / 1e9 == pytest.approx(5, abs=0.01)
    assert (kill.orphans, summary.crash.kills, summary.crash.certificates) == (1, 1, 1)
    assert kill.first_orphan_pickup_s is not None and kill.first_orphan_pickup_s < 1
    assert summary.crash.duplicated == 0


def test_what_a_worker_leaves_open_is_abandoned_and_what_it_leaves_claimed_is_stranded(
    tmp_path: Path,
) -> None:
    def leaves(story: Story) -> None:
        first, second = story.worker(), story.worker(1)
        story.enqueue(A)
        first.start(A)
        fault = story.tell_to_stop(first)
        successor = story.depart(first, fault, [A])
        story.wait(30)
        story.phase("stop")
        story.exit(second)
        story.exit(successor)
        story.row(A, "claimed", claimed_by=first.identity)
        story.end()

    gone, summary = told(tmp_path, leaves)
    assert (gone.outcome, gone.left_open, gone.rows_held) == ("abandoned", 1, 1)
    assert summary.jobs.stranded_by_reason == {"told_to_stop": 1}


def test_a_worker_that_breaks_down_as_it_drains_has_died_and_is_no_kill(tmp_path: Path) -> None:
    def breaks(story: Story) -> None:
        first, second = story.worker(), story.worker(1)
        story.enqueue(A)
        first.start(A)
        fault = story.tell_to_stop(first)
        successor = story.depart(first, fault, [A], exit_code=1)
        second.run(A)
        finish(story, second, successor)

    gone, summary = told(tmp_path, breaks)
    assert (gone.outcome, summary.crash.kills) == ("died", 0)


def test_a_worker_that_was_not_told_makes_the_run_invalid(tmp_path: Path) -> None:
    story = Story()
    drains(story)
    del story.first("fault_ended")["parts"]["told_ns"]
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert "it was not told to leave" in " ".join(summary.reasons)

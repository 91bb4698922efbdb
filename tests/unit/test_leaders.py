"""A worker's first process is killed alone: carried out step by step, and told by a history."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.metrics.survivors import SurvivorsFound
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.sessions import Session
from orchestrator.scenario.worker_faults import KillLeaderOnly
from orchestrator.workers.child import Exit
from tests.histories.builder import Story
from tests.histories.stories import A, B
from tests.unit.campaign_world import Make, World, make_world
from tests.unit.stand_ins import S

FOR_S = 5.0
OTHER = 71_000
SECOND_NS = 1_000_000_000


# Carried out


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


def begun(make: Make) -> World:
    """The first process is dead and reaped, and another one lives on."""
    world = make(KillLeaderOnly(at_s=1.0, survivors_for_s=FOR_S))
    victim = world.victim()
    world.probe.open_sessions[victim.init.application_name] = [Session(7, "then")]
    world.start()
    world.turn(1.1)
    victim.exit = Exit(reaped_ns=world.clock.now_ns, exit_code=None, signal=9, max_rss_bytes=0)
    victim.others = [OTHER]
    world.turn(0.5)
    return world


def gone(world: World) -> None:
    """Nothing is left of the worker."""
    world.victim().others = []
    world.victim().eof_ns = world.clock.now_ns
    world.probe.open_sessions.clear()


def test_what_lives_on_is_let_be_for_its_time_and_the_next_worker_comes_at_once(
    make: Make,
) -> None:
    world = begun(make)
    (sent,) = world.records(FaultInjected)
    assert (sent.what, sent.ends_process) == ("kill_leader_only", True)
    assert (0, 1) in world.fleet.children
    leader_ns = world.victim().killed_ns
    world.turn(FOR_S - 1)
    assert world.victim().killed_ns == leader_ns and world.records(FaultEnded) == []
    world.turn(1.0)
    killed_ns = world.victim().killed_ns
    assert killed_ns is not None and 0 <= killed_ns - sent.t_ns - FOR_S * S < 0.1 * S
    gone(world)
    world.fleet.announce(0, 1)
    world.turn(0.5)
    (seen,) = world.records(FaultEnded)
    assert (seen.after.lived_on, seen.after.killed_ns, seen.after.signal) == ([OTHER], killed_ns, 9)
    assert seen.after.alone_ns >= killed_ns > seen.after.still_ns
    assert not world.campaign.busy


def test_those_that_end_by_themselves_are_waited_for_no_longer_and_nobody_is_killed(
    make: Make,
) -> None:
    world = begun(make)
    leader_ns = world.victim().killed_ns
    world.fleet.announce(0, 1)
    gone(world)
    world.turn(0.5)
    (seen,) = world.records(FaultEnded)
    assert (seen.after.lived_on, seen.after.killed_ns) == ([OTHER], None)
    assert world.victim().killed_ns == leader_ns and not world.campaign.busy


# Told by a history


def lives_on(story: Story, *, taken: bool = False, killed: bool = True) -> None:
    """A is open when the first process dies, and is finished after that; B is left open."""
    first, second = story.worker(), story.worker(1)
    story.enqueue(A, B)
    first.start(A)
    fault = story.kill_leader(first)
    successor = story.worker()
    story.first("child_spawned", incarnation=1)["after_fault"] = fault
    if taken:
        second.run(A)
    story.wait(1)
    first.complete(A)
    first.start(B)
    story.wait(5)
    story.end_of_the_rest(first, fault, [B], killed=killed)
    successor.run(B)
    story.phase("stop")
    for worker in (second, successor):
        story.exit(worker)
    story.end({})


def told(
    folder: Path, plant: Callable[[Story], object] = lives_on
) -> tuple[SurvivorsFound, Summary]:
    summary = analyse(written(folder, plant))
    assert summary.verdict != "invalid", summary.reasons
    (lived,) = summary.survivors
    return lived, summary


def written(folder: Path, plant: Callable[[Story], object]) -> Path:
    story = Story(effects=True)
    story.first("run_start")["scenario"]["workers"]["slots"] = 2
    plant(story)
    return story.write(folder)


def test_what_they_did_without_their_leader_is_counted(tmp_path: Path) -> None:
    lived, summary = told(tmp_path)
    assert (lived.outcome, lived.pids, lived.certificate.missing) == ("killed", (1100,), [])
    assert (lived.open, lived.begun, lived.completed, lived.left_open) == (1, 1, 1, 1)
    assert (lived.effects, lived.unacknowledged, lived.taken) == (1, 0, 0)
    assert lived.gone_s == pytest.approx(6, abs=0.1)
    (said,) = [said for said in summary.findings if "lived on" in said]
    assert said.startswith("Kill leader only 1: 1 process of slot 0 lived on without the first")
    assert "began 1 more and completed 1 (effects: 1, 0 unacknowledged)" in said


def test_the_worker_is_dead_when_the_last_of_it_is_and_what_it_left_is_its_kills(
    tmp_path: Path,
) -> None:
    lived, summary = told(tmp_path)
    (kill,) = summary.recovery
    assert (kill.kill_sent_ns - lived.leader_killed_ns) / 1e9 == pytest.approx(6, abs=0.1)
    assert kill.found.started == 1
    assert (summary.crash.kills, summary.crash.duplicated) == (1, 0)


def test_those_that_ended_by_themselves_were_not_killed(tmp_path: Path) -> None:
    lived, _ = told(tmp_path, partial(lives_on, killed=False))
    assert lived.outcome == "ended"


def test_a_job_that_another_worker_took_from_them_is_a_duplicate_by_the_lost_leader(
    tmp_path: Path,
) -> None:
    lived, summary = told(tmp_path, partial(lives_on, taken=True))
    (taken,) = lived.taken_live
    assert (taken.job, taken.execution, taken.other) == (A, (0, 0, 1), (1, 0, 1))
    by = summary.crash.duplicates_live_by
    assert by.leaderless == summary.crash.duplicates_live == 1


@pytest.mark.parametrize("hit", [0, 1], ids=["its own", "the other's"])
def test_a_leader_that_dies_after_its_job_was_taken_is_no_cause_of_the_duplicate(
    hit: int, tmp_path: Path
) -> None:
    def plant(story: Story) -> None:
        workers = story.worker(0), story.worker(1)
        first, taker = workers if hit == 0 else reversed(workers)
        story.enqueue(A)
        first.start(A)
        story.wait(1)
        taker.start(A)
        story.wait(1)
        fault = story.kill_leader(workers[0])
        successor = story.worker(0)
        story.first("child_spawned", incarnation=1)["after_fault"] = fault
        for worker in (first, taker):
            worker.complete(A)
        story.wait(5)
        story.end_of_the_rest(workers[0], fault)
        story.phase("stop")
        for worker in (workers[1], successor):
            story.exit(worker)
        story.end({})

    _, summary = told(tmp_path, plant)
    by = summary.crash.duplicates_live_by
    assert summary.crash.duplicates_live == 1
    assert (by.leaderless, by.rescue) == (0, 1)


def end(story: Story) -> dict[str, Any]:
    parts: dict[str, Any] = story.first("fault_ended")["parts"]
    return parts


def last_seen_early(story: Story) -> None:
    end(story)["still_ns"] = end(story)["reaped_ns"] + 1


def read_early(story: Story) -> None:
    """All else was seen, and the rows were read, when somebody still lived."""
    read_ns = end(story)["still_ns"]
    seen = ("eof_ns", "sessions_gone_ns", "rows_read_ns")
    end(story).update(dict.fromkeys(seen, read_ns))
    for kind, fields in story.records:
        if kind == "row_read" and fields["read"] == "kill":
            fields["t_ns"] = read_ns


def shift(key: str, by_ns: int) -> Callable[[Story], object]:
    return lambda story: end(story).update({key: end(story)[key] + by_ns})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: end(s).pop("lived_on"), "nobody was seen to outlive the first process"),
        (lambda s: end(s).pop("still_ns"), "nobody was seen to outlive the first process"),
        (lambda s: end(s).update(lived_on=[100]), "the first process is among those that"),
        (lambda s: end(s).pop("alone_ns"), "those that lived on were not seen to be gone"),
        (lambda s: end(s).update(lived_on=[101]), "is slot 0 incarnation 1 itself"),
        (last_seen_early, "nothing shows that it lasted until its end"),
        (read_early, "the rows were read before its victim was wholly gone"),
        (shift("still_ns", 2), "those that lived on were gone before they were last seen"),
        (lambda s: end(s).update(survivors=[7]), "members of its process group live on"),
        (lambda s: end(s).pop("eof_ns"), "its pipe was not read to the end"),
        (lambda s: end(s).update(signal=15), "the wait status is not SIGKILL"),
        (
            lambda s: s.first("run_start")["scenario"]["faults"][0].update(survivors_for_s=9),
            "killed those that lived on before their time was over",
        ),
        (
            lambda s: s.first("run_start")["scenario"]["faults"][0].update(survivors_for_s=0.5),
            "let those that lived on go on when their time was over",
        ),
        (
            lambda s: s.first("child_spawned", incarnation=1).update(t_ns=s.now_ns),
            "did not come at its leader's end",
        ),
    ],
)
def test_what_does_not_show_that_it_was_as_planned_voids_the_run(
    change: Callable[[Story], object], why: str, tmp_path: Path
) -> None:
    def plant(story: Story) -> None:
        lives_on(story)
        change(story)

    summary = analyse(written(tmp_path, plant))
    assert summary.verdict == "invalid"
    assert why in " ".join(summary.reasons)


def test_those_that_ended_long_after_they_were_last_seen_void_the_run(tmp_path: Path) -> None:
    def plant(story: Story) -> None:
        lives_on(story, killed=False)
        last_seen_early(story)

    summary = analyse(written(tmp_path, plant))
    assert summary.verdict == "invalid"
    assert "nothing shows that it lasted until its end" in " ".join(summary.reasons)


def test_a_survivor_may_bear_the_process_id_of_a_worker_that_was_gone_by_then(
    tmp_path: Path,
) -> None:
    def plant(story: Story) -> None:
        lives_on(story)
        for kind in ("child_spawned", "child_ready", "child_exited"):
            story.first(kind, slot=1)["pid"] = 4242
        left = story.first("child_exited", slot=1)
        left.update(t_ns=end(story)["reaped_ns"] + 1, reason="died", exit_code=1)
        end(story)["lived_on"] = [4242]

    lived, _ = told(tmp_path, plant)
    assert lived.pids == (4242,)


def test_no_line_of_it_may_be_stamped_after_the_last_of_it_was_gone(tmp_path: Path) -> None:
    def plant(story: Story) -> None:
        lives_on(story)
        started = story.first("job_started", job_id=B, incarnation=0)
        started["t_ns"] = end(story)["alone_ns"] + SECOND_NS

    summary = analyse(written(tmp_path, plant))
    assert summary.verdict == "invalid"
    assert "is stamped after it was reaped" in " ".join(summary.reasons)

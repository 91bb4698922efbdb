"""Kills of several workers: done together, certified each, and planned as the file has them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from analysis.evidence.run_spec import planned_faults
from analysis.summary.summary import analyse
from orchestrator.faults.plan import plan_faults
from orchestrator.history.records import FaultInjected
from orchestrator.scenario.faults import CrashLoop, Fault, Kill, KillAtOnce, Storm
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.triggered import When
from tests.histories.builder import ORIGIN_NS, Story
from tests.histories.planted import A, B
from tests.unit.campaign_world import Make, make_world
from tests.unit.stand_ins import Lines, S

BOTH = KillAtOnce(slots=(0, 1), at_s=3.0, respawn_after_s=1.0)
STORM = Storm(slots=(0, 1), at_s=2.0, rounds=3, every_s=2.0, respawn_after_s=0.5)
LOOP = CrashLoop(slot=1, at_s=2.0, successors=2, respawn_after_s=1.0, killed_after_s=0.25)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


def instants(*faults: Fault) -> list[tuple[int, float | None, tuple[int, ...]]]:
    planned = plan_faults(faults, seed=1, ordinal=1, periods_s={}, first_repeat_s=0.0)
    return [(fault.fault, fault.entry.at_s, fault.entry.slots) for fault in planned]


def test_each_sort_comes_to_its_kills() -> None:
    assert instants(BOTH) == [(0, 3.0, (0,)), (1, 3.0, (1,))]
    assert instants(STORM) == [
        (number, at_s, (slot,))
        for number, (at_s, slot) in enumerate(
            (at_s, slot) for at_s in (2.0, 4.0, 6.0) for slot in (0, 1)
        )
    ]
    assert instants(LOOP) == [(0, 2.0, (1,)), (1, 3.25, (1,)), (2, 4.5, (1,))]


@pytest.mark.parametrize(
    "faults",
    [
        (STORM, LOOP, Kill(at_s=3.5)),
        (KillAtOnce(slots=(1, 0), repeat=3, respawn_after_s=1.0),),
        (KillAtOnce(slots=(1, 2), when=When(completed=3)), Kill(at_s=0.5), BOTH),
    ],
)
def test_the_analysis_numbers_them_as_the_run_does(faults: tuple[Fault, ...]) -> None:
    planned = plan_faults(faults, seed=1, ordinal=1, periods_s={}, first_repeat_s=0.0)
    assert [fault.entry for fault in planned] == planned_faults(faults)
    assert [fault.fault for fault in planned] == list(range(len(planned)))


def test_workers_of_one_machine_are_killed_at_one_instant(make: Make) -> None:
    world = make(BOTH)
    started_ns = world.start()
    world.turn(3.1)
    sent = world.records(FaultInjected)
    assert [(one.what, one.t_ns, one.target.workers[0].slot) for one in sent] == [
        ("kill_at_once", started_ns + 3 * S, slot) for slot in (0, 1)
    ]


def test_nobody_is_killed_until_each_of_the_slots_has_a_worker(make: Make) -> None:
    world = make(BOTH)
    world.start()
    world.fleet.kill(world.victim(slot=1), None)
    world.turn(4.0)
    assert world.campaign.injected == []
    world.fleet.spawn(1)
    world.turn(0.1)
    first, second = world.records(FaultInjected)
    assert second.t_ns - first.t_ns < 0.02 * S


def test_a_state_kills_them_all_at_one_instant(make: Make) -> None:
    world = make(KillAtOnce(slots=(0, 1), when=When(completed=2)))
    world.start()
    world.turn(1.0)
    assert world.campaign.injected == []
    Lines(world.tracker).complete("j000000", "j000001")
    world.turn(0.05)
    first, second = world.records(FaultInjected)
    assert first.intended_ns == second.intended_ns and first.t_ns == second.t_ns


def test_repeated_ones_wait_for_one_another(make: Make) -> None:
    world = make(KillAtOnce(slots=(0, 1), repeat=2, respawn_after_s=0.5), periods_s={"poll": 2.0})
    world.start()
    world.turn(14.0)
    first, second = world.records(FaultInjected)
    assert first.intended_ns == second.intended_ns and first.phases_s == second.phases_s != {}
    assert len(world.campaign.pending) == 2


def test_a_storm_kills_who_is_there_ready_or_not(make: Make) -> None:
    world = make(STORM)
    started_ns = world.start()
    for _ in range(80):
        world.turn(0.1)
        for child in world.fleet.children.values():
            if child.killed_ns is not None and child.exit is None:
                world.victim(child.incarnation, child.slot).end(world.clock.now_ns)
    sent = world.records(FaultInjected)
    assert [(one.t_ns - started_ns, one.target.workers[0].incarnation) for one in sent] == [
        (round_s * S, number) for number, round_s in enumerate((2, 4, 6)) for _ in (0, 1)
    ]
    assert [one.before.ready for one in sent] == [True, True, False, False, False, False]


def looped(*, ready: bool) -> Story:
    """A worker is killed, then its successor, which had become ready or had not."""
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    first.start(A)
    story.kill(first, [A])
    second = story.worker(ready=ready)
    story.kill(second)
    third = story.worker()
    story.wait(3)
    third.run(A)
    third.run(B)
    story.exit(third)
    story.end()
    sent = [fields for kind, fields in story.records if kind == "fault_injected"]
    for fields in (*sent, *(f for kind, f in story.records if kind == "fault_ended")):
        fields["what"] = "crash_loop"
    at_s = [(fields["intended_ns"] - ORIGIN_NS) / 1e9 for fields in sent]
    loop = {"successors": 1, "respawn_after_s": 1e-6, "killed_after_s": at_s[1] - at_s[0] - 1e-6}
    story.first("run_start")["scenario"]["faults"] = [
        {"what": "crash_loop", "at_s": at_s[0], **loop}
    ]
    if not ready:
        sent[1]["parts"] = {"sessions": [], "ready": False}
    return story


def test_a_loop_whose_successor_was_not_ready_is_certified(tmp_path: Path) -> None:
    summary = analyse(looped(ready=False).write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    assert (summary.crash.kills, summary.crash.certificates) == (2, 2)


def test_a_loop_whose_successor_was_ready_is_none_and_voids_the_run(tmp_path: Path) -> None:
    summary = analyse(looped(ready=True).write(tmp_path))
    assert summary.verdict == "invalid"
    assert "Fault 1 was to kill a successor before it was ready" in " ".join(summary.reasons)


@pytest.mark.parametrize("name", ["kill_at_once", "crash_loop", "storm"])
def test_shipped_scenarios_expect_a_certificate_of_each_kill(name: str) -> None:
    for scenario in (load_scenario(name), load_scenario(f"{name}_short")):
        assert scenario.expectations.certificates == len(planned_faults(scenario.faults))

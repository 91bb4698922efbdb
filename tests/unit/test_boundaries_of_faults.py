"""Faults against their plan and their workers, where one nanosecond or one word turns it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from analysis.checks import faults
from tests.histories.builder import ORIGIN_NS, Story
from tests.histories.stories import crash
from tests.unit.said_by import behind, end, entry, said_by
from tests.unit.test_boundaries_of_leaders import outlived
from tests.unit.test_pauses import story as pause
from tests.unit.test_poison_judged import left_in_the_queue

MS = 1_000_000
AT_S = 2.0
ELSEWHEN = "Fault 1 was intended for another instant than was planned."
READ_EARLY = "Kill 1: the rows were read before its victim was wholly gone."
Change = Callable[[Story], object]


def sent(story: Story) -> dict[str, Any]:
    return story.first("fault_injected")


TRIGGERS: dict[str, dict[str, Any]] = {
    "timed": {"what": "kill", "slot": 0, "at_s": AT_S},
    "state": {"what": "kill", "slot": 0, "when": {"completed": 1}},
    "held": {"what": "kill", "slot": 0, "when_held": True},
    "point": {"what": "kill", "slot": 0, "at_point": {"statement": "SELECT 1", "side": "before"}},
}
"""By what a fault of such a plan is called: the plan."""


@pytest.mark.parametrize("called", TRIGGERS)
@pytest.mark.parametrize("planned", TRIGGERS)
def test_a_fault_is_called_by_what_was_to_bring_it_about(
    planned: str, called: str, tmp_path: Path
) -> None:
    story = crash()
    story.first("run_start")["scenario"]["faults"] = [TRIGGERS[planned]]
    intended_ns = ORIGIN_NS + round(AT_S * 1e9)
    sent(story).update(trigger=called, biased=planned != "timed", intended_ns=intended_ns)
    said = f"Fault 1 was planned as {planned} and is called {called}."
    assert said_by(faults, story, tmp_path) == [said] * (planned != called)


@pytest.mark.parametrize("trigger", ["state", "timed"])
def test_a_fault_that_jobs_bring_about_is_one_of_a_state_in_whichever_slot(
    trigger: str, tmp_path: Path
) -> None:
    story = left_in_the_queue()
    sent(story)["trigger"] = trigger
    for kind, fields in story.records:
        if kind in ("fault_injected", "fault_ended"):
            fields["target"]["slot"] = 7
    said = "Fault 1 was planned as state and is called timed."
    assert said_by(faults, story, tmp_path) == [said] * (trigger == "timed")


@pytest.mark.parametrize(("planned", "word"), [("timed", ""), ("state", "un")])
def test_only_a_timed_fault_is_unbiased(planned: str, word: str, tmp_path: Path) -> None:
    story = crash()
    story.first("run_start")["scenario"]["faults"] = [TRIGGERS[planned]]
    sent(story).update(trigger=planned, biased=planned == "timed")
    sent(story)["intended_ns"] = ORIGIN_NS + round(AT_S * 1e9)
    assert said_by(faults, story, tmp_path) == [f"Fault 1 is wrongly called {word}biased."]


@pytest.mark.parametrize(
    ("beside_ns", "says"),
    [(-MS - 1, [ELSEWHEN]), (-MS, []), (0, []), (MS, []), (MS + 1, [ELSEWHEN])],
)
def test_an_instant_is_the_planned_one_within_a_millisecond(
    beside_ns: int, says: list[str], tmp_path: Path
) -> None:
    story = crash()
    entry(story)["at_s"] = AT_S
    sent(story)["intended_ns"] = ORIGIN_NS + round(AT_S * 1e9) + beside_ns
    assert said_by(faults, story, tmp_path) == says


def of_a_state(story: Story) -> None:
    story.first("run_start")["scenario"]["faults"] = [TRIGGERS["state"]]
    sent(story).update(trigger="state", biased=True, intended_ns=1)


@pytest.mark.parametrize(
    "change",
    [
        of_a_state,
        lambda story: sent(story).update(intended_ns=None),
        lambda story: story.first("run_end").pop("started_ns"),
    ],
    ids=["no planned instant", "no intended one", "no beginning"],
)
def test_instants_of_which_one_is_unknown_are_not_compared(change: Change, tmp_path: Path) -> None:
    story = crash()
    change(story)
    assert said_by(faults, story, tmp_path) == []


@pytest.mark.parametrize(
    ("repeat", "phases", "told"), [(None, {"poll": 0.5}, True), (None, {}, False)]
)
def test_only_repeated_faults_are_aimed_at_phases(
    repeat: int | None, phases: dict[str, float], told: bool, tmp_path: Path
) -> None:
    story = crash()
    sent(story)["phases_s"] = phases
    said = "Fault 1 was aimed at phases; the scenario plans none."
    assert said_by(faults, story, tmp_path) == [said] * told


@pytest.mark.parametrize("phases", [{}, {"poll": 0.5}])
def test_repeated_faults_may_be_aimed_at_phases(phases: dict[str, float], tmp_path: Path) -> None:
    story = crash()
    story.first("run_start")["scenario"]["faults"] = [{"what": "kill", "slot": 0, "repeat": 2}]
    sent(story)["phases_s"] = phases
    assert said_by(faults, story, tmp_path) == []


@pytest.mark.parametrize(("kind", "beside_ns"), [("child_spawned", 1), ("child_exited", -1)])
def test_who_is_hit_was_there_at_that_instant(kind: str, beside_ns: int, tmp_path: Path) -> None:
    story = pause()
    story.first(kind)["t_ns"] = sent(story)["t_ns"]
    assert said_by(faults, story, tmp_path) == []
    story.first(kind)["t_ns"] += beside_ns
    (sentence,) = said_by(faults, story, tmp_path)
    assert "hit a worker that" in sentence


def test_of_a_worker_that_nobody_started_or_saw_leave_it_is_said_elsewhere(tmp_path: Path) -> None:
    story = pause()
    for kind in ("child_spawned", "child_exited"):
        story.drop(kind, slot=0)
    assert said_by(faults, story, tmp_path) == []


@pytest.mark.parametrize(("beside_ns", "told"), [(-1, True), (0, False)])
def test_a_slot_is_filled_from_the_instant_on_at_which_it_was_emptied(
    beside_ns: int, told: bool, tmp_path: Path
) -> None:
    story = crash()
    story.first("child_spawned", incarnation=1)["t_ns"] = sent(story)["t_ns"] + beside_ns
    said = "Slot 0 incarnation 1 was spawned before the fault that it comes after."
    assert said_by(faults, story, tmp_path) == [said] * told


def test_the_first_of_a_slot_comes_after_no_fault_and_the_second_after_that_of_the_first(
    tmp_path: Path,
) -> None:
    story = crash()
    story.first("child_spawned", incarnation=0)["after_fault"] = 0
    story.first("child_spawned", incarnation=1)["after_fault"] = None
    assert said_by(faults, story, tmp_path) == [
        f"Slot 0 incarnation {n} was spawned after another fault than had emptied its slot."
        for n in (0, 1)
    ]


@pytest.mark.parametrize("part", ["reaped_ns", "eof_ns", "sessions_gone_ns"])
def test_rows_are_read_when_the_last_of_a_victim_was_seen_to_go(part: str, tmp_path: Path) -> None:
    story = crash()
    left = story.first("child_exited", incarnation=0) if part == "reaped_ns" else {}
    left["t_ns"] = end(story)[part] = end(story)["rows_read_ns"]
    assert said_by(faults, story, tmp_path) == []
    left["t_ns"] = end(story)[part] = end(story)["rows_read_ns"] + 1
    assert said_by(faults, story, tmp_path) == [READ_EARLY]
    del end(story)["rows_read_ns"]
    assert said_by(faults, story, tmp_path) == []


@pytest.mark.parametrize(("late_ns", "says"), [(0, []), (1, [READ_EARLY])])
def test_those_that_lived_on_have_gone_before_the_rows_are_read(
    late_ns: int, says: list[str], tmp_path: Path
) -> None:
    story = outlived(killed=False)
    end(story)["alone_ns"] = end(story)["rows_read_ns"] + late_ns
    assert said_by(faults, story, tmp_path) == says


def test_a_victim_of_which_nothing_was_seen_had_its_rows_read_at_any_time(tmp_path: Path) -> None:
    story = crash()
    end(story).clear()
    end(story)["rows_read_ns"] = 0
    assert said_by(faults, story, tmp_path) == []


TWO_INSTANTS = "Kill 1: its victim was reaped, and left, at two instants."


@pytest.mark.parametrize(
    ("beside_ns", "says"), [(0, []), (1, [TWO_INSTANTS]), (-1, [TWO_INSTANTS])]
)
def test_a_victim_leaves_when_it_is_reaped(beside_ns: int, says: list[str], tmp_path: Path) -> None:
    story = crash()
    story.first("child_exited", incarnation=0)["t_ns"] = end(story)["reaped_ns"] + beside_ns
    assert said_by(faults, story, tmp_path) == says


def test_a_victim_that_was_not_reaped_or_did_not_leave_did_so_at_no_two_instants(
    tmp_path: Path,
) -> None:
    story = crash()
    story.drop("child_exited", incarnation=0)
    story.first("child_spawned", incarnation=1)["after_fault"] = None
    assert said_by(faults, story, tmp_path) == []
    story = crash()
    del end(story)["reaped_ns"]
    assert said_by(faults, story, tmp_path) == []


def test_a_fault_that_nobody_planned_or_that_ends_no_process_hides_no_later_one(
    tmp_path: Path,
) -> None:
    story = crash()
    end(story)["eof_ns"] = end(story)["rows_read_ns"] + 1
    sent(story)["biased"] = True
    unplanned = {**deepcopy(sent(story)), "fault": -1}
    behind(pause(), story).records.insert(1, ("fault_injected", unplanned))
    assert {
        "Fault 0 was injected; the scenario plans 2 faults.",
        "Fault 2 is wrongly called biased.",
        READ_EARLY.replace("1", "2"),
    } <= set(said_by(faults, story, tmp_path))

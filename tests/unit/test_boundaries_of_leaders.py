"""Those that outlived their leader, where one nanosecond or one part more or less turns it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.checks import leaders
from tests.histories.builder import Story
from tests.unit.said_by import end, entry, said_by
from tests.unit.test_leaders import lives_on

S = 1_000_000_000
FOR_S = 4.0
PATIENCE_NS = 5 * S


def outlived(*, killed: bool = True) -> Story:
    """They are killed at the very instant that was planned; or have gone by themselves then."""
    story = Story(effects=True)
    story.first("run_start")["scenario"]["workers"]["slots"] = 2
    lives_on(story, killed=killed)
    entry(story)["survivors_for_s"] = FOR_S
    at_ns = due_ns(story)
    end(story).update(still_ns=at_ns - 1, alone_ns=at_ns + 1)
    if killed:
        end(story)["killed_ns"] = at_ns
    return story


def due_ns(story: Story) -> int:
    sent_ns: int = story.first("fault_injected")["t_ns"]
    return sent_ns + round(FOR_S * S)


@pytest.mark.parametrize(
    ("after_ns", "says"),
    [
        (-1, "killed those that lived on before their time was over"),
        (0, ""),
        (PATIENCE_NS, ""),
        (PATIENCE_NS + 1, "let those that lived on go on when their time was over"),
    ],
)
def test_they_are_killed_when_their_time_is_over_and_no_later_than_five_seconds_after(
    after_ns: int, says: str, tmp_path: Path
) -> None:
    story = outlived()
    end(story)["killed_ns"] = due_ns(story) + after_ns
    assert said_by(leaders, story, tmp_path) == ([f"Fault 1 {says}."] if says else [])


@pytest.mark.parametrize(("after_ns", "too_long"), [(PATIENCE_NS, False), (PATIENCE_NS + 1, True)])
def test_those_that_go_by_themselves_are_not_let_be_for_longer(
    after_ns: int, too_long: bool, tmp_path: Path
) -> None:
    story = outlived(killed=False)
    end(story)["alone_ns"] = due_ns(story) + after_ns
    said = "Fault 1 let those that lived on go on when their time was over."
    assert said_by(leaders, story, tmp_path) == [said] * too_long


@pytest.mark.parametrize(
    ("after_ns", "comes_then"),
    [(-1, False), (0, True), (PATIENCE_NS, True), (PATIENCE_NS + 1, False)],
)
def test_the_next_worker_comes_at_its_leaders_end_and_within_five_seconds(
    after_ns: int, comes_then: bool, tmp_path: Path
) -> None:
    story = outlived()
    story.first("child_spawned", incarnation=1)["t_ns"] = end(story)["reaped_ns"] + after_ns
    said = "Fault 1: the next worker of its slot did not come at its leader's end."
    assert said_by(leaders, story, tmp_path) == [said] * (not comes_then)


def test_a_slot_that_nobody_filled_again_is_told(tmp_path: Path) -> None:
    story = outlived()
    for kind in ("child_spawned", "child_ready"):
        story.drop(kind, incarnation=1)
    said = "Fault 1 is over, and no other worker was started in its slot."
    assert said_by(leaders, story, tmp_path) == [said]


@pytest.mark.parametrize(
    ("before_ns", "after_ns", "is_one"),
    [(0, 1, True), (-1, 1, False), (0, 0, False), (0, None, True)],
)
def test_a_survivor_is_another_worker_where_that_one_lived_when_it_was_last_seen(
    before_ns: int, after_ns: int | None, is_one: bool, tmp_path: Path
) -> None:
    """How long before that it was there, and how long after it had left; None = it never did."""
    story, still_ns = outlived(), end(outlived())["still_ns"]
    end(story)["lived_on"] = [4242]
    story.first("child_spawned", slot=1).update(pid=4242, t_ns=still_ns - before_ns)
    if after_ns is None:
        story.drop("child_exited", slot=1)
    else:
        story.first("child_exited", slot=1)["t_ns"] = still_ns + after_ns
    assert any("process 4242" in one for one in said_by(leaders, story, tmp_path)) is is_one


def ended_as_a_kill(story: Story) -> None:
    story.first("fault_ended").update(what="kill", parts={"reaped_ns": 1})


def planned_as_a_kill(story: Story) -> None:
    planned = {"what": "kill", "slot": 0, "at_s": entry(story)["at_s"]}
    story.first("run_start")["scenario"]["faults"] = [planned]


@pytest.mark.parametrize(
    "change",
    [
        ended_as_a_kill,
        planned_as_a_kill,
        lambda story: story.drop("fault_injected"),
        lambda story: end(story).pop("reaped_ns"),
        lambda story: end(story).pop("alone_ns"),
        lambda story: end(story).pop("still_ns"),
    ],
)
def test_what_lacks_a_part_or_was_another_fault_is_not_asked_how_long_it_lasted(
    change: Callable[[Story], object], tmp_path: Path
) -> None:
    """Its certificate says what is missing."""
    story = outlived(killed=False)
    change(story)
    assert said_by(leaders, story, tmp_path) == []

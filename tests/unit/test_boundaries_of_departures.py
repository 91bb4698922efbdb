"""A worker that is told to leave, where one nanosecond or one part more or less turns it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks import departures
from tests.histories.builder import Story
from tests.unit.said_by import end, entry, said_by
from tests.unit.test_departures_as_planned import dies, leaves, terminated

S = 1_000_000_000
PATIENCE_NS = 5 * S
GRACE_S, AGAIN_S = 3.0, 2.0
TOO_SOON = "Fault 1 killed its worker before its grace was over."
TOO_LATE = "Fault 1 let its worker go on when its grace was over."
AGAIN_TOO_SOON = "Fault 1 signalled again sooner than was planned."
NOT_AGAIN = "Fault 1 did not signal again when it was due."
OUT_OF_TURN = "Fault 1: the next worker of its slot did not come when it was planned to."
NOBODY = "Fault 1 is over, and no other worker was ready in its slot."
OVER_ELSEWHEN = "Fault 1 was over at another instant than its slot was filled again."
Change = Callable[[Story], object]


def left_at(story: Story, part: str, grace_ns: int, *, grace_s: float = GRACE_S) -> Story:
    """It is gone, by `part` of what was seen of it, so long after its grace; its successor comes
    right after that."""
    entry(story)["grace_s"] = grace_s
    gone_ns = end(story)["told_ns"] + round(grace_s * S) + grace_ns
    end(story).update({part: gone_ns, "reaped_ns": gone_ns})
    filled(story, gone_ns, gone_ns + 2)
    return story


def filled(story: Story, spawned_ns: int, ready_ns: int) -> None:
    """When the next worker of the slot was started and ready; the fault is over with that."""
    story.first("child_spawned", incarnation=1)["t_ns"] = spawned_ns
    story.first("child_ready", incarnation=1)["t_ns"] = ready_ns
    story.first("fault_ended")["healed_ns"] = max(ready_ns, end(story)["reaped_ns"])


@pytest.mark.parametrize(
    ("after_ns", "says"),
    [(-1, [TOO_SOON]), (0, []), (PATIENCE_NS, []), (PATIENCE_NS + 1, [TOO_LATE])],
)
def test_a_worker_is_killed_when_its_grace_is_over_and_within_five_seconds(
    after_ns: int, says: list[str], tmp_path: Path
) -> None:
    assert said_by(departures, left_at(dies(), "killed_ns", after_ns), tmp_path) == says


@pytest.mark.parametrize(
    ("after_ns", "says"), [(-1, []), (PATIENCE_NS, []), (PATIENCE_NS + 1, [TOO_LATE])]
)
def test_a_worker_that_leaves_by_itself_may_do_so_until_it_ought_to_have_been_killed(
    after_ns: int, says: list[str], tmp_path: Path
) -> None:
    assert said_by(departures, left_at(leaves(), "reaped_ns", after_ns), tmp_path) == says


def test_a_worker_counts_as_gone_when_it_was_killed_and_not_when_it_was_reaped(
    tmp_path: Path,
) -> None:
    story = left_at(dies(), "killed_ns", PATIENCE_NS)
    end(story)["reaped_ns"] += 1
    story.first("fault_ended")["healed_ns"] = end(story)["killed_ns"] + 2
    assert said_by(departures, story, tmp_path) == []


@pytest.mark.parametrize(
    ("after_ns", "says"),
    [(-1, [AGAIN_TOO_SOON]), (0, []), (PATIENCE_NS, []), (PATIENCE_NS + 1, [NOT_AGAIN])],
)
def test_the_second_signal_comes_when_it_is_due_and_within_five_seconds(
    after_ns: int, says: list[str], tmp_path: Path
) -> None:
    story = left_at(terminated(), "killed_ns", 0, grace_s=30.0)
    entry(story)["again_after_s"] = AGAIN_S
    end(story)["again_ns"] = end(story)["told_ns"] + round(AGAIN_S * S) + after_ns
    assert said_by(departures, story, tmp_path) == says


@pytest.mark.parametrize(("after_ns", "says"), [(PATIENCE_NS, []), (PATIENCE_NS + 1, [NOT_AGAIN])])
def test_a_worker_that_has_left_by_then_is_not_signalled_again(
    after_ns: int, says: list[str], tmp_path: Path
) -> None:
    story = left_at(terminated(), "reaped_ns", 0, grace_s=AGAIN_S)
    entry(story)["again_after_s"] = AGAIN_S
    del end(story)["again_ns"], end(story)["killed_ns"]
    end(story)["reaped_ns"] += after_ns
    gone_ns = end(story)["reaped_ns"]
    filled(story, gone_ns, gone_ns + 2)
    entry(story)["grace_s"] = 60.0
    assert said_by(departures, story, tmp_path) == says


ORDERS: list[tuple[str, str, int, list[str]]] = [
    ("after", "reaped_ns", -1, [OUT_OF_TURN]),
    ("after", "reaped_ns", 0, []),
    ("at", "told_ns", -1, [OUT_OF_TURN]),
    ("at", "told_ns", 0, []),
    ("before", "told_ns", -S, []),
]


@pytest.mark.parametrize(("order", "instant", "after_ns", "says"), ORDERS)
def test_a_successor_is_started_in_its_turn(
    order: str, instant: str, after_ns: int, says: list[str], tmp_path: Path
) -> None:
    story = leaves()
    entry(story)["successor"] = order
    at_ns = end(story)[instant] + after_ns
    filled(story, at_ns, at_ns)
    assert said_by(departures, story, tmp_path) == says


@pytest.mark.parametrize(("after_ns", "says"), [(0, []), (1, [OUT_OF_TURN])])
def test_a_successor_that_comes_before_is_ready_when_the_other_is_told_to_leave(
    after_ns: int, says: list[str], tmp_path: Path
) -> None:
    story = leaves()
    entry(story)["successor"] = "before"
    told_ns = end(story)["told_ns"]
    filled(story, told_ns - S, told_ns + after_ns)
    assert said_by(departures, story, tmp_path) == says


@pytest.mark.parametrize(("after_ns", "says"), [(-1, [OUT_OF_TURN]), (0, [])])
@pytest.mark.parametrize("plant", [dies, terminated])
def test_a_successor_of_one_that_is_killed_comes_from_its_kill_on(
    plant: Callable[[], Story], after_ns: int, says: list[str], tmp_path: Path
) -> None:
    story = left_at(plant(), "killed_ns", 0)
    end(story)["reaped_ns"] += 100
    killed_ns = end(story)["killed_ns"]
    filled(story, killed_ns + after_ns, killed_ns + 200)
    assert said_by(departures, story, tmp_path) == says


def without_a_start(story: Story) -> None:
    story.drop("child_spawned", incarnation=1)


def never_ready(story: Story) -> None:
    story.drop("child_ready", incarnation=1)


def never_over(story: Story) -> None:
    del story.first("fault_ended")["healed_ns"]


def ready_before_it_was_gone(story: Story) -> None:
    entry(story)["successor"] = "at"
    told_ns = end(story)["told_ns"]
    filled(story, told_ns, told_ns + 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_a_start, [NOBODY]),
        (never_ready, [NOBODY]),
        (never_over, [NOBODY]),
        (lambda s: s.first("fault_ended").update(healed_ns=1), [OVER_ELSEWHEN]),
        (lambda s: s.first("fault_ended").update(healed_ns=s.now_ns), [OVER_ELSEWHEN]),
        (ready_before_it_was_gone, []),
    ],
)
def test_a_slot_is_filled_again_when_the_one_is_gone_and_the_next_is_ready(
    change: Change, says: list[str], tmp_path: Path
) -> None:
    story = leaves()
    change(story)
    assert said_by(departures, story, tmp_path) == says


def planned_as_a_kill(story: Story) -> None:
    planned: dict[str, Any] = {"what": "kill", "slot": 0, "at_s": entry(story)["at_s"]}
    story.first("run_start")["scenario"]["faults"] = [planned]


@pytest.mark.parametrize(
    "change",
    [
        planned_as_a_kill,
        lambda s: s.first("fault_ended").update(what="kill", parts={}),
        lambda s: end(s).pop("told_ns"),
    ],
)
@pytest.mark.parametrize("plant", [leaves, dies, terminated])
def test_what_was_another_fault_or_was_never_told_to_leave_is_not_asked_about_its_time(
    plant: Callable[[], Story], change: Change, tmp_path: Path
) -> None:
    """Its certificate says what is missing."""
    story = plant()
    change(story)
    assert said_by(departures, story, tmp_path) == []


@pytest.mark.parametrize("plant", [leaves, dies])
def test_who_was_not_seen_to_be_gone_is_not_asked_about_its_successor(
    plant: Callable[[], Story], tmp_path: Path
) -> None:
    story = plant()
    del end(story)["reaped_ns"]
    never_over(story)
    assert said_by(departures, story, tmp_path) == []

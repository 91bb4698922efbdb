"""What a proxy vouches for, where one nanosecond or one session more or less turns it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks import networks
from tests.histories.builder import Story
from tests.histories.stories import A
from tests.unit.said_by import end, entry, said_by
from tests.unit.test_networks import black_hole, listener_lost, reset

S = 1_000_000_000
OUTAGES = [(black_hole, "shut_ns", "released_ns"), (reset, "reset_ns", "accepted_ns")]
Plant = Callable[[], Story]


@pytest.mark.parametrize(("plant", "begun", "over"), OUTAGES)
@pytest.mark.parametrize(("late_ns", "told"), [(S, False), (S + 1, True)])
def test_an_outage_has_begun_a_second_after_its_instant_at_the_latest(
    plant: Plant, begun: str, over: str, late_ns: int, told: bool, tmp_path: Path
) -> None:
    story = plant()
    end(story)[begun] = story.first("fault_injected")["t_ns"] + late_ns
    found = any("network later than" in one for one in said_by(networks, story, tmp_path))
    assert found is told


@pytest.mark.parametrize(("plant", "begun", "over"), OUTAGES)
@pytest.mark.parametrize(("short_ns", "told"), [(0, False), (1, True)])
def test_an_outage_lasts_to_the_nanosecond_as_long_as_was_planned(
    plant: Plant, begun: str, over: str, short_ns: int, told: bool, tmp_path: Path
) -> None:
    story = plant()
    entry(story)["for_s"] = 5.0
    end(story)[over] = story.first("fault_injected")["t_ns"] + 5 * S - short_ns
    found = any("pass sooner than" in one for one in said_by(networks, story, tmp_path))
    assert found is told


@pytest.mark.parametrize(("plant", "begun", "over"), OUTAGES)
@pytest.mark.parametrize(
    ("after_begun_ns", "before_over_ns", "told"),
    [(S, None, False), (S + 1, None, True), (None, 1, True), (None, 0, False)],
)
def test_what_was_in_a_workers_hands_is_done_within_a_second_or_when_bytes_pass_again(
    plant: Plant,
    begun: str,
    over: str,
    after_begun_ns: int | None,
    before_over_ns: int | None,
    told: bool,
    tmp_path: Path,
) -> None:
    story = plant()
    first_ns, last_ns = end(story)[begun], end(story)[over]
    at_ns = last_ns - before_over_ns if before_over_ns is not None else first_ns
    story.first("job_completed", slot=0, job_id=A)["t_ns"] = at_ns + (after_begun_ns or 0)
    assert any("cut off completed 1 jobs" in s for s in said_by(networks, story, tmp_path)) is told


def ended(*pids: int) -> list[dict[str, Any]]:
    return [{"pid": pid, "backend_start": "then", "query": "LISTEN jobs"} for pid in pids]


@pytest.mark.parametrize(
    ("which", "aimed_at", "terminated", "says"),
    [
        ("listener", [8], [8], []),
        ("listener", [7, 8], [7, 8], []),
        ("listener", [9], [9], ["ended sessions that were none of its worker's."]),
        ("listener", [], [], [": the worker had no session that listened."]),
        ("acknowledging", [8], [8], []),
        ("acknowledging", [], [], []),
        ("acknowledging", [7, 8], [7, 8], ["was aimed at several sessions, and one was held."]),
        ("all", [], [7, 8], []),
        ("all", [], [9], []),
        ("all", [8], [7, 8], ["was to end all sessions, and was aimed at some."]),
    ],
)
def test_the_sessions_that_were_ended_are_those_of_the_worker_that_were_aimed_at(
    which: str, aimed_at: list[int], terminated: list[int], says: list[str], tmp_path: Path
) -> None:
    story = listener_lost()
    entry(story)["which"] = which
    end(story).update(aimed_at=aimed_at, terminated=ended(*terminated))
    said = said_by(networks, story, tmp_path)
    assert [one.removeprefix("Fault 1").removeprefix(" ") for one in said] == says


def of_another_sort(story: Story) -> None:
    story.first("fault_injected")["what"] = "kill"


@pytest.mark.parametrize("change", [of_another_sort, lambda story: story.drop("fault_injected")])
def test_of_a_fault_that_began_as_another_or_never_nobody_knows_the_workers_sessions(
    change: Callable[[Story], object], tmp_path: Path
) -> None:
    story = listener_lost()
    end(story).update(aimed_at=[9], terminated=ended(9))
    change(story)
    assert said_by(networks, story, tmp_path) == []


def planned_as_a_kill(story: Story) -> None:
    planned = {"what": "kill", "when": {"completed": 1}}
    story.first("run_start")["scenario"]["faults"] = [planned]


def ended_as_a_kill(story: Story) -> None:
    story.first("fault_ended").update(what="kill", parts={})


@pytest.mark.parametrize("change", [planned_as_a_kill, ended_as_a_kill])
@pytest.mark.parametrize("plant", [black_hole, reset, listener_lost])
def test_what_was_planned_or_ended_as_something_else_is_not_asked_about_a_network(
    plant: Plant, change: Callable[[Story], object], tmp_path: Path
) -> None:
    story = plant()
    change(story)
    assert said_by(networks, story, tmp_path) == []

"""Faults that were others than those that were planned, or hit others: such a run is invalid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import HistoryError
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.unit.test_departures_as_planned import terminated
from tests.unit.test_freeze_certificates import stalled
from tests.unit.test_killed_producers import story as batch
from tests.unit.test_networks import black_hole, listener_lost, reset
from tests.unit.test_outages_of_a_database import outage
from tests.unit.test_pauses import story as pause


def entry(story: Story) -> dict[str, Any]:
    planned: dict[str, Any] = story.first("run_start")["scenario"]["faults"][0]
    return planned


def reasons(story: Story, folder: Path) -> str:
    summary = analyse(story.write(folder))
    assert summary.verdict == "invalid"
    return " ".join(summary.reasons)


@pytest.mark.parametrize(("plant", "other"), [(black_hole, "reset"), (reset, "blackhole")])
def test_a_fault_of_another_sort_than_was_planned_voids_the_run(
    tmp_path: Path, plant: Callable[[], Story], other: str
) -> None:
    story = plant()
    planned = str(entry(story)["what"])
    entry(story)["what"] = other
    said = reasons(story, tmp_path)
    assert f"Fault 1 was planned as a {other} and is called a {planned}." in said


@pytest.mark.parametrize("kind", ["fault_injected", "fault_ended"])
def test_a_fault_of_whom_its_sort_cannot_hit_is_no_history(tmp_path: Path, kind: str) -> None:
    story = reset()
    story.first(kind)["target"] = {"kind": "database", "name": "crashbench"}
    with pytest.raises(HistoryError, match="fault 1 is a reset, which hits no database"):
        analyse(story.write(tmp_path))


def test_a_fault_of_a_worker_that_had_left_before_it_voids_the_run(tmp_path: Path) -> None:
    story = listener_lost()
    left = story.first("child_exited")
    left["t_ns"] = story.first("fault_injected")["t_ns"] - 1
    assert "hit a worker that had left before it" in reasons(story, tmp_path)


def test_a_fault_of_a_worker_that_was_not_there_yet_voids_the_run(tmp_path: Path) -> None:
    story = listener_lost()
    story.first("child_spawned")["t_ns"] = story.first("fault_injected")["t_ns"] + 1
    assert "hit a worker that was not there yet" in reasons(story, tmp_path)


LENGTHS = {"pause_s": 99.0, "stall_s": 99.0, "for_s": 99.0, "grace_s": 99.0, "batch": 99}


@pytest.mark.parametrize("number", [-9, -1, 1])
@pytest.mark.parametrize(
    "plant",
    [batch, black_hole, listener_lost, pause, stalled, partial(outage, "table_lock"), terminated],
)
def test_a_fault_that_no_entry_stands_for_is_held_against_none(
    plant: Callable[[], Story], number: int, tmp_path: Path
) -> None:
    """Not against the last one either, from whose end a number below 0 would count."""
    story = plant()
    entry(story).update({key: LENGTHS[key] for key in LENGTHS if key in entry(story)})
    for _, fields in story.records:
        for name in ("fault", "after_fault"):
            if fields.get(name) is not None:
                fields[name] = number
    said = reasons(story, tmp_path)
    assert f"Fault {number + 1} was injected; the scenario plans 1 faults." in said
    assert "planned." not in said

"""Faults that were others than those that were planned, or hit others: such a run is invalid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import HistoryError
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.unit.test_networks import black_hole, listener_lost, reset


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

"""Whose name a worker bears, and when a row was claimed, where one nanosecond more or less turns
it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.checks import namesakes
from tests.histories.builder import Story
from tests.histories.stories import A, B, same_name
from tests.unit.said_by import end, said_by


@pytest.mark.parametrize(("after_ns", "told"), [(0, False), (1, True)])
@pytest.mark.parametrize(
    ("read", "says"),
    [
        ("kill", f"A row of {A} was read before the time of its claim."),
        ("final", f"Rows were read before the time of their claim: {A}."),
    ],
)
def test_a_row_may_be_read_at_the_instant_of_its_claim(
    read: str, says: str, after_ns: int, told: bool, tmp_path: Path
) -> None:
    story = same_name(claimed=None)
    row = story.first("row_read", read=read, job_id=A)
    row["claimed_ns"] = row["t_ns"] + after_ns
    assert said_by(namesakes, story, tmp_path) == [says] * told


def two_held() -> Story:
    """At the kill the victim holds A, of which nobody says when it was claimed, and B."""
    story = same_name(claimed=None)
    row = story.first("row_read", read="kill", job_id=A)
    place = story.records.index(("row_read", row))
    story.records.insert(place + 1, ("row_read", {**row, "job_id": B, "claimed_ns": 10**18}))
    return story


def test_a_row_that_tells_no_time_hides_no_later_one_that_does(tmp_path: Path) -> None:
    said = f"A row of {B} was read before the time of its claim."
    assert said_by(namesakes, two_held(), tmp_path) == [said]


def test_a_worker_that_had_announced_no_name_has_borne_none(tmp_path: Path) -> None:
    story = same_name()
    story.drop("child_ready", incarnation=0)
    said = "Fault 1: its worker is said to have borne another name than it announced."
    assert said_by(namesakes, story, tmp_path) == [said]
    del end(story)["identity"]
    assert said_by(namesakes, story, tmp_path) == []

"""Faults that last, where one nanosecond or one part more or less turns it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks import outages
from analysis.history.load import load
from tests.histories.builder import Story
from tests.histories.stories import C
from tests.unit.said_by import end, entry, said_by
from tests.unit.test_freeze_certificates import stalled
from tests.unit.test_outages_of_a_database import INSTANTS, outage

S = 1_000_000_000
SOONER = "Fault 1 was ended sooner than was planned."
OUT_OF_TIME = "Fault 1 was over before it began, or after it was certified."
ELSEWHEN = "Fault 1 was over at another instant than its certificate says."
SHUT = {
    "read_only": ("sessions_gone_ns", "lifted_ns"),
    "pool_exhaustion": ("sessions_gone_ns", "lifted_ns"),
    "database_pause": ("stopped_ns", "continued_ns"),
}
"""By a fault's word: from when to when nobody can write."""
Change = Callable[[Story], object]


def sent_ns(story: Story) -> int:
    t_ns: int = story.first("fault_injected")["t_ns"]
    return t_ns


@pytest.mark.parametrize("what", INSTANTS)
@pytest.mark.parametrize(("short_ns", "says"), [(0, []), (1, [SOONER])])
def test_a_fault_is_taken_back_to_the_nanosecond_when_that_was_planned(
    what: str, short_ns: int, says: list[str], tmp_path: Path
) -> None:
    story = outage(what)
    entry(story)["for_s"] = 5.0
    end(story)[INSTANTS[what][2]] = sent_ns(story) + 5 * S - short_ns
    assert said_by(outages, story, tmp_path) == says


def held(at_ns: int) -> dict[str, Any]:
    """What was seen of a rescuer that came to its round trip and was held there."""
    seen = {"statement": "SELECT 1", "sql": "SELECT 1", "phase": "idle", "side": "before"}
    freeze = {"frozen_ns": at_ns, "looked_ns": at_ns, "passed_bytes": 0, "backend_pids": [8]}
    return {"at_point": seen, "freeze": freeze, "went_on_ns": at_ns}


def test_a_stall_whose_rescuer_was_held_is_over_with_that(tmp_path: Path) -> None:
    story = stalled()
    entry(story)["stall_s"] += 1.0
    assert said_by(outages, story, tmp_path) == [SOONER]
    end(story)["rescuer"] = held(sent_ns(story))
    assert said_by(outages, story, tmp_path) == []


def out_of_plan(story: Story) -> None:
    for kind in ("fault_injected", "fault_ended"):
        story.first(kind)["fault"] = -1


def planned_without_end(story: Story) -> None:
    story.first("run_start")["scenario"]["faults"] = [
        {"what": "kill", "slot": 0, "when": {"completed": 1}}
    ]


def ended_as_another(story: Story) -> None:
    story.first("fault_ended")["what"] = "pool_exhaustion"


@pytest.mark.parametrize(
    "change",
    [
        out_of_plan,
        planned_without_end,
        ended_as_another,
        lambda story: end(story).pop("lifted_ns"),
        lambda story: story.drop("fault_injected"),
    ],
)
def test_what_lacks_a_part_or_was_another_fault_is_not_asked_how_long_it_lasted(
    change: Change, tmp_path: Path
) -> None:
    story = outage("read_only")
    entry(story)["for_s"] = 60.0
    change(story)
    assert said_by(outages, story, tmp_path) == []


@pytest.mark.parametrize(
    ("from_begin_ns", "from_end_ns", "says"),
    [
        (-1, None, [OUT_OF_TIME]),
        (0, None, []),
        (None, 0, []),
        (None, 1, [OUT_OF_TIME]),
    ],
)
def test_a_fault_is_over_between_its_beginning_and_its_certificate(
    from_begin_ns: int | None, from_end_ns: int | None, says: list[str], tmp_path: Path
) -> None:
    story = outage("table_lock")
    seen = story.first("fault_ended")
    healed_ns = seen["t_ns"] + from_end_ns if from_end_ns is not None else sent_ns(story)
    seen["healed_ns"] = end(story)["gone_ns"] = healed_ns + (from_begin_ns or 0)
    assert said_by(outages, story, tmp_path) == says


@pytest.mark.parametrize("beside_ns", [-1, 1])
@pytest.mark.parametrize("what", INSTANTS)
def test_a_fault_is_over_at_the_very_instant_that_its_certificate_says(
    what: str, beside_ns: int, tmp_path: Path
) -> None:
    story = outage(what)
    story.first("fault_ended")["healed_ns"] += beside_ns
    assert said_by(outages, story, tmp_path) == [ELSEWHEN]


def test_a_fault_of_whose_end_its_certificate_says_nothing_is_over_when_it_is_said_to_be(
    tmp_path: Path,
) -> None:
    story = outage("table_lock")
    del end(story)["gone_ns"]
    assert said_by(outages, story, tmp_path) == []


def completed(what: str, *, after_ns: int | None = None, before_ns: int = 0) -> Story:
    """C is completed so long after nobody could write any more, or before everybody could."""
    story = outage(what)
    begun, over = SHUT[what]
    at_ns = end(story)[over] - before_ns if after_ns is None else end(story)[begun] + after_ns
    story.first("job_completed", job_id=C)["t_ns"] = at_ns
    return story


def told(story: Story, what: str, folder: Path) -> bool:
    """Whether it is said that a job was completed meanwhile."""
    said = said_by(outages, story, folder)
    evaded = outages.evaded(load(story.write(folder)))
    assert not (evaded if what != "read_only" else said)
    return any("1 jobs were completed with their effects" in one for one in (*said, *evaded))


@pytest.mark.parametrize("what", SHUT)
@pytest.mark.parametrize(
    ("after_ns", "before_ns", "meanwhile"),
    [(S, 0, False), (S + 1, 0, True), (None, 1, True), (None, 0, False)],
)
def test_what_was_committed_before_is_told_of_within_a_second(
    what: str, after_ns: int | None, before_ns: int, meanwhile: bool, tmp_path: Path
) -> None:
    story = completed(what, after_ns=after_ns, before_ns=before_ns)
    assert told(story, what, tmp_path) is meanwhile


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("what", SHUT)
def test_a_fault_whose_beginning_or_end_nobody_saw_kept_nobody_from_writing(
    what: str, part: int, tmp_path: Path
) -> None:
    story = completed(what, before_ns=1)
    del end(story)[SHUT[what][part]]
    assert not told(story, what, tmp_path)


def test_without_effects_a_job_is_completed_without_a_database(tmp_path: Path) -> None:
    story = completed("database_pause", before_ns=1)
    story.first("run_start")["scenario"]["effects"] = False
    assert not told(story, "database_pause", tmp_path)

"""A run's answer says how far it reaches: what was not tried, not judged, not waited for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from analysis.report.answer import answer
from analysis.report.reach import duration
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.stories import A, crash, healthy
from tests.unit.answered import quick


def said(story: Story, folder: Path) -> str:
    return " ".join(answer(analyse(story.write(folder))).details)


def test_a_run_without_harm_says_nothing_of_a_crash(tmp_path: Path) -> None:
    assert "says nothing of a crash" in said(healthy(), tmp_path)


def test_a_run_with_a_kill_does_not_say_so(tmp_path: Path) -> None:
    assert "says nothing of a crash" not in said(crash(), tmp_path)


@pytest.mark.parametrize(
    ("expectations", "sentence"),
    [
        ({}, "Duplicates are reported here and not judged."),
        ({"duplicated": 1}, "Duplicates are judged here: exactly 1 were expected."),
        ({"max_duplicated": 3}, "Duplicates are judged here: at most 3 were expected."),
    ],
)
def test_a_pass_over_duplicates_says_whether_they_were_judged(
    expectations: dict[str, int], sentence: str, tmp_path: Path
) -> None:
    assert sentence in said(crash(expectations=expectations), tmp_path)


def test_what_had_not_finished_and_began_anew_is_told_beside_what_was_done_twice(
    tmp_path: Path,
) -> None:
    assert (
        "1 interrupted job was started again and done once: it had not finished when the worker "
        "died."
    ) in said(quick(), tmp_path)
    assert "1 other interrupted job was started again" in said(crash(), tmp_path)
    assert "started again" not in said(healthy(), tmp_path)


def test_what_no_kill_had_interrupted_is_not_said_to_have_been(tmp_path: Path) -> None:
    summary = analyse(quick().write(tmp_path))
    (kill,) = summary.recovery
    found = msgspec.structs.replace(kill.found, started=0)
    recovery = [msgspec.structs.replace(kill, found=found)]
    details = answer(msgspec.structs.replace(summary, recovery=recovery)).details

    assert "1 job was started again and done once." in details


def test_what_may_yet_come_back_is_told_with_how_long_that_may_take(tmp_path: Path) -> None:
    story = Story(rescue={"mechanism": "lease", "lease_s": 15000, "interval_s": 1, "poll_s": 1})
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.exit(second)
    story.row(A, state="claimed", claimed_by=first.identity)
    story.end()

    told = said(story, tmp_path)
    assert "they may come back up to 4 h 10 min after the kill" in told, told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(42.4, "42 s"), (200, "3 min 20 s"), (180, "3 min"), (15002, "4 h 10 min"), (7200, "2 h")],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words

"""A run's answer says how far it reaches: what was not tried, not judged, not waited for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from analysis.report.answer import answer
from analysis.report.reach import duration
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.stories import A, B, crash, healthy
from tests.unit.answered import quick


def said(story: Story, folder: Path) -> str:
    return " ".join(answer(analyse(story.write(folder))).details)


def test_a_run_without_harm_says_nothing_of_a_crash(tmp_path: Path) -> None:
    assert "says nothing about crashes" in said(healthy(), tmp_path)


def test_a_run_with_a_kill_does_not_say_so(tmp_path: Path) -> None:
    assert "says nothing about crashes" not in said(crash(), tmp_path)


@pytest.mark.parametrize(
    ("expectations", "sentence"),
    [
        ({}, "The scenario sets no limit on duplicates: the pass says nothing about them."),
        ({"duplicated": 1}, "The scenario expects exactly 1 job executed twice."),
        ({"max_duplicated": 3}, "The scenario allows at most 3 jobs executed twice."),
    ],
)
def test_a_pass_over_duplicates_says_whether_they_were_judged(
    expectations: dict[str, int], sentence: str, tmp_path: Path
) -> None:
    assert sentence in said(crash(expectations=expectations), tmp_path)


def test_duplicates_that_a_scenario_brings_about_say_nothing_of_ordinary_use(
    tmp_path: Path,
) -> None:
    summary = analyse(crash(expectations={"duplicated": 1}).write(tmp_path))
    held = [msgspec.structs.replace(kill, trigger="held") for kill in summary.recovery]
    details = answer(msgspec.structs.replace(summary, recovery=held)).details

    assert (
        "The scenario expects exactly 1 job executed twice, and holds jobs until the kill to bring "
        "that about: the share says nothing of ordinary use."
    ) in details


def test_a_worker_that_died_unasked_is_a_crash_that_no_fault_was(tmp_path: Path) -> None:
    nothing = "No fault was injected: this run says nothing about crashes."
    summary = analyse(healthy().write(tmp_path))
    died = msgspec.structs.replace(summary, unexpected_exits=(None,))

    assert nothing in answer(summary).details
    assert nothing not in answer(died).details


def test_what_the_breakdown_of_the_orphans_tells_is_not_told_twice(tmp_path: Path) -> None:
    for story in (quick(), crash(), healthy()):
        assert "started again" not in said(story, tmp_path)


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
    assert (
        "1 job is still claimed for a dead worker: by the library's settings it may be taken up "
        "again up to 4 h 10 min after the kill; this run watched for "
    ) in told, told


def test_what_is_done_and_claimed_for_a_dead_worker_may_yet_be_repeated(tmp_path: Path) -> None:
    story = Story(rescue={"mechanism": "lease", "lease_s": 15000, "interval_s": 1, "poll_s": 1})
    first = story.worker()
    story.enqueue(A, B)
    first.start(A)
    first.run(B)
    story.kill(first, held=[A, B])
    second = story.worker()
    story.wait(20)
    story.exit(second)
    for job_id in (A, B):
        story.row(job_id, state="claimed", claimed_by=first.identity)
    story.end()
    found = answer(analyse(story.write(tmp_path)))

    assert "none lost, none executed twice so far (1 finished job may still be rep" in found.finding
    assert (
        "2 jobs are still claimed for a dead worker: by the library's settings they may be taken "
        "up again up to 4 h 10 min after the kill; this run watched for 20 s."
    ) in found.details
    assert "1 of them is done, and would then run a second time." in found.details


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(42.4, "42 s"), (200, "3 min 20 s"), (180, "3 min"), (15002, "4 h 10 min"), (7200, "2 h")],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words

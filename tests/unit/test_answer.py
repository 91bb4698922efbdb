"""The answer of a run: its first sentence, and how bad it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.report.terminal import verdict_style
from tests.histories.builder import Story
from tests.histories.forged import FORGED
from tests.histories.planted import PLANTED
from tests.histories.stories import A, changed, crash, healthy, left_claimed
from tests.unit.answered import lost_after_the_kill, many_twice, missed, quick, repeated, told


def refused() -> Story:
    """Of three jobs the queue takes one."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    for job_id in ("j000001", "j000002"):
        story.record(
            "enqueue_failed",
            job_id=job_id,
            outcome="rejected",
            intended_ns=story.now_ns,
            sent_ns=story.now_ns,
            error="no",
        )
    worker.run(A)
    story.exit(worker)
    story.end(stream_jobs=3)
    return story


def interrupted(story: Story) -> None:
    story.first("run_end").update(ended="interrupted")


STORIES: dict[str, tuple[Callable[[], Story], str, str]] = {
    "nobody harmed": (
        quick,
        "none",
        "None of 1 job lost or executed twice; its orphan came back after 2.0 s (at most 4.5 s "
        "expected).",
    ),
    "one executed twice": (
        crash,
        "mild",
        "1 of 3 jobs executed twice, none lost; the first orphan came back after 3.0 s (at most "
        "4.5 s expected).",
    ),
    "many executed twice": (
        many_twice,
        "mild",
        "29 of 600 jobs executed twice, none lost; the first orphan came back after 4.0 s (at "
        "most 4.5 s expected).",
    ),
    "lost": (
        lost_after_the_kill,
        "grave",
        "1 of 3 jobs lost, 1 executed twice; the first orphan came back after 3.0 s (at most "
        "4.5 s expected).",
    ),
    "left behind beyond the bound": (
        lambda: left_claimed(9),
        "grave",
        "1 of 2 jobs left behind, none lost or executed twice; its orphan did not come back.",
    ),
    "left behind by a preset that never rescues": (
        lambda: left_claimed(9, rescue=None),
        "grave",
        "1 of 2 jobs left behind, none lost or executed twice; this preset never takes up a dead "
        "worker's jobs again.",
    ),
    "given up": (
        PLANTED["discarded_by_the_crash_alone"].plant,
        "grave",
        "1 of 1 job given up though its handler never failed, none lost or executed twice; its "
        "orphan did not come back.",
    ),
    "refused": (
        refused,
        "grave",
        "2 of 3 jobs refused by the queue, none lost or executed twice; no worker was killed.",
    ),
    "bound missed": (
        missed,
        "mild",
        "2 of 2 jobs done after their deadline, none lost or executed twice; the first orphan "
        "came back after 7.0 s (later than the 4.5 s expected).",
    ),
    "unknown": (
        PLANTED["bound_not_reached"].plant,
        "mild",
        "1 of 2 jobs not settled when the run ended, none lost or executed twice; its orphan did "
        "not come back.",
    ),
    "invalid": (
        FORGED["an_early_run_end"].plant,
        "void",
        "No result: the instrument cannot vouch for this run.",
    ),
    "interrupted": (
        lambda: changed(interrupted),
        "mild",
        "Interrupted; until then: 1 of 3 jobs executed twice, none lost; the first orphan came "
        "back after 3.0 s (at most 4.5 s expected).",
    ),
    "cut off": (
        lambda: changed(lambda story: story.drop("run_end")),
        "void",
        "No result: the run did not come to its end.",
    ),
    "no kill": (
        healthy,
        "none",
        "None of 3 jobs lost or executed twice; no worker was killed.",
    ),
    "repeated kills": (
        repeated,
        "mild",
        "3 of 6 jobs executed twice, 1 done after its deadline, none lost; in 3 of 3 kills the "
        "first orphan came back, after 2.0 to 9.0 s (median 3.0 s; 1 later than expected).",
    ),
}
"""By name: the story, how bad it is, and its first sentence."""


@pytest.mark.parametrize("name", STORIES)
def test_the_first_sentence_says_what_became_of_the_jobs_and_how_bad_it_is(
    name: str, tmp_path: Path
) -> None:
    plant, harm, finding = STORIES[name]
    found = told(plant(), tmp_path)

    assert (found.harm, found.finding) == (harm, finding)


@pytest.mark.parametrize("name", STORIES)
def test_a_pass_is_green_only_where_no_job_came_to_harm(name: str, tmp_path: Path) -> None:
    plant, harm, _ = STORIES[name]

    assert ("green" in verdict_style("pass", told(plant(), tmp_path).harm)) == (harm == "none")


def test_a_verdict_that_is_no_pass_keeps_its_colour() -> None:
    assert verdict_style("fail", "none") == "bold red"

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


THE_FIRST_OF_TWO = (
    "the first of the dead worker's 2 jobs (its orphans) was taken up again 3.0 s after the kill "
    "(the library's settings allow 4.5 s), 3.0 s after a new worker was ready."
)
STORIES: dict[str, tuple[Callable[[], Story], str, str]] = {
    "nobody harmed": (
        quick,
        "none",
        "None of 1 job lost or executed twice; the dead worker's job (its orphan) was taken up "
        "again 2.0 s after the kill (the library's settings allow 4.5 s), 2.0 s after a new "
        "worker was ready.",
    ),
    "one executed twice": (
        crash,
        "mild",
        f"1 of 3 jobs executed twice, none lost; {THE_FIRST_OF_TWO}",
    ),
    "many executed twice": (
        many_twice,
        "mild",
        "29 of 600 jobs executed twice, none lost; the first of the dead worker's 29 jobs (its "
        "orphans) was taken up again 4.0 s after the kill (the library's settings allow 4.5 s), "
        "4.0 s after a new worker was ready.",
    ),
    "lost": (
        lost_after_the_kill,
        "grave",
        f"1 of 3 jobs lost, 1 executed twice; {THE_FIRST_OF_TWO}",
    ),
    "left behind beyond the bound": (
        lambda: left_claimed(9),
        "grave",
        "1 of 2 jobs left behind, none lost or executed twice; the dead worker's job (its orphan) "
        "was not taken up again.",
    ),
    "left behind by a preset that never rescues": (
        lambda: left_claimed(9, rescue=None),
        "grave",
        "1 of 2 jobs left behind, none lost or executed twice; this preset never takes up a dead "
        "worker's jobs (its orphans) again.",
    ),
    "given up": (
        PLANTED["discarded_by_the_crash_alone"].plant,
        "grave",
        "1 of 1 job given up though its handler never failed, none lost or executed twice; the "
        "dead worker's job (its orphan) was not taken up again.",
    ),
    "refused": (
        refused,
        "grave",
        "2 of 3 jobs refused by the queue, none lost or executed twice; jobs were picked up 4.0 ms "
        "(p50) and 4.0 ms (p99) after they were due.",
    ),
    "bound missed": (
        missed,
        "mild",
        "2 of 2 jobs done after their deadline, none lost or executed twice; the first of the dead "
        "worker's 2 jobs (its orphans) was taken up again 7.0 s after the kill (later than the "
        "4.5 s that the library's settings allow), 7.0 s after a new worker was ready.",
    ),
    "unknown": (
        PLANTED["bound_not_reached"].plant,
        "mild",
        "1 of 2 jobs not settled when the run ended, none lost or executed twice; the dead "
        "worker's job (its orphan) was not taken up again.",
    ),
    "invalid": (
        FORGED["an_early_run_end"].plant,
        "void",
        "No result: the instrument cannot vouch for this run.",
    ),
    "interrupted": (
        lambda: changed(interrupted),
        "mild",
        f"Interrupted; until then: 1 of 3 jobs executed twice, none lost; {THE_FIRST_OF_TWO}",
    ),
    "cut off": (
        lambda: changed(lambda story: story.drop("run_end")),
        "void",
        "No result: the run did not come to its end.",
    ),
    "no kill": (
        healthy,
        "none",
        "None of 3 jobs lost or executed twice; jobs were picked up 5.0 ms (p50) and 6.0 ms (p99) "
        "after they were due.",
    ),
    "repeated kills": (
        repeated,
        "mild",
        "3 of 6 jobs executed twice, 1 done after its deadline, none lost; in 3 of 3 kills the "
        "first of the dead worker's jobs (its orphans) was taken up again 2.0 to 9.0 s after the "
        "kill (median 3.0 s; 1 later than the library's settings allow).",
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

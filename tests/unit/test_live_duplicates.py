"""What made a queue run a healthy job twice, each cause planted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.ledger.live_duplicates import LIVE_CAUSES
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.stories import A


def pause(story: Story) -> None:
    """The first worker stands still, another takes its job, and it goes on."""
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A)
    first.start(A)
    story.stall(first, 2)
    second.run(A)
    # Told of after the stall, and of its middle.
    for fields in [f for kind, f in story.records if f.get("slot") == 1 and "job_id" in f]:
        fields["t_ns"] -= 1_000_000_000
    first.complete(A)
    story.phase("stop")
    story.exit(first)
    story.exit(second)


def drain(story: Story) -> None:
    """The first worker leaves when told to, and its job is done twice."""
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A)
    first.start(A)
    story.phase("stop")
    second.run(A)
    first.complete(A)
    story.exit(first)
    story.exit(second)


def short_lease(story: Story, *, after_s: float = 3.5) -> None:
    """The job outlasts the lease of 3 s and is taken from a worker that lives."""
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A)
    first.start(A)
    story.wait(after_s)
    second.start(A)
    first.complete(A)
    second.complete(A)
    story.phase("stop")
    story.exit(first)
    story.exit(second)


def rescue(story: Story) -> None:
    """The same, within the lease."""
    short_lease(story, after_s=1)


def done_and_taken_later(story: Story) -> None:
    """It was done within its lease and not recorded as done."""
    first = story.worker()
    story.enqueue(A)
    first.run(A)
    story.wait(10)
    first.run(A)
    story.phase("stop")
    story.exit(first)


def paused_long_ago(story: Story) -> None:
    """The stall was over when the job began."""
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A)
    story.stall(first, 2)
    first.start(A)
    story.wait(1)
    second.start(A)
    first.complete(A)
    second.complete(A)
    story.phase("stop")
    story.exit(first)
    story.exit(second)


def the_other_was_paused(story: Story) -> None:
    """The stall was of the worker that took it: it may have claimed it before."""
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A)
    first.start(A)
    story.stall(second, 1)
    second.start(A)
    first.complete(A)
    second.complete(A)
    story.phase("stop")
    story.exit(first)
    story.exit(second)


@pytest.mark.parametrize(
    ("plant", "cause"),
    [
        (pause, "pause"),
        (drain, "drain"),
        (short_lease, "short_lease"),
        (rescue, "rescue"),
        (done_and_taken_later, "rescue"),
        (paused_long_ago, "rescue"),
        (the_other_was_paused, "pause"),
    ],
)
def test_a_live_duplicate_has_the_cause_that_made_it(
    plant: Callable[[Story], None], cause: str, tmp_path: Path
) -> None:
    story = Story()
    plant(story)
    story.end({})
    crash = analyse(story.write(tmp_path)).crash

    assert crash.duplicates_live == 1
    by_cause = {c: getattr(crash.duplicates_live_by, c) for c in LIVE_CAUSES}
    assert by_cause == {c: int(c == cause) for c in LIVE_CAUSES}


def test_whether_the_two_ran_at_once_a_flag_says(tmp_path: Path) -> None:
    for plant, at_once in ((rescue, True), (done_and_taken_later, False)):
        story = Story()
        plant(story)
        story.end({})
        summary = analyse(story.write(tmp_path))
        assert ("overlapping" in summary.jobs.flags and summary.jobs.flags["overlapping"] > 0) is (
            at_once
        )


def test_without_a_lease_no_job_outlasts_it(tmp_path: Path) -> None:
    story = Story(rescue=None)
    short_lease(story)
    story.end({})
    by = analyse(story.write(tmp_path)).crash.duplicates_live_by
    assert (by.short_lease, by.rescue) == (0, 1)

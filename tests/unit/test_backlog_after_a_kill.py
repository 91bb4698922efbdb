"""When the backlog is back after a kill: five samples in the band that it had before."""

from __future__ import annotations

import pytest

from tests.histories.builder import Story
from tests.histories.stories import A, B, C
from tests.unit.stories_read import Read


def sampled(story: Story, *backlogs: int) -> None:
    """A sample a second."""
    for queued in backlogs:
        story.wait(1)
        story.record("queue_snapshot", queued=queued, claimed=0, retrying=0, dead=0)


def backlog_story(backlogs: list[int]) -> Story:
    """Three calm samples before the kill, then `backlogs`."""
    story = Story()
    first = story.worker()
    story.enqueue(A, B, C)
    sampled(story, 1, 2, 1)
    first.run(A)
    story.kill(first)
    second = story.worker()
    sampled(story, *backlogs)
    for job_id in (B, C):
        second.run(job_id)
    story.exit(second)
    story.end()
    return story


@pytest.mark.parametrize(
    ("backlogs", "sample"),
    [
        ([9, 9, 2, 2, 2, 2, 2], 3),
        ([2, 2, 2, 2, 9, 2, 2, 2, 2, 2], 6),
        ([0, 0, 0, 0, 0], 1),
        ([9, 2, 2, 2, 2], None),
        ([9, 9, 3, 3, 3, 3, 3], None),
    ],
)
def test_the_backlog_is_back_after_five_samples_in_the_band(
    backlogs: list[int], sample: int | None, read: Read
) -> None:
    (found,) = read(backlog_story(backlogs)).recovery
    recovered_s = found.backlog_recovered_s

    assert (None if recovered_s is None else int(recovered_s)) == sample


def test_a_calm_queue_before_the_respawn_is_no_recovery(read: Read) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    sampled(story, 1, 2, 1)
    first.run(A)
    story.kill(first)
    sampled(story, 0, 0, 0, 0, 0, 0)
    second = story.worker()
    sampled(story, 9, 2, 2, 2, 2, 2)
    story.exit(second)
    story.end()
    (found,) = read(story).recovery

    assert int(found.backlog_recovered_s or 0) == 8


@pytest.mark.parametrize(
    ("respawned", "recovered_s", "why"),
    [(False, 1, None), (True, None, "the next incarnation never became ready")],
)
def test_the_backlog_waits_for_a_respawn_only_where_there_is_one(
    respawned: bool, recovered_s: int | None, why: str | None, read: Read
) -> None:
    story = Story()
    victim, survivor = story.worker(0), story.worker(1)
    sampled(story, 1, 1)
    story.kill(victim)
    if respawned:
        story.worker(0, ready=False)
    sampled(story, 1, 1, 1, 1, 1)
    story.exit(survivor)
    story.end()
    (found,) = read(story).recovery
    seen_s = found.backlog_recovered_s

    assert (None if seen_s is None else int(seen_s)) == recovered_s
    assert found.backlog_recovered_s_why == why


@pytest.mark.parametrize(
    ("backlogs", "arrivals", "band"),
    [
        ([*[3] * 19, 50], 1, 3),
        ([*[3] * 18, 50, 50], 1, 50),
        ([*[90] * 10, *[3] * 31], 1, 3),
        ([3] * 20, 7, 7),
        ([], 2, 2),
    ],
)
def test_the_band_is_the_backlogs_p95_over_thirty_seconds_or_a_seconds_arrivals(
    backlogs: list[int], arrivals: int, band: int, read: Read
) -> None:
    for above, recovered in ((0, True), (1, False)):
        story = Story()
        first = story.worker()
        sampled(story, *backlogs)
        story.enqueue(*(f"j{number:06d}" for number in range(arrivals)))
        story.kill(first)
        second = story.worker()
        sampled(story, *[band + above] * 5)
        story.exit(second)
        story.end()
        (found,) = read(story).recovery

        assert (found.backlog_recovered_s is not None) is recovered

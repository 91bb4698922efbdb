"""Which kill a duplicate belongs to, and which belong to none."""

from __future__ import annotations

import pytest

from tests.histories.builder import Story
from tests.histories.stories import A, crash, run_twice
from tests.unit.stories_read import Read


def test_a_queue_that_hides_its_claims_still_has_its_duplicates_by_crash(read: Read) -> None:
    story = crash()
    for kind, fields in story.records:
        if kind == "row_read":
            fields.pop("claimed_by", None)
    summary = read(story)

    assert summary.crash.integrity_surface_at_kill is None
    assert summary.crash.duplicates_by_crash == 1
    assert summary.recovery[0].duplicates == 1


def test_a_duplicate_belongs_to_the_kill_that_ended_it(read: Read) -> None:
    summary = read(crash())

    assert summary.crash.duplicates_by_crash == 1
    assert summary.crash.duplicates_unattributed == 0
    assert summary.recovery[0].duplicates == 1


def test_a_duplicate_belongs_to_the_kill_of_the_one_who_had_completed_it(read: Read) -> None:
    """Open at kill 0, completed and unacknowledged at kill 1, run again."""
    story = Story()
    story.enqueue(A)
    opened = story.worker()
    opened.start(A)
    story.kill(opened, held=[A])
    completed = story.worker()
    completed.run(A)
    story.kill(completed, held=[A])
    last = story.worker()
    last.run(A)
    story.exit(last)
    story.end()
    summary = read(story)

    assert summary.crash.duplicates_by_crash == 1
    assert [kill.duplicates for kill in summary.recovery] == [0, 1]


@pytest.mark.parametrize(
    ("effect", "by_crash"), [(False, 0), (True, 1)], ids=["started", "effect done"]
)
def test_two_live_workers_who_both_complete_an_orphan_are_to_blame_themselves(
    effect: bool, by_crash: int, read: Read
) -> None:
    """Unless the victim had done it as well: then it would have been done twice without them."""
    story = Story()
    story.enqueue(A)
    victim, one, other = (story.worker(slot) for slot in range(3))
    victim.start(A)
    if effect:
        victim.effect(A)
    story.kill(victim, held=[A])
    one.run(A)
    other.run(A)
    story.exit(one)
    story.exit(other)
    story.end()
    summary = read(story)

    assert summary.crash.duplicates_live == 1 - by_crash
    assert summary.crash.duplicates_by_crash == by_crash
    assert summary.recovery[0].duplicates == by_crash


def test_a_job_that_was_done_already_when_the_victim_took_it_up_is_a_live_duplicate(
    read: Read,
) -> None:
    story = Story()
    story.enqueue(A)
    done, victim = story.worker(0), story.worker(1)
    done.run(A)
    victim.start(A)
    story.kill(victim, held=[A])
    again = story.worker(1)
    again.run(A)
    story.exit(done)
    story.exit(again)
    story.end()

    assert read(story).crash.duplicates_live == 1


def test_a_duplicate_by_an_unasked_death_is_a_crashs_and_no_kills(read: Read) -> None:
    story = Story()
    story.enqueue(A)
    first = story.worker()
    first.run(A)
    story.exit(first, "died", exit_code=1)
    second = story.worker()
    second.run(A)
    story.exit(second)
    story.end()
    crash_figures = read(story).crash

    assert crash_figures.duplicates_by_crash == 1
    assert crash_figures.duplicates_unattributed == 1


def test_a_healthy_job_run_twice_is_a_live_duplicate(read: Read) -> None:
    crash_figures = read(run_twice()).crash

    assert crash_figures.duplicates_live == 1
    assert crash_figures.duplicates_unattributed == 1


@pytest.mark.parametrize("held", [[], [A]])
def test_a_duplicate_from_before_the_kill_is_not_the_kills(held: list[str], read: Read) -> None:
    story = Story()
    one, other = story.worker(0), story.worker(1)
    story.enqueue(A)
    one.run(A)
    other.run(A)
    story.kill(one, held)
    story.exit(other)
    story.end()

    assert read(story).crash.duplicates_live == 1


def test_a_job_run_again_after_its_acknowledgement_is_not_the_kills(read: Read) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.run(A)
    story.kill(first, raced=True)
    second = story.worker()
    second.run(A)
    story.exit(second)
    story.row(A, "done", picked_after_done=True)
    story.end()

    assert read(story).crash.duplicates_live == 1

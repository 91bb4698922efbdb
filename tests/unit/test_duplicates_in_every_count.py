"""A duplicate is one in every count, and it is said whose doing it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.histories.builder import Story
from tests.histories.stories import A, B
from tests.unit.stories_read import Read, broken

# The headline counts what the ledger counts


def effect_cut_off(*, again_by_event: bool = True, die: str = "kill", **options: Any) -> Story:
    """A's effect is in, and its worker dies before it says so; A is done again."""
    story = Story(**options)
    first = story.worker()
    story.enqueue(A, B)
    first.run(B)
    first.start(A)
    first.effect(A)
    if die == "kill":
        story.kill(first, held=[A])
    else:
        story.exit(first, "died", exit_code=1)
    story.wait(3)
    second = story.worker()
    if again_by_event:
        second.run(A)
        story.exit(second)
    else:
        second.start(A)
        second.effect(A)
        story.kill(second, held=[A])
        story.exit(story.worker())
    story.end()
    return story


def effect_in_another_slot() -> Story:
    story = Story()
    victim, survivor = story.worker(0), story.worker(1)
    story.enqueue(A)
    victim.start(A)
    victim.effect(A)
    story.kill(victim, held=[A], raced=True)
    story.wait(3)
    survivor.run(A)
    story.exit(survivor)
    story.end()
    return story


def one_of_each() -> Story:
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    first.run(B)
    first.start(A)
    first.effect(A)
    story.kill(first, held=[A, B])
    story.wait(3)
    second = story.worker()
    for job_id in (A, B):
        second.run(job_id)
    story.exit(second)
    story.end()
    return story


def claims_hidden() -> Story:
    story = effect_cut_off()
    for kind, fields in story.records:
        if kind == "row_read":
            fields.pop("claimed_by", None)
    return story


@pytest.mark.parametrize(
    ("plant", "duplicated", "lines", "of_kills"),
    [
        (effect_cut_off, 1, 0, [1]),
        (lambda: effect_cut_off(again_by_event=False), 1, 0, [1, 0]),
        (lambda: effect_cut_off(die="unasked"), 1, 0, []),
        (effect_in_another_slot, 1, 0, [1]),
        (one_of_each, 2, 1, [2]),
        (claims_hidden, 1, 0, [1]),
    ],
    ids=["found", "no line at all", "died unasked", "a survivor", "one of each", "hidden claims"],
)
def test_an_effect_that_was_committed_twice_is_a_duplicate_in_every_count(
    plant: Callable[[], Story], duplicated: int, lines: int, of_kills: list[int], read: Read
) -> None:
    summary = read(plant())

    assert summary.jobs.duplicated == summary.crash.duplicated == duplicated
    assert summary.crash.duplicates_by_crash == duplicated
    assert summary.crash.duplicate_executions == lines
    assert [kill.duplicates for kill in summary.recovery] == of_kills
    assert any("two or more job_completed" in said for said in summary.findings)


def test_duplicates_can_be_fixed_and_limited_by_the_ledgers_count(read: Read) -> None:
    assert broken(read(effect_cut_off(expectations={"duplicated": 0}))) == ["duplicated"]
    assert broken(read(effect_cut_off(expectations={"max_duplicated": 0}))) == ["max_duplicated"]
    assert broken(read(effect_cut_off(expectations={"duplicated": 1}))) == []
    assert broken(read(effect_cut_off(expectations={"duplicate_executions": 0}))) == []


# Causes


def two_rows(*, kill: bool) -> Story:
    """A is done from two rows, with or without a kill between."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A, "row-1")
    first.complete(A)
    if kill:
        story.kill(first, held=[A])
        story.wait(3)
        second = story.worker()
    else:
        second = first
    second.start(A, "row-2")
    second.complete(A)
    story.exit(second)
    story.end()
    return story


@pytest.mark.parametrize(("kill", "cause"), [(False, "live"), (True, "by_crash")])
def test_two_rows_of_a_job_that_no_coordinator_enqueued_again_are_the_queues_own(
    kill: bool, cause: str, read: Read
) -> None:
    summary = read(two_rows(kill=kill))

    assert getattr(summary.crash, f"duplicates_{cause}") == 1
    assert summary.crash.duplicates_re_enqueued == 0
    assert summary.jobs.duplicated_by_kind.re_enqueued == 0
    assert any("done from several rows of the queue" in said for said in summary.findings)


@pytest.mark.parametrize("said", ["both times", "the second time"])
def test_a_child_that_its_coordinator_enqueued_again_is_the_coordinators(
    said: str, read: Read
) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    child = f"{A}/0"
    first.start(A)
    if said == "both times":
        story.enqueue(child, by=first)
    story.kill(first, held=[A])
    story.wait(3)
    second = story.worker()
    second.start(A)
    story.enqueue(child, by=second)
    second.complete(A)
    for row in ("row-1", "row-2"):
        second.start(child, row)
        second.complete(child)
    story.exit(second)
    story.end()
    summary = read(story)

    assert summary.crash.duplicates_re_enqueued == 1
    assert summary.jobs.duplicated_by_kind.re_enqueued == 1

"""Five fresh siblings of each history whose rescue or cause was misread.

Each kind had one input that was found, and others that its mending was tried with. These were
written down with their right value before they were run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from tests.histories.builder import Story, Worker
from tests.histories.right import Right, check, finished
from tests.histories.stories import A, B

# Nobody to rescue


def orphaned(*slots: int) -> tuple[Story, Worker, list[Worker]]:
    """A is open in the worker of slot 0 when that is killed."""
    story = Story()
    victim = story.worker(0)
    others = [story.worker(slot) for slot in slots]
    story.enqueue(A)
    victim.start(A)
    story.kill(victim, held=[A])
    return story, victim, others


def left_behind(story: Story, victim: Worker) -> Story:
    story.wait(30)
    story.row(A, "claimed", claimed_by=victim.identity)
    story.end()
    return story


def a_dead_one_and_one_that_is_never_ready() -> Story:
    story, victim, _ = orphaned()
    second = story.worker()
    story.wait(1)
    story.exit(second, "died", exit_code=1)
    third = story.worker(ready=False)
    story.wait(20)
    story.exit(third, "died", exit_code=1)
    return left_behind(story, victim)


def a_survivor_that_dies_soon(reason: str, **fields: Any) -> Story:
    story, victim, (other,) = orphaned(1)
    story.wait(2)
    story.exit(other, reason, **fields)
    return left_behind(story, victim)


def a_successor_that_is_stopped_soon() -> Story:
    story, victim, _ = orphaned()
    second = story.worker()
    story.wait(2)
    story.exit(second)
    return left_behind(story, victim)


def each_slot_dies_in_turn() -> Story:
    story, victim, (other,) = orphaned(1)
    story.wait(1)
    story.kill(other)
    second = story.worker(1)
    story.wait(1)
    story.kill(second)
    return left_behind(story, victim)


NOBODY = Right("unknown", reason="no other lived long enough", counts=(("stranded", 0),))
LEFT_ALONE: dict[str, tuple[Callable[[], Story], Right]] = {
    "one dies, one is never ready": (a_dead_one_and_one_that_is_never_ready, NOBODY),
    "the survivor dies unasked": (
        lambda: a_survivor_that_dies_soon("died", exit_code=1),
        NOBODY,
    ),
    "the survivor stops": (lambda: a_survivor_that_dies_soon("stopped"), NOBODY),
    "the successor stops": (a_successor_that_is_stopped_soon, NOBODY),
    "one slot after another": (each_slot_dies_in_turn, NOBODY),
}

# A pass that means nothing


def never_rescued(*, raced: bool = False, row: str = "claimed", **options: Any) -> Story:
    story = Story(rescue=None, **options)
    victim, other = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    victim.start(A)
    story.kill(victim, held=[A], raced=raced)
    other.run(B)
    story.exit(other)
    story.wait(1)
    story.row(A, row, claimed_by=victim.identity)
    story.end()
    return story


def left_by_a_death_unasked() -> Story:
    story = Story(rescue=None)
    first = story.worker()
    story.enqueue(A, B)
    first.start(A)
    story.exit(first, "died", exit_code=1)
    second = story.worker()
    second.run(B)
    story.exit(second)
    story.row(A, "claimed", claimed_by=first.identity)
    story.end()
    return story


STRANDED = Right("fail", ("stranded",), "1 of 2 jobs left behind", "never rescues by itself")
MEANINGLESS: dict[str, tuple[Callable[[], Story], Right]] = {
    "a survivor raced": (lambda: never_rescued(raced=True), STRANDED),
    "in the job's own transaction": (
        lambda: never_rescued(acknowledges_in_transaction=True),
        STRANDED,
    ),
    "exact counts that do not apply": (
        lambda: never_rescued(expectations={"re_executions": 1, "duplicated": 0}),
        STRANDED,
    ),
    "a death unasked": (left_by_a_death_unasked, STRANDED),
    "a bound of its own that is not asked for": (
        lambda: never_rescued(expectations={"max_first_orphan_s": 1.0}),
        Right("fail", ("stranded",), "1 of 2 jobs left behind"),
    ),
}

# Causes


def two_rows_in_two_workers() -> Story:
    story = Story()
    one, other = story.worker(0), story.worker(1)
    story.enqueue(A)
    for worker, row in ((one, "row-1"), (other, "row-2")):
        worker.start(A, row)
        worker.complete(A)
    return finished(story, one, other)


def parent_and_child(story: Story, worker: Worker, rows: Iterable[str]) -> str:
    """The coordinator runs once, its child from each of these rows."""
    child = f"{A}/0"
    worker.start(A)
    story.enqueue(child, by=worker)
    worker.complete(A)
    for row in rows:
        worker.start(child, row)
        worker.complete(child)
    return child


def a_childs_second_row() -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    parent_and_child(story, worker, ("row-1", "row-2"))
    return finished(story, worker)


def a_child_cut_off() -> Story:
    story = Story()
    story.enqueue(A)
    first = story.worker()
    child = parent_and_child(story, first, (f"row-{A}/0",))
    story.kill(first, held=[child])
    story.wait(3)
    second = story.worker()
    second.run(child)
    return finished(story, second)


def the_coordinator_again_and_its_child_once() -> Story:
    story = Story()
    story.enqueue(A)
    first = story.worker()
    child = f"{A}/0"
    first.start(A)
    story.enqueue(child, by=first)
    story.kill(first, held=[A])
    story.wait(3)
    second = story.worker()
    second.start(A)
    story.enqueue(child, by=second)
    second.complete(A)
    second.run(child)
    return finished(story, second)


def three_rows_and_a_kill() -> Story:
    story = Story()
    story.enqueue(A)
    first = story.worker()
    first.start(A, "row-1")
    first.complete(A)
    first.start(A, "row-2")
    story.kill(first, held=[A])
    story.wait(3)
    second = story.worker()
    second.start(A, "row-3")
    second.complete(A)
    return finished(story, second)


def caused(cause: str, count: int = 1) -> tuple[tuple[str, int], ...]:
    names = ("by_crash", "re_enqueued", "live")
    return tuple((f"duplicates_{name}", count if name == cause else 0) for name in names)


CAUSES: dict[str, tuple[Callable[[], Story], Right]] = {
    "two rows, two workers": (
        two_rows_in_two_workers,
        Right("pass", finding="1 of 1 job executed twice", counts=caused("live")),
    ),
    "a child's second row": (a_childs_second_row, Right("pass", counts=caused("live"))),
    "a child cut off": (a_child_cut_off, Right("pass", counts=caused("by_crash"))),
    "the coordinator twice, its child once": (
        the_coordinator_again_and_its_child_once,
        Right("pass", counts=caused("", 0)),
    ),
    "three rows and a kill": (three_rows_and_a_kill, Right("pass", counts=caused("by_crash"))),
}

KINDS: dict[str, dict[str, tuple[Callable[[], Story], Right]]] = {
    "nobody to rescue": LEFT_ALONE,
    "a pass that means nothing": MEANINGLESS,
    "causes": CAUSES,
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, siblings in KINDS.items() for name in siblings]
)
def test_a_sibling_gets_its_right_value(kind: str, name: str, tmp_path: Path) -> None:
    plant, right = KINDS[kind][name]

    check(analyse(plant().write(tmp_path)), right)


def test_each_kind_has_five_siblings() -> None:
    assert {len(siblings) for siblings in KINDS.values()} == {5}

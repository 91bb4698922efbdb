"""Five fresh siblings of each history whose rescue, cause or witness was misread.

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
from tests.histories.forged import renumbered
from tests.histories.right import Right, check, finished
from tests.histories.stories import A, B, C

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

# Void, not broken: what was refused, and was in all the same


def rejected_and_seen(see: Callable[[Story, Worker], object]) -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(B)
    worker.run(B)
    told = {"job_id": A, "outcome": "rejected", "intended_ns": story.now_ns}
    story.record("enqueue_failed", **told, sent_ns=story.now_ns, error="full")
    story.planned.add(A)
    see(story, worker)
    return finished(story, *([] if story.faults else [worker]), rows={A: "none"})


def held_at_a_kill(story: Story, worker: Worker) -> None:
    story.kill(worker, held=[A])
    story.wait(3)
    story.exit(story.worker())


def given_up_by_the_library(story: Story, worker: Worker) -> None:
    story.see("job_discarded", A)


def started_and_failed(_: Story, worker: Worker) -> None:
    worker.start(A)
    worker.fail(A)


def effect_alone(story: Story, worker: Worker) -> None:
    story.row(A, "absent", effects=[[0, 0, 1]])


REFUSED_AND_IN = Right("invalid", reason="rejected, and yet the queue had")
REFUSED: dict[str, tuple[Callable[[], Story], Right]] = {
    "held at a kill": (lambda: rejected_and_seen(held_at_a_kill), REFUSED_AND_IN),
    "given up": (lambda: rejected_and_seen(given_up_by_the_library), REFUSED_AND_IN),
    "failed": (
        lambda: rejected_and_seen(started_and_failed),
        REFUSED_AND_IN,
    ),
    "an effect alone": (lambda: rejected_and_seen(effect_alone), REFUSED_AND_IN),
    "a row that waits": (
        lambda: rejected_and_seen(lambda story, _: story.row(A, "queued")),
        REFUSED_AND_IN,
    ),
}

# Witnesses that are not read, and witnesses that are not compared


def clean(spoil: Callable[[Story], object], *, kills: int = 0) -> Story:
    """Jobs A, B and C, run by a worker that stops cleanly after a drain that agreed; before it as
    many were killed while they held C."""
    story = Story()
    story.enqueue(A, B, C)
    for _ in range(kills):
        victim = story.worker()
        victim.start(C)
        victim.effect(C)
        story.kill(victim, held=[C])
        story.wait(3)
    worker = story.worker()
    for job_id in (A, B, C):
        worker.run(job_id)
    finished(story, worker)
    spoil(story)
    renumbered(story)
    return story


def effects_of(story: Story, job_id: str, *, read: str = "final", fault: int | None = None) -> Any:
    wanted = {"read": read, "job_id": job_id} | ({} if fault is None else {"fault": fault})
    return story.first("row_read", **wanted).setdefault("effects", [])


def started_once_more(story: Story) -> None:
    """A duplicate whose end and effect are hidden."""
    like = story.first("job_started", job_id=B)
    place = next(n for n, r in enumerate(story.records) if r[0] == "child_exited")
    story.records.insert(
        place, ("job_started", {**like, "execution": 9, "t_ns": story.records[place][1]["t_ns"]})
    )


def failed_and_yet_an_effect(story: Story) -> None:
    place = next(n for n, r in enumerate(story.records) if r[1] is story.first("job_completed"))
    fields = {**story.records[place][1], "error_class": "unplanned"}
    story.records[place] = ("job_failed", fields)


def an_effect_of_nobody(story: Story) -> None:
    effects_of(story, A).append([0, 0, 44])


def events_that_are_missing(story: Story) -> None:
    """The last line of the worker is gone, and its exit still counts it."""
    story.drop("job_completed", job_id=C)
    effects_of(story, C).clear()


UNREAD: dict[str, tuple[Callable[[], Story], Right]] = {
    "a second execution is open": (
        lambda: clean(started_once_more),
        Right("invalid", reason="an execution is still open"),
    ),
    "the last execution is open": (
        lambda: clean(events_that_are_missing),
        Right("invalid", reason="an execution is still open"),
    ),
    "an effect of an execution without a number": (
        lambda: clean(an_effect_of_nobody),
        Right("invalid", reason="never started"),
    ),
    "an effect of what was called failed": (
        # No contradiction: a commit may be done though its answer never came.
        lambda: clean(failed_and_yet_an_effect),
        Right("fail", ("unplanned_failures",)),
    ),
    "an open one behind a kill": (
        lambda: clean(started_once_more, kills=1),
        Right("invalid", reason="an execution is still open"),
    ),
}


def gone_at_the_end(story: Story) -> None:
    effects_of(story, C).remove([0, 0, 1])


def gone_at_the_second_kill(story: Story) -> None:
    """Seen at kill 0 and at the end, and not between."""
    effects_of(story, C, read="kill", fault=1).remove([0, 0, 1])


def all_gone(story: Story) -> None:
    row = story.first("row_read", read="final", job_id=C)
    row["effects"] = [effect for effect in row["effects"] if effect[1] == 2]


def of_another_worker(story: Story) -> None:
    """The effect at the end bears the number of a worker that never ran the job."""
    for effect in effects_of(story, C):
        effect[0] = 3


def read_before_it_was_made(story: Story) -> None:
    """Kill 0 reads the effect of the worker that came after it."""
    effects_of(story, C, read="kill", fault=0).append([0, 1, 1])


COMPARED: dict[str, tuple[Callable[[], Story], Right]] = {
    "one of three is gone": (
        lambda: clean(gone_at_the_end, kills=2),
        Right("invalid", reason="gone at the final read"),
    ),
    "gone between": (
        lambda: clean(gone_at_the_second_kill, kills=2),
        Right("invalid", reason="gone at a later kill's read"),
    ),
    "both are gone": (
        lambda: clean(all_gone, kills=2),
        Right("invalid", reason="gone at the final read"),
    ),
    "of a worker that never was": (
        lambda: clean(of_another_worker, kills=1),
        Right("invalid", reason="never spawned"),
    ),
    "before its worker lived": (
        lambda: clean(read_before_it_was_made, kills=2),
        Right("invalid", reason="its execution began after that"),
    ),
}

KINDS: dict[str, dict[str, tuple[Callable[[], Story], Right]]] = {
    "nobody to rescue": LEFT_ALONE,
    "a pass that means nothing": MEANINGLESS,
    "causes": CAUSES,
    "void, not broken": REFUSED,
    "witnesses not read": UNREAD,
    "witnesses not compared": COMPARED,
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, siblings in KINDS.items() for name in siblings]
)
def test_a_sibling_gets_its_right_value(kind: str, name: str, tmp_path: Path) -> None:
    plant, right = KINDS[kind][name]

    check(analyse(plant().write(tmp_path)), right)


def test_each_kind_has_five_siblings() -> None:
    assert {len(siblings) for siblings in KINDS.values()} == {5}

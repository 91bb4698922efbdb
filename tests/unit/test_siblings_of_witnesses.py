"""Five fresh siblings of each history whose witness was misread.

Each kind had one input that was found, and others that its mending was tried with. These were
written down with their right value before they were run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from tests.histories.builder import Story, Worker
from tests.histories.forged import renumbered
from tests.histories.right import Right, check, finished
from tests.histories.stories import A, B, C

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

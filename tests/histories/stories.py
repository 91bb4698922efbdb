"""The stories that tests of histories begin with: short runs, in a line or two each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.histories.builder import Fields, Story

A, B, C = "j000000", "j000001", "j000002"
OPEN = "1 execution is open"
"""What a drain says that did not agree."""


def healthy() -> Story:
    """Three jobs, one after the other, and nothing happens."""
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C)
    for job_id in (A, B, C):
        worker.run(job_id)
    story.exit(worker)
    story.end()
    return story


def crash(**options: Any) -> Story:
    """A is open at the kill, B had completed unacknowledged; the next incarnation runs both."""
    story = Story(**options)
    first = story.worker()
    story.enqueue(A, B, C)
    first.start(A)
    first.run(B)
    story.kill(first, held=[A, B])
    second = story.worker()
    story.wait(3)
    for job_id in (A, B, C):
        second.run(job_id)
    story.exit(second)
    story.end()
    return story


def waiting(
    seconds: float, *, busy: bool = False, stalled_s: float = 0.0, ends: bool = True
) -> Story:
    """A waits, so long, behind the only worker, which runs B and perhaps never ends it."""
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, length_us=50_000)
    worker.start(B)
    if stalled_s:
        story.stall(worker, stalled_s, ends=ends)
    if not busy:
        worker.complete(B)
    story.wait(seconds)
    story.phase("stop")
    if busy:
        worker.complete(B)
    story.exit(worker)
    story.end({A: "queued"}, drain="1 queued rows")
    return story


def left_by_one_that_was_told_to_stop(seconds: float) -> Story:
    """It leaves with A claimed; the others are there for so many seconds more."""
    story = Story()
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    successor = story.depart(first, story.tell_to_stop(first), held=[A])
    second.run(B)
    story.wait(seconds)
    story.phase("stop")
    for worker in (second, successor):
        story.exit(worker)
    story.row(A, "claimed", claimed_by=first.identity)
    story.end(drain="1 claimed rows")
    return story


def one_job(rows: Mapping[str, str], **options: Any) -> Story:
    """A is never run."""
    story = Story(**options)
    worker = story.worker()
    story.enqueue(A, B)
    worker.run(B)
    story.exit(worker)
    story.end(rows)
    return story


def left_claimed(wait_s: float, **options: Any) -> Story:
    """A is open at the kill and stays claimed by the victim; B is run by the next incarnation."""
    story = Story(**options)
    first = story.worker()
    story.enqueue(A, B)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    second.run(B)
    story.wait(wait_s)
    story.exit(second)
    story.row(A, "claimed", claimed_by=first.identity)
    story.end()
    return story


def as_namesakes(story: Story) -> Story:
    """The only kill, in slot 0, was a same_identity: the next one bears the first one's name."""
    ready = story.first("child_ready", slot=0, incarnation=1)
    name = ready["identity"] = story.first("child_ready", slot=0)["identity"]
    (entry,) = story.first("run_start")["scenario"]["faults"]
    entry |= {"what": "same_identity", "respawn_after_s": 0.5}
    for kind in ("fault_injected", "fault_ended"):
        story.first(kind)["what"] = "same_identity"
    ended = story.first("fault_ended")
    ended["t_ns"] = ready["t_ns"] + 1
    ended["parts"] |= {
        "identity": name,
        "successor": 1,
        "successor_identity": name,
        "successor_ready_ns": ready["t_ns"],
    }
    return story


def same_name(wait_s: float = 10, claimed: str | None = "before", **options: Any) -> Story:
    """As `left_claimed`, and the next incarnation bears the first one's name. Its row was claimed
    ``before`` the kill, ``between`` the next one's spawn and its ready, or ``after`` that; None =
    the queue does not say."""
    story = as_namesakes(left_claimed(wait_s, **options))
    instants = {
        "before": story.first("job_started")["t_ns"] - 1,
        "between": story.first("child_spawned", incarnation=1)["t_ns"] + 1,
        "after": story.first("child_ready", incarnation=1)["t_ns"] + 1,
    }
    if claimed is not None:
        story.first("row_read", read="final", job_id=A)["claimed_ns"] = instants[claimed]
    return story


def run_twice(*, overlapping: bool = False, **row: Any) -> Story:
    """Two live workers complete A."""
    story = Story()
    one, other = story.worker(0), story.worker(1)
    story.enqueue(A)
    one.start(A)
    if overlapping:
        other.start(A)
    one.complete(A)
    if not overlapping:
        other.start(A)
    other.complete(A)
    for worker in (one, other):
        story.exit(worker)
    story.row(A, "done", **row)
    story.end()
    return story


def two_rows() -> Story:
    """A has two rows though nobody enqueued it twice."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    for inbox_id in (f"row-{A}", f"row-{A}-1"):
        worker.start(A, inbox_id)
        worker.complete(A)
    story.exit(worker)
    story.row(A)
    story.row(A)
    story.end()
    return story


def re_enqueued() -> Story:
    """A coordinator is killed once its child is in the queue, and run again."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    child = f"{A}/0"
    first.start(A)
    story.enqueue(child, by=first, inbox_id="row-1")
    story.kill(first, held=[A])
    second = story.worker()
    story.wait(3)
    second.start(A)
    story.enqueue(child, by=second, inbox_id="row-2")
    second.complete(A)
    for inbox_id in ("row-1", "row-2"):
        second.start(child, inbox_id)
        second.complete(child)
    story.exit(second)
    story.end()
    return story


def changed(change: Callable[[Story], object], base: Callable[[], Story] = crash) -> Story:
    story = base()
    change(story)
    return story


def without_certificate(**values: Any) -> Callable[[], Story]:
    return lambda: changed(lambda story: story.first("fault_ended")["parts"].update(values))


def sent_without(**values: Any) -> Callable[[], Story]:
    return lambda: changed(lambda story: story.first("fault_injected").update(values))


def seen_before(**values: Any) -> Callable[[], Story]:
    return lambda: changed(lambda story: story.first("fault_injected")["parts"].update(values))


def killed_before_ready(*, said_ready: bool = False) -> Callable[[], Story]:
    """A worker that had no session yet is killed; the next one does the work."""

    def plant() -> Story:
        story = Story()
        first = story.worker(ready=said_ready)
        story.enqueue(A)
        story.wait(2)
        story.kill(first)
        story.first("fault_injected")["parts"].update(sessions=[], ready=False)
        second = story.worker()
        second.run(A)
        story.exit(second)
        story.end({A: "absent"})
        return story

    return plant


def never_enqueued() -> Story:
    """The enqueue of A was indeterminate and A was never seen."""
    story = Story()
    worker = story.worker()
    story.record(
        "enqueue_failed",
        job_id=A,
        outcome="indeterminate",
        intended_ns=story.now_ns,
        sent_ns=story.now_ns,
        error="gone",
    )
    story.enqueue(B)
    worker.run(B)
    story.exit(worker)
    story.planned.add(A)
    story.end({A: "none"})
    return story


def died_unasked(*, ours: bool) -> Story:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.exit(first, "died", exit_code=1, ours=ours)
    second = story.worker()
    second.run(A)
    story.exit(second)
    story.end()
    return story


def rows(**values: Any) -> Callable[[Story], None]:
    """Change the closing line of the final read."""

    def change(story: Story) -> None:
        closing: Fields = next(
            fields
            for kind, fields in story.records
            if kind == "row_read" and fields["read"] == "final" and "job_id" not in fields
        )
        closing.update(values)

    return change

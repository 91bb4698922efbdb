"""Stories with one thing wrong each, to be planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.histories.builder import Story
from tests.histories.stories import OPEN, A, B, changed, crash, healthy


def effect_without_event() -> Story:
    """The kill comes between A's effect and its job_completed; nobody runs A again."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    first.effect(A)
    story.kill(first)
    second = story.worker()
    story.exit(second)
    story.end({A: "absent"})
    return story


def failing(state: str, *, fails: int = 1, error_class: str = "transient", **row: Any) -> Story:
    """A's handler fails and the queue is done with it."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    for _ in range(fails):
        worker.start(A)
        worker.fail(A, error_class=error_class)
    story.exit(worker)
    story.row(A, state, **row)
    story.end()
    return story


def crashed_to_death() -> Story:
    """The queue gives A up because its worker was killed, though its handler never erred."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.exit(second)
    story.end({A: "dead"})
    return story


def late() -> Story:
    """A comes back long after its bound: 3 s lease + 1 s + 0.5 s + 1 s margin."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.wait(9)
    second.run(A)
    story.exit(second)
    story.end()
    return story


def failed_after_completed() -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    worker.fail(A)
    story.exit(worker)
    story.end()
    return story


def started_twice() -> Story:
    """One worker is handed A twice and completes the second delivery only."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    worker.run(A)
    story.exit(worker)
    story.end(drain=OPEN)
    return story


def acknowledged_by_the_successor() -> Story:
    """A had finished unacknowledged at the kill, and the queue settles it without a second run."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.run(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.exit(second)
    story.end()
    return story


def discarded_then_cut_short(*, seen_in_rows: bool = False) -> Story:
    """The library says that it gives A up and is killed before it commits that; A is started
    again, the second kill cuts it short, and no row is left."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    first.fail(A)
    if seen_in_rows:
        story.see("job_discarded", A)
    else:
        first.tell("job_discarded", A)
    story.kill(first, held=[A])
    second = story.worker()
    second.start(A)
    story.kill(second, held=[A])
    third = story.worker()
    story.exit(third)
    story.end({A: "absent"})
    return story


def discarded_as_the_library_said() -> Story:
    """A is retried, then given up while its execution is open; no row is left."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    worker.tell("job_retried", A)
    worker.start(A)
    worker.tell("job_discarded", A)
    story.exit(worker)
    story.end({A: "absent"})
    return story


def discarded_as_the_rows_said(*, started: bool) -> Story:
    """Only the rows show that A was given up."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    if started:
        first.start(A)
    story.kill(first, held=[A])
    story.see("job_discarded", A)
    second = story.worker()
    story.exit(second)
    story.end({A: "absent"})
    return story


def note(code: str) -> Callable[[], Story]:
    def plant() -> Story:
        story = crash()
        last = story.records.pop()
        story.record("note", code=code, detail={"slot": 0, "incarnation": 0})
        story.records.append(last)
        return story

    return plant


def unrecorded_enqueue() -> Story:
    return changed(lambda story: story.drop("job_enqueued", job_id=B), healthy)


def recovered_enqueue() -> Story:
    story = Story()
    worker = story.worker()
    worker_job = "j000000/0"
    story.enqueue(A)
    worker.run(A)
    worker.run(worker_job)
    story.exit(worker)
    story.recover(worker_job)
    story.end()
    return story


def stranger(job_id: str) -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    worker.run(job_id)
    story.exit(worker)
    story.row(job_id)
    story.end()
    return story


def stopped_with_a_claim(reason: str = "stopped") -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    story.exit(worker, reason)
    story.row(A, "claimed", claimed_by=worker.identity)
    story.end(drain=OPEN)
    return story


def known_by_a_retry_alone() -> Story:
    """A worker started A and lost that event; all that is left of it is the library's retry."""
    story = Story()
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A)
    first.start(A)
    first.tell("job_retried", A)
    second.run(A)
    story.exit(first)
    story.exit(second)
    story.end()
    story.drop("job_started", slot=0)
    return story


def stream_of(planned: int | None, *, ended: str = "completed") -> Callable[[], Story]:
    """A stream of three jobs of which so many were planned; None = the run cuts it."""

    def plant() -> Story:
        story = healthy()
        story.first("run_start")["planned_stream_jobs"] = planned
        story.first("run_start")["scenario"]["workload"]["closed_loop"] = planned is None
        story.first("run_end")["ended"] = ended
        return story

    return plant


def several_rows() -> Story:
    """A has a finished row and one that is still queued: the least settled one counts."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    story.exit(worker)
    story.row(A, "done")
    story.row(A, "queued")
    story.end()
    return story


def done_while_owed() -> Story:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    story.exit(worker)
    story.end({A: "queued"})
    return story

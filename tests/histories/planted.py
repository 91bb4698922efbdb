"""The planted faults: each a history with one thing wrong, and the verdict it must get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.histories.builder import Fields, Story

A, B, C = "j000000", "j000001", "j000002"
OPEN = "1 execution is open"
"""What a drain says that did not agree."""


@dataclass(frozen=True)
class Planted:
    """A history, the run's verdict, and the job's where one job is the point."""

    plant: Callable[[], Story]
    verdict: str
    job: str | None = None
    becomes: str | None = None
    reason: str | None = None
    flags: frozenset[str] = frozenset()
    jobs: Mapping[str, int] = field(default_factory=dict)
    says: str | None = None
    """A piece of one of the run's reasons."""


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
    """It leaves with A claimed; the other worker is there for so many seconds more."""
    story = Story()
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    story.exit(first, "stopped")
    second.run(B)
    story.wait(seconds)
    story.phase("stop")
    story.exit(second)
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


def never_enqueued() -> Story:
    """The enqueue of A was indeterminate and A was never seen."""
    story = Story()
    worker = story.worker()
    story.enqueue(B)
    story.record(
        "enqueue_failed",
        job_id=A,
        outcome="indeterminate",
        intended_ns=story.now_ns,
        sent_ns=story.now_ns,
        error="gone",
    )
    worker.run(B)
    story.exit(worker)
    story.planned.add(A)
    story.end({A: "none"})
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
    """A stream of three jobs of which so many were planned."""

    def plant() -> Story:
        story = healthy()
        story.first("run_start")["planned_stream_jobs"] = planned
        story.first("run_end")["ended"] = ended
        return story

    return plant


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


INVALID_PART = "no complete certificate"

PLANTED: dict[str, Planted] = {
    "a_healthy_run": Planted(healthy, "pass", A, "completed_once", jobs={"completed_once": 3}),
    "a_crash": Planted(
        crash, "pass", B, "duplicated", "sequential", frozenset({"finished_unacknowledged"})
    ),
    "an_open_job_is_redelivered": Planted(
        crash, "pass", A, "completed_once", flags=frozenset({"redelivered"})
    ),
    "lost_and_done": Planted(lambda: one_job({A: "done"}), "fail", A, "lost"),
    "lost_and_absent": Planted(lambda: one_job({A: "none"}), "fail", A, "lost"),
    "done_unwitnessed": Planted(
        lambda: one_job({A: "done"}, effects=False), "unknown", A, "ambiguous", "done_unwitnessed"
    ),
    "still_queued": Planted(lambda: one_job({A: "queued"}), "unknown", A, "pending", "queued"),
    "still_retrying": Planted(
        lambda: one_job({A: "retrying"}), "unknown", A, "pending", "retrying"
    ),
    "the_least_settled_row_counts": Planted(several_rows, "unknown", A, "pending", "queued"),
    "done_while_owed": Planted(
        done_while_owed, "pass", A, "completed_once", flags=frozenset({"still_owed"})
    ),
    "stranded_past_its_deadline": Planted(
        lambda: left_claimed(10),
        "fail",
        A,
        "stranded",
        "dead_worker",
        flags=frozenset({"blocks_capacity"}),
    ),
    "stranded_where_nothing_rescues": Planted(
        lambda: left_claimed(0, rescue=None),
        "fail",
        A,
        "stranded",
        "dead_worker",
        says="never rescues",
    ),
    "waiting_though_a_worker_is_idle": Planted(
        lambda: waiting(3), "fail", A, "stranded", "alive_and_idle", says="stranded"
    ),
    "waiting_before_its_deadline": Planted(lambda: waiting(0.9), "unknown", A, "pending", "queued"),
    "waiting_behind_a_busy_worker": Planted(
        lambda: waiting(3, busy=True), "unknown", A, "pending", "queued"
    ),
    "waiting_and_its_deadline_counts_from_the_stalls_end": Planted(
        lambda: waiting(0.9, stalled_s=30), "unknown", A, "pending", "queued"
    ),
    "waiting_past_its_deadline_after_the_stall": Planted(
        lambda: waiting(3, stalled_s=30), "fail", A, "stranded", "alive_and_idle"
    ),
    "waiting_for_ever_behind_a_stall": Planted(
        lambda: waiting(30, stalled_s=30, ends=False), "invalid", A, "pending", "queued"
    ),
    "left_claimed_by_a_worker_that_was_told_to_stop": Planted(
        lambda: left_by_one_that_was_told_to_stop(30), "fail", A, "stranded", "told_to_stop"
    ),
    "left_claimed_by_one_told_to_stop_within_the_bound": Planted(
        lambda: left_by_one_that_was_told_to_stop(1), "unknown", A, "pending", "stopped"
    ),
    "bound_not_reached": Planted(
        lambda: left_claimed(1), "unknown", A, "pending", "bound_not_reached"
    ),
    "claim_of_a_stopped_worker": Planted(stopped_with_a_claim, "unknown", A, "pending", "stopped"),
    "claim_of_a_worker_that_ignored_the_stop": Planted(
        lambda: stopped_with_a_claim("stop_ignored"), "unknown", A, "pending", "stopped"
    ),
    "duplicate_sequential": Planted(run_twice, "pass", A, "duplicated", "sequential"),
    "duplicate_concurrent": Planted(
        lambda: run_twice(overlapping=True),
        "pass",
        A,
        "duplicated",
        "concurrent",
        frozenset({"overlapping", "redelivered"}),
    ),
    "duplicate_after_the_acknowledgement": Planted(
        lambda: run_twice(picked_after_done=True), "pass", A, "duplicated", "after_acknowledged"
    ),
    "duplicate_over_two_rows": Planted(
        two_rows, "pass", A, "duplicated", "sequential", frozenset({"several_rows"})
    ),
    "a_child_that_was_enqueued_again": Planted(
        re_enqueued, "pass", f"{A}/0", "duplicated", "re_enqueued"
    ),
    "effect_without_event": Planted(
        effect_without_event,
        "pass",
        A,
        "completed_once",
        flags=frozenset({"effect_without_event"}),
    ),
    "completed_without_effect": Planted(
        lambda: changed(
            lambda story: story.first("row_read", read="final", job_id=C).pop("effects"), healthy
        ),
        "invalid",
        C,
        "ambiguous",
        "completed_without_effect",
        says="cannot be vouched for",
    ),
    "discarded_by_the_queue": Planted(
        lambda: failing("dead", error_class="permanent"), "pass", A, "discarded"
    ),
    "discarded_after_all_attempts": Planted(
        lambda: failing("dead", fails=5), "pass", A, "discarded"
    ),
    "discarded_too_early": Planted(
        lambda: failing("dead", fails=4), "fail", A, "discarded", flags=frozenset({"unexplained"})
    ),
    "discarded_after_an_error_that_nobody_planned": Planted(
        lambda: failing("dead", fails=5, error_class="unplanned"),
        "fail",
        A,
        "discarded",
        flags=frozenset({"unexplained"}),
        says="unplanned_failures",
    ),
    "discarded_without_a_row": Planted(lambda: failing("absent", fails=5), "pass", A, "discarded"),
    "discarded_as_the_library_said": Planted(
        discarded_as_the_library_said,
        "fail",
        A,
        "discarded",
        flags=frozenset({"unexplained"}),
        says="discarded_unplanned",
    ),
    "discarded_as_the_rows_said": Planted(
        lambda: discarded_as_the_rows_said(started=True),
        "fail",
        A,
        "discarded",
        flags=frozenset({"by_crash_alone"}),
    ),
    "discarded_before_it_ever_ran": Planted(
        lambda: discarded_as_the_rows_said(started=False),
        "fail",
        A,
        "discarded",
        flags=frozenset({"by_crash_alone"}),
    ),
    "lost_after_a_discard_that_never_came_to_be": Planted(
        discarded_then_cut_short, "fail", A, "lost"
    ),
    "lost_after_a_discard_that_the_rows_took_back": Planted(
        lambda: discarded_then_cut_short(seen_in_rows=True), "fail", A, "lost"
    ),
    "discarded_by_the_crash_alone": Planted(
        crashed_to_death,
        "fail",
        A,
        "discarded",
        flags=frozenset({"by_crash_alone"}),
        says="Expected given_up = 0, found 1: broken",
    ),
    "attempts_exceeded": Planted(
        lambda: failing("dead", fails=6),
        "pass",
        A,
        "discarded",
        flags=frozenset({"attempts_exceeded"}),
    ),
    "failed_after_completed": Planted(
        failed_after_completed,
        "pass",
        A,
        "completed_once",
        flags=frozenset({"failed_after_completed"}),
    ),
    "late": Planted(late, "unknown", A, "completed_once", flags=frozenset({"late", "redelivered"})),
    "event_missing_in_the_middle": Planted(
        lambda: changed(lambda story: story.drop("job_completed", job_id=B), healthy),
        "invalid",
        B,
        "ambiguous",
        "ordinal_gap",
        says="Ordinal gap",
    ),
    "event_missing_at_the_end": Planted(
        lambda: changed(lambda story: story.drop("job_completed", job_id=C), healthy),
        "invalid",
        C,
        "ambiguous",
        "ordinal_gap",
    ),
    "no_exit_to_prove_the_events": Planted(
        lambda: changed(lambda story: story.drop("child_exited"), healthy),
        "invalid",
        A,
        "ambiguous",
        "ordinal_gap",
    ),
    "event_missing_of_a_job_known_by_a_retry_alone": Planted(
        known_by_a_retry_alone, "invalid", A, "ambiguous", "ordinal_gap"
    ),
    "clock_violation_noted": Planted(
        note("clock_violation"), "invalid", A, "ambiguous", "clock_violation"
    ),
    "clock_goes_back": Planted(
        lambda: changed(
            lambda story: story.first("job_completed", job_id=A).update(t_ns=1), healthy
        ),
        "invalid",
        A,
        "ambiguous",
        "clock_violation",
    ),
    "bad_line": Planted(note("bad_line"), "invalid", A, "ambiguous", "bad_line"),
    "final_read_failed": Planted(
        lambda: changed(rows(error="the server was gone")),
        "invalid",
        A,
        "ambiguous",
        "row_read_failed",
        says="the server was gone",
    ),
    "final_read_incomplete": Planted(
        lambda: changed(rows(lines=4)), "invalid", C, "ambiguous", "row_read_failed"
    ),
    "effects_unreadable": Planted(
        lambda: changed(rows(effects_error="no table")),
        "invalid",
        C,
        "ambiguous",
        "effects_unreadable",
    ),
    "enqueue_record_missing": Planted(
        unrecorded_enqueue, "invalid", B, "ambiguous", "enqueue_record_missing"
    ),
    "recovered_enqueue": Planted(recovered_enqueue, "pass", "j000000/0", "completed_once"),
    "a_job_that_nobody_planned": Planted(
        lambda: stranger("j000099"), "invalid", jobs={"unexpected": 1, "enqueued": 1}
    ),
    "a_held_job_that_nobody_planned": Planted(
        lambda: stranger("h000000"), "invalid", jobs={"unexpected": 1, "enqueued": 1}
    ),
    "a_child_of_nobody": Planted(
        lambda: stranger("j000099/0"), "invalid", jobs={"unexpected": 1, "enqueued": 1}
    ),
    "started_twice": Planted(
        started_twice, "pass", A, "completed_once", flags=frozenset({"redelivered", "overlapping"})
    ),
    "acknowledged_by_the_successor": Planted(
        acknowledged_by_the_successor,
        "pass",
        A,
        "completed_once",
        flags=frozenset({"finished_unacknowledged"}),
    ),
    "an_ordinal_twice": Planted(
        lambda: changed(lambda story: story.first("job_started", job_id=B).update(n=2), healthy),
        "invalid",
        B,
        "ambiguous",
        "ordinal_gap",
    ),
    "never_enqueued": Planted(
        never_enqueued,
        "fail",
        jobs={"not_enqueued": 1, "enqueued": 1},
        says="Expected never_seen = 0, found 1: broken",
    ),
    "no_run_end": Planted(
        lambda: changed(lambda story: story.drop("run_end")), "invalid", says="no run_end"
    ),
    "the_run_failed": Planted(
        lambda: changed(lambda story: story.first("run_end").update(ended="failed", error="x")),
        "invalid",
    ),
    "interrupted": Planted(
        lambda: changed(lambda story: story.first("run_end").update(ended="interrupted")),
        "unknown",
    ),
    "a_stream_cut_short": Planted(stream_of(4), "invalid", says="sent 3 of the stream's 4 jobs"),
    "a_stream_that_an_interruption_cut_short": Planted(
        stream_of(4, ended="interrupted"), "unknown", says="interrupted"
    ),
    "a_whole_stream": Planted(stream_of(3), "pass"),
    "an_endless_stream": Planted(stream_of(None), "pass"),
    "died_by_our_fault": Planted(lambda: died_unasked(ours=True), "invalid", says="worker_died"),
    "died_by_its_own": Planted(
        lambda: died_unasked(ours=False),
        "pass",
        A,
        "completed_once",
        flags=frozenset({"redelivered"}),
    ),
    "certificate_absent": Planted(
        lambda: changed(lambda story: story.drop("fault_ended")), "invalid", says=INVALID_PART
    ),
    "certificate_without_intended": Planted(
        sent_without(intended_ns=None), "invalid", says="no intended instant"
    ),
    "certificate_without_sessions": Planted(
        seen_before(sessions=[]), "invalid", says="no session of the victim"
    ),
    "certificate_of_one_said_not_to_be_ready_though_it_was": Planted(
        killed_before_ready(said_ready=True), "invalid", says="long after it had said that it was"
    ),
    "certificate_of_one_that_was_not_ready": Planted(killed_before_ready(), "pass"),
    "certificate_without_reaping": Planted(
        without_certificate(reaped_ns=None), "invalid", says="not reaped"
    ),
    "certificate_with_another_signal": Planted(
        without_certificate(signal=15), "invalid", says="not SIGKILL"
    ),
    "certificate_of_a_clean_exit": Planted(
        without_certificate(signal=None, exit_code=0), "invalid", says="not SIGKILL"
    ),
    "certificate_with_survivors": Planted(
        without_certificate(survivors=[4711]), "invalid", says="live on"
    ),
    "certificate_with_sessions_left": Planted(
        without_certificate(sessions_left=[{"pid": 7, "backend_start": "then"}]),
        "invalid",
        says="are left",
    ),
    "certificate_without_sessions_gone": Planted(
        without_certificate(sessions_gone_ns=None), "invalid", says="not seen to go"
    ),
    "certificate_without_eof": Planted(
        without_certificate(eof_ns=None), "invalid", says="not read to the end"
    ),
}
"""By name: what is planted and what it must become."""

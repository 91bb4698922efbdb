"""The planted faults: each a history with one thing wrong, and the verdict it must get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.histories.builder import Story
from tests.histories.stories import (
    A,
    B,
    C,
    changed,
    crash,
    died_unasked,
    healthy,
    killed_before_ready,
    left_by_one_that_was_told_to_stop,
    left_claimed,
    never_enqueued,
    one_job,
    re_enqueued,
    rows,
    run_twice,
    same_name,
    seen_before,
    sent_without,
    two_rows,
    waiting,
    without_certificate,
)
from tests.histories.wrongs import (
    acknowledged_by_the_successor,
    crashed_to_death,
    discarded_as_the_library_said,
    discarded_as_the_rows_said,
    discarded_then_cut_short,
    done_while_owed,
    effect_without_event,
    failed_after_completed,
    failing,
    known_by_a_retry_alone,
    late,
    note,
    recovered_enqueue,
    several_rows,
    started_twice,
    stopped_with_a_claim,
    stranger,
    stream_of,
    unrecorded_enqueue,
)


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
    "claimed_by_the_dead_one_of_two_of_one_name": Planted(
        same_name, "fail", A, "stranded", "dead_worker", flags=frozenset({"blocks_capacity"})
    ),
    "claimed_by_the_later_one_of_two_of_one_name": Planted(
        lambda: same_name(claimed="after"), "unknown", A, "pending", "stopped"
    ),
    "claimed_by_either_of_two_of_one_name": Planted(
        lambda: same_name(claimed="between"), "unknown", A, "ambiguous", "holder_unknown"
    ),
    "claimed_nobody_knows_when_by_one_of_two_of_one_name": Planted(
        lambda: same_name(claimed=None), "unknown", A, "ambiguous", "holder_unknown"
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
    "a_stream_that_the_run_cuts": Planted(stream_of(None), "pass"),
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

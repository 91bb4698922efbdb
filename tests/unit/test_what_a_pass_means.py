"""Nothing passes that should not: what was found to pass, and its kin, each for its own reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.report.jobs_table import job_rows
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story, Worker
from tests.histories.planted import A, B, C, left_claimed

Read = Callable[[Story], Summary]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return lambda story: analyse(story.write(tmp_path))


def attempts(story: Story, count: int) -> Story:
    story.first("run_start")["scenario"]["workers"]["max_attempts"] = count
    return story


def metered(story: Story) -> Story:
    """The same on a machine that was calm after the kill."""
    calm = {"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 900}
    sample = {"t_ns": story.first("fault_injected")["t_ns"] + 1, "subject": "hiccup", **calm}
    story.records.insert(-1, ("resource_sample", sample))
    return story


def broken(summary: Summary) -> list[str]:
    return [e.name for e in summary.expectations if e.outcome == "broken"]


def flags_of(story: Story, job: str, folder: Path) -> set[str]:
    return next(set(row["flags"]) for row in job_rows(story.write(folder)) if row["job_id"] == job)


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


# Losses that have another name


def given_up(
    *, started: bool = True, finished: str | None = None, row: str = "dead", die: str = "kill"
) -> Story:
    story = attempts(Story(), 1)
    first = story.worker()
    story.enqueue(A, B, C)
    first.run(C)
    if started:
        first.start(A)
    if finished == "completed":
        first.run(B)
    elif finished == "effect":
        first.start(B)
        first.effect(B)
    else:
        first.run(B)
    if die == "kill":
        story.kill(first, held=[A, B] if finished else [A])
    else:
        story.exit(first, "died", exit_code=1)
    second = story.worker()
    if row == "absent":
        story.see("job_discarded", A)
    story.exit(second)
    story.end({A: row, **({B: "dead"} if finished else {})})
    return story


@pytest.mark.parametrize(
    ("plant", "flag", "expectation"),
    [
        (lambda: given_up(finished="completed"), "by_crash_alone", "given_up"),
        (given_up, "by_crash_alone", "given_up"),
        (lambda: given_up(started=False), "by_crash_alone", "given_up"),
        (lambda: given_up(row="absent"), "by_crash_alone", "given_up"),
        (lambda: given_up(finished="effect"), "by_crash_alone", "given_up"),
        (lambda: given_up(die="unasked"), "unexplained", "discarded_unplanned"),
    ],
    ids=["found", "alone", "never started", "without a row", "beside an effect", "died unasked"],
)
def test_a_job_that_never_failed_and_was_given_up_breaks_an_expectation(
    plant: Callable[[], Story], flag: str, expectation: str, read: Read, tmp_path: Path
) -> None:
    summary = read(plant())

    assert broken(summary) == [expectation]
    assert flag in flags_of(plant(), A, tmp_path)
    for kill in summary.recovery:
        assert "not seen to settle" not in str(kill.last_orphan_settled_s_why)


@pytest.mark.parametrize("finished", ["completed", "effect"])
def test_a_job_that_was_done_and_that_the_queue_calls_dead_is_flagged(
    finished: str, read: Read, tmp_path: Path
) -> None:
    story = given_up(finished=finished)

    assert "dead_though_done" in flags_of(story, B, tmp_path)
    assert any("1 job dead that was done" in said for said in read(story).findings)


def test_errors_and_kills_together_use_up_the_attempts(read: Read) -> None:
    story = attempts(Story(), 2)
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    first.fail(A)
    first.start(A)
    story.kill(first, held=[A])
    story.exit(story.worker())
    story.end({A: "dead"})

    assert broken(read(story)) == []


# Nearly nothing ran


def refused(*job_ids: str, story: Story | None = None, outcome: str = "rejected") -> Story:
    story = story or Story()
    worker = story.worker()
    story.enqueue("j000009")
    worker.run("j000009")
    for job_id in job_ids:
        told = {"job_id": job_id, "outcome": outcome, "intended_ns": 1, "sent_ns": 2}
        story.record("enqueue_failed", **told, error="full")
        story.planned.add(job_id)
    story.exit(worker)
    return story


def buried(jobs: int, *, error: str | None = None) -> Story:
    """A queue that calls its jobs dead."""
    story = Story()
    worker = story.worker()
    names = [f"j{number:06d}" for number in range(jobs)]
    story.enqueue(*names)
    worker.run(names[0])
    for job_id in names[1:]:
        if error is not None:
            worker.start(job_id)
            worker.fail(job_id, error_class=error)
    story.exit(worker)
    story.end(dict.fromkeys(names[1:], "dead"))
    return story


def failed_once(*, stop_before: bool, provider_stalls: bool = False) -> Story:
    """A fails as no plan foresaw, and then succeeds."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    if stop_before:
        story.record("note", code="phase", detail={"phase": "stop"})
    worker.fail(A, error_class="unplanned")
    if not stop_before:
        story.record("note", code="phase", detail={"phase": "stop"})
    if provider_stalls:
        story.record("note", code="provider_stalled", detail={"stalled_s": 1.0})
    worker.run(A)
    story.exit(worker)
    story.end()
    return story


def with_ends(story: Story, rows: dict[str, str], stream: int) -> Story:
    story.end(rows)
    story.first("run_end")["stream_jobs"] = stream
    return story


@pytest.mark.parametrize(
    ("plant", "names"),
    [
        (lambda: with_ends(refused(A, B), {A: "none", B: "none"}, 0), ["refused"]),
        (lambda: buried(5), ["discarded_unplanned"]),
        (lambda: buried(3, error="transient"), ["discarded_unplanned"]),
        (
            lambda: buried(3, error="unplanned"),
            ["discarded_unplanned", "unplanned_failures"],
        ),
        (lambda: failed_once(stop_before=False), ["unplanned_failures"]),
        (
            lambda: with_ends(refused(A, outcome="indeterminate"), {A: "none"}, 0),
            ["never_seen"],
        ),
    ],
    ids=["refused", "buried", "given up early", "statement timeout", "one failure", "never seen"],
)
def test_a_run_in_which_jobs_did_not_run_does_not_pass(
    plant: Callable[[], Story], names: list[str], read: Read
) -> None:
    assert broken(read(plant())) == names


def test_an_error_for_good_is_a_reason_to_give_a_job_up(read: Read) -> None:
    assert broken(read(buried(3, error="permanent"))) == []


def test_what_fails_once_the_stop_was_asked_for_is_nobodys_failure(read: Read) -> None:
    assert broken(read(failed_once(stop_before=True))) == []


def test_failures_beside_a_stalled_provider_are_an_open_question(read: Read) -> None:
    assert read(failed_once(stop_before=False, provider_stalls=True)).verdict == "unknown"


@pytest.mark.parametrize(("answers", "names"), [((A,), []), ((A, B), ["refused"])])
def test_with_keys_what_counts_is_the_key_that_nobody_got_in(
    answers: tuple[str, ...], names: list[str], read: Read
) -> None:
    """j000000 and j000001 bear one key, j000002 and j000003 the next."""
    story = Story(workload={"dedup": {"enqueuers": 2}})
    worker = story.worker()
    story.enqueue(*{A, B, C} - set(answers), "j000003")
    for job_id in answers:
        told = {"job_id": job_id, "outcome": "rejected", "intended_ns": 1, "sent_ns": 2}
        story.record("enqueue_failed", **told)
        story.planned.add(job_id)
    for job_id in sorted(story.planned - set(answers)):
        worker.run(job_id)
    story.exit(worker)
    story.end(dict.fromkeys(answers, "none"))

    assert broken(read(story)) == names


@pytest.mark.parametrize(
    ("children", "completed", "names"),
    [((0, 1), True, []), ((0,), True, ["missing_children"]), ((0,), False, [])],
)
def test_a_completed_coordinators_children_are_all_there(
    children: tuple[int, ...], completed: bool, names: list[str], read: Read
) -> None:
    mix = {"daily_coordinator": 0.5, "entity_update": 0.5}
    story = Story(workload={"fan_out": 2, "mix": mix})
    worker = story.worker()
    story.enqueue(A, kind="daily_coordinator")
    worker.start(A)
    for place in children:
        story.enqueue(f"{A}/{place}", by=worker)
    if completed:
        worker.complete(A)
    for place in children:
        worker.run(f"{A}/{place}")
    story.exit(worker)
    story.end({} if completed else {A: "queued"})

    assert broken(read(story)) == names


@pytest.mark.parametrize("seen", ["row", "run"])
def test_a_job_that_was_rejected_and_yet_was_in_voids_the_run(seen: str, read: Read) -> None:
    story = refused(A)
    if seen == "run":
        again = story.worker(1)
        again.run(A)
        story.exit(again)
    story.end()
    summary = read(story)

    assert summary.verdict == "invalid"
    assert any("rejected, and yet the queue had them: j000000" in r for r in summary.reasons)


# A promise not kept


@pytest.mark.parametrize(
    ("after_s", "within", "verdict"),
    [
        (4.5, True, "pass"),
        (4.55, True, "pass"),
        (4.65, False, "pass"),
        (5.4, False, "pass"),
        (5.6, False, "fail"),
    ],
)
def test_a_bound_is_missed_a_tenth_of_a_second_behind_it_and_broken_behind_the_margin(
    after_s: float, within: bool, verdict: str, read: Read
) -> None:
    """The bound is 3 + 1 + 0.5 s, the margin 1 s."""
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    first.start(A)
    first.start(B)
    story.kill(first, held=[A, B])
    second = story.worker()
    kill_ns = story.first("fault_injected")["t_ns"]
    story.now_ns = kill_ns + round(after_s * 1e9) - 1_000_000
    second.run(A)
    story.wait(2)
    second.run(B)
    story.exit(second)
    story.end()
    summary = read(metered(story))
    (kill,) = summary.recovery

    assert kill.within_bound is within
    assert kill.last_orphan_pickup_s == pytest.approx(after_s + 2.002, abs=0.01)
    assert any("later than the 4.5 s expected" in said for said in summary.findings) is not within
    assert summary.verdict == verdict, summary.reasons


def test_a_late_orphan_on_a_machine_that_nobody_watched_is_an_open_question(read: Read) -> None:
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

    assert read(story).verdict == "unknown"
    assert broken(read(metered(story))) == ["late_first_orphans"]


# Nobody to rescue


def left_with(story: Story, victim: Worker, wait_s: float = 30) -> Story:
    story.wait(wait_s)
    story.row(A, "claimed", claimed_by=victim.identity)
    story.end()
    return story


def orphan(*slots: int) -> tuple[Story, list[Worker]]:
    """A is open in the worker of slot 0 when that is killed."""
    story = Story()
    workers = [story.worker(slot) for slot in (0, *slots)]
    story.enqueue(A)
    workers[0].start(A)
    story.kill(workers[0], held=[A])
    return story, workers


def successor_lives(seconds: float | None, end: str = "kill") -> Story:
    """None = it never comes to be."""
    story, (victim,) = orphan()
    if seconds is not None:
        second = story.worker()
        story.wait(seconds)
        if end == "kill":
            story.kill(second)
        else:
            story.exit(second, "died", exit_code=1)
    return left_with(story, victim)


def never_ready() -> Story:
    story, (victim,) = orphan()
    story.kill(story.worker(ready=False))
    return left_with(story, victim)


def a_crash_loop() -> Story:
    story, (victim,) = orphan()
    for _ in range(3):
        second = story.worker()
        story.wait(0.3)
        story.kill(second)
    return left_with(story, victim)


def both_at_once() -> Story:
    story, (victim, other) = orphan(1)
    story.kill(other)
    return left_with(story, victim)


@pytest.mark.parametrize(
    "plant",
    [
        lambda: successor_lives(1.5),
        lambda: successor_lives(None),
        lambda: successor_lives(1.5, "unasked"),
        lambda: successor_lives(4.0),
        never_ready,
        a_crash_loop,
        both_at_once,
    ],
    ids=["found", "none came", "died unasked", "no look", "never ready", "loop", "both at once"],
)
def test_where_nobody_could_rescue_nothing_is_held_against_the_queue(
    plant: Callable[[], Story], read: Read
) -> None:
    summary = read(plant())

    assert summary.jobs.pending_by_reason == {"no_worker": 1}
    assert (summary.verdict, summary.jobs.stranded) == ("unknown", 0), summary.reasons
    assert any("no other lived long enough" in reason for reason in summary.reasons)


def test_a_worker_that_lived_through_a_look_should_have_rescued(read: Read) -> None:
    summary = read(successor_lives(4.6))

    assert (summary.verdict, summary.jobs.stranded) == ("fail", 1)


def test_a_survivor_should_have_rescued_though_the_slot_stayed_empty(read: Read) -> None:
    story, (victim, survivor) = orphan(1)
    story.wait(6)
    story.exit(survivor)
    summary = read(left_with(story, victim))

    assert (summary.verdict, summary.jobs.stranded) == ("fail", 1)
    assert summary.recovery[0].predicted_bound_s == 4.5


def test_a_bound_counts_from_the_first_worker_that_outlives_the_lease(read: Read) -> None:
    story, _ = orphan()
    story.kill(story.worker())
    story.wait(6)
    third = story.worker()
    third.run(A)
    story.exit(third)
    story.end()
    kill = read(story).recovery[0]
    ready_s = (story.first("child_ready", incarnation=2)["t_ns"] - kill.kill_sent_ns) / 1e9

    assert kill.predicted_bound_s == pytest.approx(ready_s + 1.5, abs=1e-6)
    assert kill.within_bound is True
    assert kill.expected_first_orphan_s == pytest.approx(ready_s, abs=1e-6)


def test_what_a_worker_that_ignored_the_stop_still_claims_is_pending(read: Read) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    story.exit(worker, "stop_ignored", signal=9)
    summary = read(left_with(story, worker))

    assert summary.jobs.pending_by_reason == {"stopped": 1}
    assert summary.verdict == "unknown"


@pytest.mark.parametrize("wait_s", [0, 30])
def test_a_preset_that_never_rescues_fails_by_what_it_left_behind(
    wait_s: float, read: Read
) -> None:
    summary = read(left_claimed(wait_s, rescue=None))

    assert broken(summary) == ["stranded"]
    assert "never rescues" in summary.reasons[0]


def test_the_queue_that_duplicates_nothing_passes_a_kill(read: Read) -> None:
    story, _ = orphan()
    story.wait(3)
    second = story.worker()
    second.run(A)
    story.exit(second)
    story.end()

    assert read(story).verdict == "pass"


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


# What the kill cost


@pytest.mark.parametrize(
    ("before", "after", "costs", "used_up"),
    [(1, 2, "yes", 1), (0, 0, "no", 0), (None, None, "unknown", None), (None, 2, "unknown", None)],
)
def test_a_rescue_costs_an_attempt_where_the_librarys_count_rises(
    before: int | None, after: int | None, costs: str, used_up: int | None, read: Read
) -> None:
    story, _ = orphan()
    story.wait(3)
    second = story.worker()
    second.run(A)
    for incarnation, count in enumerate((before, after)):
        if count is not None:
            story.first("job_started", incarnation=incarnation)["library_attempt"] = count
    story.exit(second)
    story.end()
    (kill,) = read(story).recovery

    assert (kill.rescue_costs_attempt, kill.attempts_used_up) == (costs, used_up)


def test_the_age_of_what_had_finished_and_was_not_acknowledged_is_told(read: Read) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A, B, C)
    for job_id in (A, B, C):
        first.run(job_id)
        story.wait(0.5)
    story.kill(first, held=[A, B])
    second = story.worker()
    for job_id in (A, B):
        second.run(job_id)
    story.exit(second)
    story.end()
    (kill,) = read(story).recovery

    assert kill.unacknowledged_age_s == pytest.approx([1.005, 1.508], abs=0.02)

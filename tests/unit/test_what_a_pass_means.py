"""Nothing passes that should not: what was found to pass, and its kin, each for its own reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.histories.builder import Story
from tests.histories.stories import A, B, C
from tests.unit.stories_read import Read, attempts, broken, flags_of

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

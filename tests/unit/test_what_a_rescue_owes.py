"""What is held against a queue that is to rescue: its bound, who could, and what it cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.histories.builder import Story, Worker
from tests.histories.stories import A, B, C, left_claimed
from tests.unit.stories_read import Read, broken, metered

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

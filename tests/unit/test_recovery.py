"""What is measured of a kill: when it was over, and what it found."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.evidence.incarnations import load_incarnations
from analysis.history.history import Records
from analysis.metrics.kill_types import FoundInFlight
from analysis.section import seconds
from orchestrator.history.records import ChildSpawned
from tests.histories.builder import Story
from tests.histories.stories import A, B, crash, left_claimed
from tests.unit.stories_read import Read
from worker_child.protocol import ChildReady


def since_kill(story: Story, kind: str, **wanted: Any) -> float:
    kill_ns = story.first("fault_injected")["t_ns"]
    return seconds(story.first(kind, **wanted)["t_ns"] - kill_ns)


def test_every_instant_counts_from_the_signal(read: Read) -> None:
    story = crash()
    (found,) = read(story).recovery
    ready_s = since_kill(story, "child_ready", incarnation=1)
    resumed_s = since_kill(story, "job_started", incarnation=1)
    spawned_s = since_kill(story, "child_spawned", incarnation=1)

    assert found.reaped_s == 0.000001
    assert found.sessions_gone_s == 0.000003
    assert found.respawned_s == spawned_s
    assert found.ready_s == ready_s
    assert found.time_to_resume_s == resumed_s
    assert found.resume_after_respawn_s == round(resumed_s - spawned_s, 6)
    assert found.resume_after_ready_s == round(resumed_s - ready_s, 6)
    assert found.first_orphan_pickup_s == resumed_s
    assert found.last_orphan_settled_s == since_kill(
        story, "job_completed", incarnation=1, job_id=B
    )
    assert found.expected_first_orphan_s == 3.0
    assert found.survivor_next_pickup_s is None


def test_the_kill_found_each_job_in_its_phase(read: Read) -> None:
    story = Story()
    first = story.worker()
    jobs = [f"j{number:06d}" for number in range(5)]
    story.enqueue(*jobs)
    _, started, effect_done, finished, failed = jobs
    first.start(started)
    first.start(effect_done)
    first.effect(effect_done)
    first.run(finished)
    first.start(failed)
    first.fail(failed)
    story.kill(first, held=jobs)
    second = story.worker()
    for job_id in jobs:
        second.run(job_id)
    story.exit(second)
    story.end()
    summary = read(story)
    found = summary.recovery[0].found

    assert found == FoundInFlight(
        claimed=1,
        started=1,
        effect_done=1,
        finished_unacknowledged=1,
        failed_unacknowledged=1,
        raced=False,
    )
    assert summary.recovery[0].orphans == 5
    assert summary.crash.integrity_surface_at_kill == 5


def test_what_still_bears_the_dead_identity_in_a_raced_read_is_an_orphan_all_the_same(
    read: Read,
) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    first.start(A)
    first.run(B)
    story.kill(first, held=[A, B], raced=True)
    second = story.worker()
    for job_id in (A, B):
        second.run(job_id)
    story.exit(second)
    story.end()
    summary = read(story)
    found = summary.recovery[0].found

    assert found.started == 1
    assert found.claimed == 0
    assert found.finished_unacknowledged == 1
    assert found.raced
    assert "raced" in str(found.why)
    assert summary.recovery[0].orphans == 2
    assert summary.crash.integrity_surface_at_kill is None
    assert "raced" in str(summary.crash.integrity_surface_at_kill_why)
    assert summary.crash.duplicates_by_crash == 1


@pytest.mark.parametrize(
    ("read_ns", "claimed_ns", "whose"),
    [
        (50, None, [0]),
        (150, None, [0]),
        (150, 120, [0]),
        (199, 190, [0]),
        (250, None, [0, 1]),
        (250, 150, [0]),
        (250, 179, [0]),
        (250, 180, [0, 1]),
        (250, 199, [0, 1]),
        (250, 200, [1]),
        (250, 240, [1]),
        (350, 240, [1]),
        (350, None, [0, 1, 2]),
        (350, 290, [1, 2]),
        (350, 50, [0]),
    ],
)
def test_a_name_that_several_bore_is_whose_that_was_ready_when_the_row_was_claimed(
    read_ns: int, claimed_ns: int | None, whose: list[int]
) -> None:
    ready = [ChildReady(t, 0, 0, n, 1, "fixed") for n, t in enumerate((100, 200, 300))]
    spawned = [ChildSpawned(t, 0, n, 1, "worker", "cb") for n, t in enumerate((80, 180, 280))]
    incarnations = load_incarnations(
        Records({ChildReady: ready[::-1], ChildSpawned: spawned}), None
    )

    holders = incarnations.holders("fixed", read_ns, claimed_ns)

    assert [holder.number for holder in holders] == whose
    assert incarnations.holders("another", read_ns, claimed_ns) == ()


def test_a_survivor_in_another_slot_is_timed(read: Read) -> None:
    story = Story()
    victim, survivor = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    victim.start(A)
    story.kill(victim, held=[A])
    survivor.run(B)
    story.wait(3)
    survivor.run(A)
    story.exit(survivor)
    story.end()
    (found,) = read(story).recovery

    assert found.survivor_next_pickup_s == since_kill(story, "job_started", job_id=B)
    assert found.time_to_resume_s is None
    assert found.time_to_resume_s_why
    assert found.predicted_bound_s == 4.5


def test_an_orphan_that_never_settles_leaves_the_figure_null(read: Read) -> None:
    (found,) = read(left_claimed(10)).recovery

    assert found.last_orphan_settled_s is None
    assert found.last_orphan_settled_s_why == "none of 1 orphans was taken up again"


@pytest.mark.parametrize(
    ("ready_s", "bound_s"), [(None, None), (1.0, 4.5), (3.0, 4.5), (7.25, 8.75)]
)
def test_the_bound_waits_for_the_lease_or_the_worker(
    ready_s: float | None, bound_s: float | None, read: Read
) -> None:
    story = Story()
    first = story.worker()
    story.kill(first)
    if ready_s is not None:
        story.worker()
        kill_ns = story.first("fault_injected")["t_ns"]
        story.first("child_ready", incarnation=1)["t_ns"] = kill_ns + round(ready_s * 1e9)
    story.end()
    (found,) = read(story).recovery

    assert found.predicted_bound_s == bound_s


@pytest.mark.parametrize(
    ("meter", "limited"),
    [
        ({"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 900}, False),
        ({"ticks": 1000, "ticks_over_50_ms": 2, "max_us": 60_000}, True),
        ({"ticks": 9000, "ticks_over_50_ms": 1, "max_us": 500_001}, True),
        (None, None),
    ],
)
def test_a_stalled_machine_marks_the_timings(
    meter: dict[str, int] | None, limited: bool | None, read: Read
) -> None:
    story = crash()
    if meter is not None:
        end = story.records.pop()
        story.record("resource_sample", subject="hiccup", **meter)
        story.records[-1][1]["t_ns"] = story.first("fault_injected")["t_ns"] + 500_000_000
        story.records.append(end)
    summary = read(story)

    assert summary.recovery[0].machine_limited is limited
    assert summary.latency_ms.pickup.machine_limited is limited
    assert summary.verdict == "pass"


def test_a_producer_that_woke_late_marks_the_latencies(read: Read) -> None:
    story = crash()
    story.first("run_end")["max_lateness_us"] = 50_001

    assert read(story).latency_ms.total.machine_limited is True

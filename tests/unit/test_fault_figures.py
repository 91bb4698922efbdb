"""The figures of each fault, whatever its sort, and what a maintainer may expect of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.metrics.faults import FaultFound
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story, Worker
from tests.histories.stories import A, B, C, crash, healthy


def stalled(
    *, idle_s: int = 0, counts: tuple[int, int] | None = None, works: bool = True, **options: Any
) -> Story:
    """A runs in the first worker, which stands still for 4 s; the second takes it; B comes when all
    flows again, and waits so long."""
    story = Story(**options)
    first, second = story.worker(0), story.worker(1)
    story.enqueue(A)
    story.snapshot()
    first.start(A)
    story.stall(first, 4)
    taken = [f for kind, f in story.records if kind == "job_started"]
    second.start(A)
    second.complete(A)
    for fields in [f for _, f in story.records if f.get("slot") == 1 and "job_id" in f]:
        fields["t_ns"] -= 2_000_000_000
    taken = [f for kind, f in story.records if kind == "job_started"]
    if counts is not None:
        for fields, count in zip(taken, counts, strict=True):
            fields["library_attempt"] = count
    first.complete(A)
    story.exit(second)
    wait(story, first, idle_s, works=works)
    return story


def wait(story: Story, worker: Worker, idle_s: int, *, works: bool) -> None:
    story.enqueue(B)
    for _ in range(idle_s):
        story.snapshot(1)
        story.wait(1)
    story.snapshot(1)
    if works:
        worker.run(B)
    story.snapshot()
    story.phase("stop")
    story.exit(worker)
    story.end({} if works else {B: "queued"})


def only(story: Story, folder: Path) -> tuple[FaultFound, Summary]:
    summary = analyse(story.write(folder))
    (fault,) = summary.faults
    return fault, summary


def test_a_stall_has_its_length_and_the_time_to_first_work_after_it(tmp_path: Path) -> None:
    fault, _ = only(stalled(), tmp_path)
    assert (fault.what, fault.slots) == ("stall", (0,))
    assert fault.lasted_s == pytest.approx(4, abs=0.01)
    assert fault.first_work_s is not None and 0 < fault.first_work_s < 0.05
    assert (fault.live_taken, fault.complete) == (1, True)


def test_it_says_why_nobody_started_a_job_after_it(tmp_path: Path) -> None:
    fault, _ = only(stalled(works=False), tmp_path)
    assert (fault.first_work_s, fault.first_work_s_why) == (None, "nobody started a job after it")


def test_alive_and_idle_counts_from_its_beginning_and_not_before(tmp_path: Path) -> None:
    fault, summary = only(stalled(idle_s=5), tmp_path)
    assert fault.alive_and_idle_s == pytest.approx(5, abs=0.05)
    assert summary.crash.alive_and_idle_s == fault.alive_and_idle_s
    early = Story()
    worker = early.worker()
    early.enqueue(A)
    for _ in range(5):
        early.snapshot(1)
        early.wait(1)
    early.snapshot(1)
    worker.run(A)
    early.snapshot()
    early.kill(worker)
    wait(early, early.worker(), 0, works=True)
    fault, summary = only(early, tmp_path)
    assert fault.alive_and_idle_s == 0
    assert summary.crash.alive_and_idle_s == pytest.approx(5, abs=0.05)


@pytest.mark.parametrize(
    ("counts", "used_up", "costs"),
    [((1, 2), 1, "yes"), ((1, 1), 0, "no"), (None, None, "not_told")],
)
def test_whether_a_job_that_is_taken_costs_an_attempt_its_own_count_says(
    counts: tuple[int, int] | None, used_up: int | None, costs: str, tmp_path: Path
) -> None:
    fault, summary = only(stalled(counts=counts), tmp_path)
    assert (fault.attempts_used_up, fault.rescue_costs_attempt) == (used_up, costs)
    assert (summary.crash.attempts_used_up, summary.crash.rescue_costs_attempt) == (used_up, costs)


def test_a_kill_lasts_until_its_slot_is_filled_and_takes_no_live_job(tmp_path: Path) -> None:
    fault, summary = only(crash(), tmp_path)
    (kill,) = summary.recovery
    assert (fault.what, fault.lasted_s, fault.live_taken) == ("kill", kill.respawned_s, 0)
    assert fault.first_work_s == kill.resume_after_respawn_s


def test_a_run_without_a_fault_has_none(tmp_path: Path) -> None:
    assert analyse(healthy().write(tmp_path)).faults == ()


# Expectations


@pytest.mark.parametrize(
    ("expected", "options", "outcome"),
    [
        ({"duplicates_live": 1}, {}, "met"),
        ({"duplicates_live": 0}, {}, "broken"),
        ({"max_alive_and_idle_s": 6}, {"idle_s": 5}, "met"),
        ({"max_alive_and_idle_s": 4}, {"idle_s": 5}, "unknown"),
        ({"max_first_work_s": 1}, {}, "met"),
        ({"max_first_work_s": 1}, {"idle_s": 3}, "unknown"),
        ({"max_first_work_s": 1}, {"works": False, "idle_s": 3}, "unknown"),
        ({"max_first_work_s": 100}, {"works": False, "idle_s": 3}, "unknown"),
    ],
)
def test_a_maintainer_can_set_them(
    expected: dict[str, float], options: dict[str, Any], outcome: str, tmp_path: Path
) -> None:
    """Nobody watched the machine here: a time that is too long may have been its doing."""
    (name,) = expected
    _, summary = only(stalled(expectations=expected, **options), tmp_path)
    assert {e.name: e.outcome for e in summary.expectations}[name] == outcome


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        ({"max_alive_and_idle_s": 4}, {"idle_s": 5}),
        ({"max_first_work_s": 1}, {"idle_s": 3}),
        ({"max_first_work_s": 1}, {"works": False, "idle_s": 3}),
    ],
)
def test_on_a_machine_that_was_watched_a_time_that_is_too_long_is_broken(
    expected: dict[str, float], options: dict[str, Any], tmp_path: Path
) -> None:
    story = stalled(expectations=expected, **options)
    first_ns, last_ns = story.records[0][1]["t_ns"], story.records[-1][1]["t_ns"]
    for second in range(-1, 2 + (last_ns - first_ns) // 1_000_000_000):
        tick = {"ticks": 200, "ticks_over_50_ms": 0, "max_us": 100}
        story.record("resource_sample", subject="hiccup", **tick)["t_ns"] = (
            first_ns + second * 1_000_000_000
        )
    story.records.sort(key=lambda record: (record[0] == "run_end", record[0] != "run_start"))
    (name,) = expected
    _, summary = only(story, tmp_path)
    assert {e.name: e.outcome for e in summary.expectations}[name] == "broken"


def test_without_a_fault_there_is_no_first_work_to_expect(tmp_path: Path) -> None:
    story = healthy()
    story.first("run_start")["scenario"]["expectations"]["max_first_work_s"] = 1
    summary = analyse(story.write(tmp_path))
    assert {e.name: e.outcome for e in summary.expectations}["max_first_work_s"] == "not_applicable"
    assert {A, B, C} == story.planned

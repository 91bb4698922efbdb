"""What a history says of jobs that kill their worker, and which of it is a lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story, Worker

JOBS = [f"j{index:06d}" for index in range(8)]
A, POISON = JOBS[0], JOBS[3]


def told(deaths: int = 3, **expectations: Any) -> Story:
    """A stream of eight, of which one is poison; the others are done before it comes."""
    story = Story(expectations={"poison_comes_back": 0, **expectations})
    story.poisoned(POISON, deaths)
    story.enqueue(*JOBS)
    return story


def done_but(story: Story, *left: str) -> Worker:
    worker = story.worker()
    for job_id in JOBS:
        if job_id not in left:
            worker.run(job_id)
    return worker


def given_up(neighbour: bool = True) -> Story:
    """It kills two workers, the first with another job in flight, and is then dead in its row."""
    story = told()
    worker = done_but(story, A, POISON)
    worker.start(A)
    worker.start(POISON)
    second = story.die(worker, POISON, held=[A, POISON])
    story.wait(1)
    second.run(A)
    second.start(POISON)
    third = story.die(second, POISON, held=[POISON])
    story.wait(8)
    story.phase("stop")
    story.exit(third)
    story.end({POISON: "dead"})
    return story


def comes_back() -> Story:
    """Two deaths are allowed, and then it waits until its worker is told to stop."""
    story = told(deaths=2)
    worker = done_but(story, POISON)
    for _ in range(2):
        worker.start(POISON)
        worker = story.die(worker, POISON, held=[POISON])
        story.wait(4)
    worker.start(POISON)
    worker.announce(POISON)
    story.phase("stop")
    story.exit(worker)
    story.row(POISON, "claimed", claimed_by=worker.identity)
    story.end()
    return story


def of(story: Story, folder: Path) -> Summary:
    return analyse(story.write(folder))


def test_a_poison_that_is_given_up_passes_and_says_what_its_neighbour_lost(tmp_path: Path) -> None:
    summary = of(given_up(), tmp_path)
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert summary.poison is not None
    (job,) = summary.poison.jobs
    assert (job.job_id, job.executions, job.deaths, job.fate) == (POISON, 2, 2, "given_up")
    beside = summary.poison.neighbours
    assert (beside.hit, beside.run_again, beside.duplicated, beside.given_up) == (1, 1, 0, 0)
    assert beside.longest_delay_s is not None and 1 < beside.longest_delay_s < 2
    assert summary.crash.given_up == 0, "that is of jobs that should have been done"
    assert (summary.poison.deaths, summary.poison.deaths_at_most) == (2, 3)
    says = f"Poison {POISON}: it was started 2 times and killed its worker 2 times, then the queue"
    assert any(finding.startswith(says) for finding in summary.findings)


def test_a_poison_that_comes_back_until_all_deaths_are_used_up_fails_by_that_alone(
    tmp_path: Path,
) -> None:
    summary = of(comes_back(), tmp_path)
    assert summary.verdict == "fail"
    (reason,) = summary.reasons
    assert reason.startswith("Expected poison_comes_back = 0, found 1: broken")
    assert summary.poison is not None
    (job,) = summary.poison.jobs
    assert (job.executions, job.deaths, job.fate) == (3, 2, "comes_back")


def test_a_neighbour_that_is_given_up_by_a_poison_fails(tmp_path: Path) -> None:
    story = given_up()
    story.drop("job_completed", job_id=A)
    story.drop("job_started", job_id=A, slot=0, incarnation=1)
    for place, name in enumerate(("child_ready", "job_started", "job_dying")):
        story.first(name, incarnation=1)["n"] = place
    for name in ("job_started", "job_dying"):
        story.first(name, incarnation=1)["execution"] = 1
    story.first("fault_injected", fault=1)["parts"]["execution"] = 1
    story.first("child_exited", incarnation=1)["events"] = 3
    story.first("row_read", read="final", job_id=A).update(state="dead", effects=[])
    summary = of(story, tmp_path)
    assert summary.verdict == "fail", summary.reasons
    assert any(reason.startswith("Expected given_up = 0, found 1") for reason in summary.reasons)
    assert summary.poison is not None and summary.poison.neighbours.given_up == 1


def left_in_the_queue(waits_s: float = 0.0) -> Story:
    """One death, and the run ends before anybody could know whether it comes back. The word came so
    long after it was asked for."""
    story = told()
    worker = done_but(story, POISON)
    worker.start(POISON)
    begun_ns = story.now_ns
    story.wait(waits_s)
    last = story.die(worker, POISON, held=[POISON])
    if waits_s:
        story.first("job_dying")["t_ns"] = begun_ns + 1
        story.first("fault_injected")["parts"]["announced_ns"] = begun_ns + 1
    story.phase("stop")
    story.exit(last)
    story.row(POISON, "queued")
    story.end()
    return story


def test_a_poison_that_was_left_in_the_queue_leaves_it_open_whether_it_comes_back(
    tmp_path: Path,
) -> None:
    summary = of(left_in_the_queue(), tmp_path)
    assert summary.verdict == "unknown", summary.reasons
    assert any("and may yet come back" in reason for reason in summary.reasons)


# Nobody lies


def another_job(story: Story) -> None:
    """A job of which the plan says nothing announces the death."""
    for kind in ("job_dying", "job_started"):
        for name, fields in story.records:
            if name == kind and fields["job_id"] == POISON:
                fields["job_id"] = JOBS[4] if kind == "job_dying" else POISON
    for name, fields in story.records:
        if name == "fault_injected":
            fields["parts"]["job_id"] = JOBS[4]


def unannounced(story: Story) -> None:
    """A worker dies and its job's announcement is missing."""
    said = story.first("job_dying", incarnation=0)
    story.drop("job_dying", incarnation=0)
    story.first("child_exited", incarnation=0)["events"] = said["n"]


def by_nobody(story: Story) -> None:
    """The last worker is killed by somebody's SIGKILL."""
    left = story.first("child_exited", incarnation=2)
    left.update(reason="died", signal=9)
    del left["exit_code"]


def completed(story: Story) -> None:
    """It comes to its end in the worker that it was to kill."""
    story.first("job_dying", incarnation=1)
    for name, fields in list(story.records):
        if name == "job_dying" and fields["incarnation"] == 1:
            place = story.records.index((name, fields))
            story.records[place] = ("job_completed", fields)


def lived_on(story: Story) -> None:
    """The second worker never was given the word, and stops with all others."""
    story.records = [
        (name, fields)
        for name, fields in story.records
        if not (fields.get("fault") == 1 or fields.get("after_fault") == 1)
        and fields.get("incarnation") != 2
    ]
    stop = [fields.get("detail") for _, fields in story.records].index({"phase": "stop"})
    story.records.insert(
        stop + 1,
        (
            "child_exited",
            {
                "t_ns": story.records[stop][1]["t_ns"] + 1000,
                "slot": 0,
                "incarnation": 1,
                "pid": 101,
                "reason": "stopped",
                "exit_code": 0,
                "events": 5,
            },
        ),
    )


def too_early(story: Story) -> None:
    """The word came before the announcement."""
    sent = story.first("fault_injected", fault=0)
    sent["parts"]["announced_ns"] = sent["t_ns"] + 1
    story.first("job_dying", incarnation=0)["t_ns"] = sent["t_ns"] + 1


def not_killed(story: Story) -> None:
    """The worker left by itself."""
    for kind in ("child_exited", "fault_ended"):
        line = story.first(kind, fault=0)
        line = line["parts"] if kind == "fault_ended" else line
        line.update(signal=15)


LIES: dict[str, tuple[Callable[[Story], None], str]] = {
    "another job": (another_job, f"{JOBS[4]} announced that it kills its worker; its plan does"),
    "unannounced": (unannounced, "Poison 1: no job announced the death that it names."),
    "by nobody": (by_nobody, "incarnation 2 was killed by SIGKILL, and no job had announced it."),
    "completed": (completed, f"Jobs that kill their worker completed: {POISON}."),
    "lived on": (lived_on, "incarnation 1 ran a job that kills its worker, and did not die of it."),
    "too early": (too_early, "the word came before the job had announced its worker's death"),
    "not killed": (not_killed, "the wait status is not SIGKILL"),
}
"""By a name: what is changed in the history of a poison that is given up, and what that makes
invalid."""


@pytest.mark.parametrize(("waits_s", "verdict"), [(4.9, "unknown"), (5.1, "invalid")])
def test_a_job_that_was_kept_waiting_for_the_word_voids_the_run(
    waits_s: float, verdict: str, tmp_path: Path
) -> None:
    summary = of(left_in_the_queue(waits_s), tmp_path)
    assert summary.verdict == verdict, summary.reasons
    said = "Poison 1: its job was given the word long after it had asked." in summary.reasons
    assert said is (verdict == "invalid")


@pytest.mark.parametrize("lie", LIES)
def test_a_death_that_was_none_or_nobodys_makes_the_run_invalid(lie: str, tmp_path: Path) -> None:
    change, says = LIES[lie]
    story = given_up()
    change(story)
    summary = of(story, tmp_path)
    assert summary.verdict == "invalid", summary.reasons
    assert any(says in reason for reason in summary.reasons), summary.reasons

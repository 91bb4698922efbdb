"""The final read of rows and effects, where one thing more or less turns a check of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks.final_read import CHECKS
from analysis.history.load import load
from tests.histories.altered import harm_server, kill_read, read_at_nought
from tests.histories.builder import Fields, Story
from tests.histories.right import finished
from tests.histories.stories import A, B, C, healthy

Change = Callable[[Story], object]


def said(story: Story, folder: Path) -> list[str]:
    history = load(story.write(folder))
    return [sentence for check in CHECKS for sentence in check(history)]


def final_rows(story: Story, job_id: str | None = None) -> list[Fields]:
    """The lines of the final read that name a job, or this one."""
    return [
        fields
        for kind, fields in story.records
        if kind == "row_read"
        and fields["read"] == "final"
        and "job_id" in fields
        and job_id in (None, fields["job_id"])
    ]


def closing(story: Story) -> Fields:
    return next(
        fields
        for kind, fields in story.records
        if kind == "row_read" and fields["read"] == "final" and "job_id" not in fields
    )


def closed_twice(story: Story) -> None:
    story.records.insert(-1, ("row_read", dict(closing(story))))


def with_rows(*more: tuple[str, dict[str, Any]]) -> Story:
    """A, B and C are done and have a row each; the final read has these lines besides."""
    story = healthy()
    for job_id, fields in more:
        story.records.insert(
            -2,
            (
                "row_read",
                {"t_ns": closing(story)["t_ns"], "read": "final", "job_id": job_id, **fields},
            ),
        )
        closing(story)["lines"] += 1
    return story


TWICE = "The final read has one row twice: {}."
BOTH = "The final read has no row and a row: {}."


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], []),
        ([(B, {"state": "done", "inbox_id": f"row-{B}"})], [TWICE.format(B)]),
        ([(B, {"state": "done", "inbox_id": "another"})], []),
        ([(B, {"state": "done", "inbox_id": f"row-{A}"})], []),
        ([(B, {"state": "absent"})], [BOTH.format(B)]),
        ([(B, {"state": "done", "inbox_id": "another"}), ("j000003", {"state": "absent"})], []),
        ([("j000003", {"state": "absent"})], []),
    ],
)
def test_a_row_is_read_once_and_a_job_has_rows_or_none(
    more: list[tuple[str, dict[str, Any]]], told: list[str], tmp_path: Path
) -> None:
    assert said(with_rows(*more), tmp_path) == told


def test_a_final_read_without_a_row_has_none_twice(tmp_path: Path) -> None:
    story = Story()
    story.end()
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("job_id", [A, B, C])
def test_the_job_is_named_whose_effect_was_read_twice(job_id: str, tmp_path: Path) -> None:
    """The second line with the effect is no neighbour of the first."""
    story = healthy()
    (effect,) = final_rows(story, job_id)[0]["effects"]
    place = next(n for n, (_, f) in enumerate(story.records) if f is closing(story))
    again = {**final_rows(story, job_id)[0], "inbox_id": "another", "effects": [effect]}
    story.records.insert(place, ("row_read", again))
    assert said(story, tmp_path) == [f"The final read has one effect row twice: {job_id}."]


def test_rows_that_are_absent_and_have_a_name_are_told(tmp_path: Path) -> None:
    story = healthy()
    final_rows(story, B)[0]["state"] = "absent"
    final_rows(story, C)[0].update(state="absent", inbox_id=None)
    assert said(story, tmp_path) == [f"Rows were read that are absent and have an inbox_id: {B}."]


GONE = "An effect of {} was read at a kill and is gone at the final read."


def gone(*jobs: str) -> Story:
    """Each job's effect is read at the kill, and is not there at the end."""
    story = Story()
    victim = story.worker()
    story.enqueue(*jobs)
    for job_id in jobs:
        victim.run(job_id)
    story.kill(victim, held=jobs)
    finished(story, story.worker())
    for fields in final_rows(story):
        fields["effects"] = []
    return story


def test_of_many_jobs_whose_effects_are_gone_the_first_three_are_named(tmp_path: Path) -> None:
    found = said(gone("j000003", B, A, C), tmp_path)
    assert found == [GONE.format(job_id) for job_id in (A, B, C)]


def test_an_effect_that_is_there_at_the_end_is_not_gone(tmp_path: Path) -> None:
    story = gone(A, B)
    final_rows(story, A)[0]["effects"] = [[0, 0, 1]]
    assert said(story, tmp_path) == [GONE.format(B)]


@pytest.mark.parametrize(
    "change",
    [
        closed_twice,
        lambda story: closing(story).update(error="gone"),
        lambda story: closing(story).update(effects_error="gone"),
    ],
)
def test_a_final_read_that_does_not_count_misses_no_effect(change: Change, tmp_path: Path) -> None:
    story = gone(A)
    change(story)
    assert said(story, tmp_path) == []


@pytest.mark.parametrize(("step_ns", "told"), [(-1, [GONE.format(A)]), (0, []), (1, [])])
def test_what_was_read_up_to_the_servers_harm_may_be_lost(
    step_ns: int, told: list[str], tmp_path: Path
) -> None:
    story = gone(A)
    harm_server(story, kill_read(story, 0, A)["t_ns"] + step_ns)
    assert said(story, tmp_path) == told


def test_of_several_harms_the_last_one_counts(tmp_path: Path) -> None:
    story = gone(A)
    for step_ns in (1, -1):
        harm_server(story, kill_read(story, 0, A)["t_ns"] + step_ns)
    assert said(story, tmp_path) == []


def test_a_read_at_the_very_beginning_of_the_clock_proves_as_much_as_any(tmp_path: Path) -> None:
    assert said(read_at_nought(gone(A)), tmp_path) == [GONE.format(A)]


def recorded_like() -> Story:
    """The rows of A, B and C are read in one snapshot of a run that noted its phases."""
    story = Story()
    story.phase("setup")
    worker = story.worker()
    story.enqueue(A, B, C)
    for job_id in (A, B, C):
        worker.run(job_id)
    finished(story, worker)
    return at_one_instant(story)


def at_one_instant(story: Story) -> Story:
    for fields in final_rows(story):
        fields["t_ns"] = closing(story)["t_ns"]
    return story


INSTANTS = "The lines of the final read bear several instants."


@pytest.mark.parametrize(
    ("steps_ns", "told"),
    [
        ((0, 0, 0), []),
        ((-1, 0, 0), [INSTANTS]),
        ((0, 0, -1), [INSTANTS]),
        ((1, 0, 0), [INSTANTS]),
        ((0, 1, 0), [INSTANTS]),
        ((-1, -1, -1), [INSTANTS]),
        ((1, 1, 1), [INSTANTS]),
    ],
)
def test_all_lines_of_the_final_read_bear_the_instant_of_its_snapshot(
    steps_ns: tuple[int, ...], told: list[str], tmp_path: Path
) -> None:
    story = recorded_like()
    for fields, step_ns in zip(final_rows(story), steps_ns, strict=True):
        fields["t_ns"] += step_ns
    assert said(story, tmp_path) == told


def test_of_two_final_reads_neither_is_the_snapshot(tmp_path: Path) -> None:
    story = recorded_like()
    closed_twice(story)
    final_rows(story)[0]["t_ns"] -= 1
    assert said(story, tmp_path) == []


def failed(times: int = 0, *, committed: int, at_kill: int = 0, killed: bool = False) -> Story:
    """A failed so often by plan, in a worker that was killed or not, and the final read has so
    many failures of it, and the read after a kill so many. B failed once, and the read says so."""
    story = Story()
    story.phase("setup")
    story.enqueue(A, B)
    first, other = story.worker(0), story.worker(1)
    other.start(B)
    other.fail(B)
    for _ in range(times):
        first.start(A)
        first.fail(A)
    if killed:
        first.start(A)
        story.kill(first, held=[A])
    else:
        story.exit(first)
        story.kill(other, held=[A])
    finished(story, *([other] if killed else []), rows={A: "dead", B: "dead"})
    kill_read(story, 0, A)["failures"] = at_kill
    for job_id, count in ((A, committed), (B, 1)):
        final_rows(story, job_id)[0]["failures"] = count
    return at_one_instant(story)


LOST = f"A failure of {A} was read at a kill and is gone at the final read."
OTHERS = "Other failures were committed than were told of: {}."


@pytest.mark.parametrize(("at_kill", "told"), [(0, []), (1, []), (2, []), (3, [LOST])])
def test_a_failure_that_was_read_at_a_kill_is_there_at_the_end(
    at_kill: int, told: list[str], tmp_path: Path
) -> None:
    assert said(failed(2, committed=2, at_kill=at_kill), tmp_path) == told


@pytest.mark.parametrize(("at_kill", "told"), [(0, []), (1, [LOST])])
def test_so_is_one_of_a_job_that_has_no_row_any_more(
    at_kill: int, told: list[str], tmp_path: Path
) -> None:
    """B is the job before A in the order of numbers, so that no count of A was made."""
    story = failed(committed=0, at_kill=at_kill)
    swapped = {A: B, B: A}
    for _, fields in story.records:
        if "job_id" in fields:
            fields["job_id"] = swapped[fields["job_id"]]
    story.records.remove(("row_read", final_rows(story, B)[0]))
    assert said(story, tmp_path) == [one.replace(A, B) for one in told]


@pytest.mark.parametrize(
    ("times", "committed", "killed", "told"),
    [
        (1, 1, False, []),
        (1, 2, False, [OTHERS.format(A)]),
        (2, 1, False, [OTHERS.format(A)]),
        (0, 1, False, [OTHERS.format(A)]),
        (1, 1, True, []),
        (1, 2, True, []),
        (2, 1, True, [OTHERS.format(A)]),
    ],
)
def test_failures_are_committed_and_told_of_unless_the_worker_died_between(
    times: int, committed: int, killed: bool, told: list[str], tmp_path: Path
) -> None:
    assert said(failed(times, committed=committed, killed=killed), tmp_path) == told


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"reason": "stop_ignored", "signal": 9}, []),
        ({"reason": "stopped", "signal": 15}, []),
        ({"reason": "died", "exit_code": 1}, []),
        ({"reason": "stopped", "exit_code": 0}, [OTHERS.format(A)]),
    ],
)
def test_a_signal_may_end_a_worker_between_a_failure_s_commit_and_its_line(
    how: dict[str, Any], told: list[str], tmp_path: Path
) -> None:
    story = failed(1, committed=2, killed=True)
    left = story.first("child_exited")
    left.update({"signal": None, "exit_code": None} | how)
    assert said(story, tmp_path) == told


def test_where_a_worker_died_the_failures_of_others_are_held_against_each_other(
    tmp_path: Path,
) -> None:
    story = failed(1, committed=1, killed=True)
    final_rows(story, B)[0]["failures"] = 2
    assert said(story, tmp_path) == [OTHERS.format(B)]


def test_a_harmed_server_may_have_lost_failures(tmp_path: Path) -> None:
    story = failed(2, committed=1)
    harm_server(story, story.now_ns)
    assert said(story, tmp_path) == []


def test_where_no_row_keeps_failures_none_is_missed(tmp_path: Path) -> None:
    story = failed(1, committed=0)
    for fields in final_rows(story):
        fields["failures"] = 0
    assert said(story, tmp_path) == []


def test_failures_are_committed_beside_effects_alone(tmp_path: Path) -> None:
    story = failed(2, committed=1)
    story.first("run_start")["scenario"]["effects"] = False
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("error_class", ["rate_limit", "transient", "permanent"])
def test_whoever_asked_for_an_error_by_plan_it_is_committed(
    error_class: str, tmp_path: Path
) -> None:
    story = failed(2, committed=1)
    for fields in (f for kind, f in story.records if kind == "job_failed"):
        fields["error_class"] = error_class
    assert said(story, tmp_path) == [OTHERS.format(A)]


def test_a_job_that_failed_by_no_plan_is_not_counted(tmp_path: Path) -> None:
    story = failed(2, committed=1)
    story.first("job_failed", job_id=A)["error_class"] = "unplanned"
    assert said(story, tmp_path) == []

    final_rows(story, A)[0]["failures"] = 7
    assert said(story, tmp_path) == []


def test_a_job_without_a_line_in_the_final_read_is_not_judged_by_it(tmp_path: Path) -> None:
    story = failed(2, committed=2)
    story.records.remove(("row_read", final_rows(story, A)[0]))
    assert said(story, tmp_path) == []

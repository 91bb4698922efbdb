"""One job, one row: which lines may name another row of the queue, and which may name none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.checks.rows import CHECKS
from analysis.history.load import load
from tests.histories.builder import Fields, Story, Worker
from tests.histories.right import finished
from tests.histories.stories import A, B, C, healthy

D = "j000003"
OTHER = "another-row"
STRANGE = f"Jobs started from rows that neither an enqueue nor a read names: {A}."
SEVERAL = f"The lines of an undisturbed job name several rows: {A}."


def said(story: Story, folder: Path) -> list[str]:
    history = load(story.write(folder))
    return [sentence for check in CHECKS for sentence in check(history)]


def of_jobs(story: Story, *kinds: str) -> list[Fields]:
    """The lines of these kinds that tell of a job."""
    return [fields for kind, fields in story.records if kind in kinds and "job_id" in fields]


def nameless(story: Story, *kinds: str) -> Story:
    """Take the rows' names from all lines of these kinds."""
    for fields in of_jobs(story, *kinds):
        fields.pop("inbox_id", None)
    return story


def test_jobs_of_a_queue_that_names_no_rows_share_none(tmp_path: Path) -> None:
    story = nameless(healthy(), "job_enqueued", "job_started", "row_read")
    assert said(story, tmp_path) == []


@pytest.mark.parametrize("kind", ["job_started", "row_read"])
def test_lines_that_name_no_row_name_no_other_one(kind: str, tmp_path: Path) -> None:
    assert said(nameless(healthy(), kind), tmp_path) == []


@pytest.mark.parametrize("owner", [A, B, C])
def test_the_two_jobs_of_one_row_are_named(owner: str, tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C, D)
    for job_id in (A, B, C, D):
        worker.run(job_id)
    for fields in of_jobs(finished(story, worker), "job_enqueued", "job_started", "row_read"):
        if fields["job_id"] == D:
            fields["inbox_id"] = f"row-{owner}"
    assert said(story, tmp_path) == [f"One row of the queue is told of as {owner}'s and as {D}'s."]


def test_jobs_that_start_twice_from_another_row_share_it_with_nobody(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A, B)
    for job_id in (A, A, B, B):
        worker.start(job_id, f"another-row-{job_id}")
        worker.complete(job_id)
    assert said(finished(story, worker), tmp_path) == []


def of_two_rows(*, enqueues: int = 1, starts: int = 1, reads: int = 1) -> Story:
    """B is done; A is told of so often, and one sort of line names another row than the rest."""
    story = Story()
    worker = story.worker()
    story.enqueue(B)
    worker.run(B)
    for _ in range(enqueues):
        story.enqueue(A)
    for _ in range(starts):
        worker.start(A, OTHER)
        worker.complete(A)
    story.exit(worker)
    for _ in range(reads):
        story.row(A)
    story.end({A: "none"})
    return story


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({}, [SEVERAL, STRANGE]),
        ({"enqueues": 0}, []),
        ({"enqueues": 2}, [STRANGE]),
        ({"starts": 2}, []),
        ({"reads": 0}, []),
        ({"reads": 2}, [STRANGE]),
    ],
)
def test_only_what_came_once_started_once_and_is_there_once_must_have_kept_its_row(
    counts: dict[str, int], told: list[str], tmp_path: Path
) -> None:
    story = of_two_rows(**counts)
    assert [one for one in said(story, tmp_path) if "lack the" not in one] == told


def test_a_job_that_never_started_may_have_been_given_another_row(tmp_path: Path) -> None:
    story = of_two_rows(starts=0)
    story.first("row_read", job_id=A)["inbox_id"] = OTHER
    assert said(story, tmp_path) == []


def left(how: Callable[[Story, Worker], object]) -> Story:
    """A starts from another row than its enqueue and the final read name, in a worker whose end
    is told by `how`."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A, OTHER)
    how(story, worker)
    story.row(A)
    story.end()
    return story


def failed_and_stopped(story: Story, worker: Worker) -> None:
    worker.fail(A)
    story.exit(worker)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lambda story, worker: story.exit(worker), [SEVERAL, STRANGE]),
        (lambda story, worker: story.exit(worker, "stop_ignored"), [SEVERAL, STRANGE]),
        (lambda story, worker: story.exit(worker, "died", exit_code=1), [STRANGE]),
        (lambda story, worker: story.kill(worker), [STRANGE]),
        (lambda story, worker: story.kill(worker, held=[A]), [STRANGE]),
        (failed_and_stopped, []),
    ],
)
def test_a_job_that_was_disturbed_may_have_been_given_another_row(
    how: Callable[[Story, Worker], object], told: list[str], tmp_path: Path
) -> None:
    story = left(how)
    for fields in of_jobs(story, "row_read"):
        fields["inbox_id"] = f"row-{A}"
    assert said(story, tmp_path) == told


def test_a_job_that_was_read_at_the_kill_of_another_worker_is_disturbed_too(tmp_path: Path) -> None:
    story = Story()
    victim, other = story.worker(0), story.worker(1)
    story.enqueue(A)
    story.kill(victim, held=[A])
    other.start(A, OTHER)
    other.complete(A)
    finished(story, other)
    story.first("row_read", read="kill", job_id=A)["inbox_id"] = OTHER
    assert said(story, tmp_path) == []


def test_the_death_of_another_worker_does_not_disturb_a_job(tmp_path: Path) -> None:
    story = Story()
    victim, other = story.worker(0), story.worker(1)
    story.enqueue(A, B)
    victim.start(B)
    other.start(A, OTHER)
    story.kill(victim)
    other.complete(A)
    other.run(B)
    assert said(finished(story, other), tmp_path) == [SEVERAL, STRANGE]


def test_a_start_from_a_row_that_the_final_read_names_is_known(tmp_path: Path) -> None:
    story = of_two_rows(reads=2)
    story.first("row_read", inbox_id=f"row-{A}-1")["inbox_id"] = OTHER
    assert said(story, tmp_path) == []


def test_a_start_from_a_row_that_a_second_enqueue_names_is_known_though_it_is_gone(
    tmp_path: Path,
) -> None:
    """A coordinator that ran twice enqueued its child twice. One row was run and taken away, the
    other one waits."""
    story = Story()
    worker = story.worker()
    child = f"{A}/0"
    story.enqueue(A)
    for row in ("row-1", "row-2"):
        worker.start(A)
        story.enqueue(child, by=worker, inbox_id=row)
        worker.complete(A)
    worker.start(child, "row-2")
    worker.complete(child)
    story.exit(worker)
    story.row(child, "queued", inbox_id="row-1")
    story.end()
    assert said(story, tmp_path) == []


def test_of_several_rows_the_one_that_was_enqueued_first_counts_as_the_first(
    tmp_path: Path,
) -> None:
    """Nothing else names the first row; the second is named by the final read."""
    story = Story()
    worker = story.worker()
    child = f"{A}/0"
    story.enqueue(A)
    for row in ("row-1", "row-2", "row-3"):
        worker.start(A)
        story.enqueue(child, by=worker, inbox_id=row)
        worker.complete(A)
    worker.start(child, "row-1")
    worker.complete(child)
    story.exit(worker)
    story.row(child, "queued", inbox_id="row-3")
    story.end()
    assert said(story, tmp_path) == []


def lacking(story: Story, kind: str, job_id: str) -> Story:
    story.first(kind, job_id=job_id).pop("inbox_id")
    return story


@pytest.mark.parametrize("kind", ["job_enqueued", "job_started", "row_read"])
def test_whoever_knows_its_rows_knows_them_always(kind: str, tmp_path: Path) -> None:
    (sentence,) = said(lacking(healthy(), kind, B), tmp_path)
    assert sentence == f"Some {kind} lines lack the inbox_id that others have: {B}."


def with_children() -> Story:
    """A coordinator with two children."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    for number in (0, 1):
        story.enqueue(f"{A}/{number}", by=worker)
    worker.complete(A)
    for number in (0, 1):
        worker.run(f"{A}/{number}")
    return finished(story, worker)


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ([], []),
        ([f"{A}/1"], [f"Some job_enqueued lines lack the inbox_id that others have: {A}/1."]),
        ([f"{A}/0", f"{A}/1"], []),
        ([A], []),
    ],
)
def test_a_child_may_know_of_rows_what_the_parent_does_not(
    jobs: list[str], told: list[str], tmp_path: Path
) -> None:
    story = with_children()
    for job_id in jobs:
        lacking(story, "job_enqueued", job_id)
    assert said(story, tmp_path) == told


def test_a_recovered_enqueue_and_an_absent_row_name_no_row(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    story.recover(B)
    for job_id in (A, B):
        worker.run(job_id)
    assert said(finished(story, worker, rows={B: "absent"}), tmp_path) == []


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        ((), False),
        ((A,), True),
        ((A, B, C), False),
    ],
)
def test_a_library_counts_all_attempts_or_none(
    counted: tuple[str, ...], told: bool, tmp_path: Path
) -> None:
    story = healthy()
    for job_id in counted:
        story.first("job_started", job_id=job_id)["library_attempt"] = 1
    lacks = "Some job_started lines lack the library_attempt that others have."
    assert said(story, tmp_path) == [lacks] * told

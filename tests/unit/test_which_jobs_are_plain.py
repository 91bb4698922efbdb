"""Which jobs are counted a million at a time, and which are judged one by one.

That the ledger finds nothing about a plain job holds for any history (test_ledger_against_sql);
here stands that every job of which nothing is to be learnt is plain, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.history.columns import worker_key
from analysis.ledger.case import Case, open_case
from analysis.ledger.plain_jobs import plain_jobs
from analysis.summary.summary import summarise
from tests.histories.builder import Story, Worker
from tests.histories.stories import A, B, changed, healthy

Do = Callable[[Worker], object]


def case_of(story: Story, folder: Path) -> Case:
    return open_case(story.write(folder))


def plain(case: Case, *in_flight: str, **changed_rules: Any) -> set[str]:
    numbers = [number for job in in_flight if (number := case.history.jobs.number(job)) is not None]
    marked = plain_jobs(case.history, replace(case.rules, **changed_rules), numbers)
    return {case.history.jobs.name(number) for number in np.flatnonzero(marked).tolist()}


def with_a(do: Do, *, effects: bool = True, enqueued: bool = True) -> Story:
    """B runs once, and A as `do` has it."""
    story = Story(effects=effects)
    worker = story.worker()
    story.enqueue(*([A] if enqueued else []), B)
    story.planned.add(A)
    do(worker)
    worker.run(B)
    story.exit(worker)
    story.end()
    return story


def once(worker: Worker) -> None:
    worker.run(A)


def with_two_effect_rows(worker: Worker) -> None:
    worker.run(A)
    worker.effect(A)


def with_an_effect_of_another_execution(worker: Worker) -> None:
    worker.start(A)
    worker.effect(A, 9)
    worker.complete(A, effect=False)


def failed_and_completed(worker: Worker) -> None:
    worker.start(A)
    worker.fail(A)
    worker.complete(A)


def with_two_rows(worker: Worker) -> None:
    worker.run(A)
    worker.story.row(A)
    worker.story.row(A)


def enqueued_twice(worker: Worker) -> None:
    worker.story.enqueue(A)
    worker.run(A)


def ran_twice(worker: Worker) -> None:
    worker.run(A)
    worker.run(A)


def started_again(worker: Worker) -> None:
    worker.run(A)
    worker.start(A)


def retried(worker: Worker) -> None:
    worker.run(A)
    worker.retry(A)


def with_a_row(state: str, **fields: Any) -> Do:
    def do(worker: Worker) -> None:
        worker.run(A)
        worker.story.row(A, state, **fields)

    return do


def completed_by_another_execution(worker: Worker) -> None:
    worker.start(A)
    worker.complete(A, 9)


@pytest.mark.parametrize(
    ("do", "is_plain"),
    [
        (once, True),
        (enqueued_twice, True),
        (with_a_row("done"), True),
        (with_a_row("absent"), True),
        (with_two_rows, False),
        (with_a_row("done", claimed_by="worker-0-0"), False),
        (with_a_row("dead"), False),
        (with_a_row("queued"), False),
        (with_two_effect_rows, False),
        (with_an_effect_of_another_execution, False),
        (failed_and_completed, False),
        (completed_by_another_execution, False),
        (lambda worker: worker.start(A), False),
        (ran_twice, False),
        (started_again, False),
    ],
    ids=[
        "ran once",
        "enqueued twice",
        "its row is done",
        "its row is gone",
        "two rows are done",
        "its row is done and claimed",
        "its row is dead",
        "its row still waits",
        "two effect rows",
        "the effect of another execution",
        "failed and completed",
        "completed by another execution",
        "started only",
        "ran twice",
        "started again",
    ],
)
def test_a_job_is_plain_where_nothing_is_to_be_learnt_of_it(
    do: Do, is_plain: bool, tmp_path: Path
) -> None:
    found = plain(case_of(with_a(do), tmp_path), voids={})

    assert found == ({A, B} if is_plain else {B})


def test_a_job_whose_enqueue_no_line_tells_of_is_not_plain(tmp_path: Path) -> None:
    case = case_of(with_a(once, enqueued=False), tmp_path)

    assert plain(case, voids={}) == {B}


def test_without_effects_a_job_is_plain_that_has_none(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()

    assert plain(case_of(with_a(once, effects=False), tmp_path / "none")) == {A, B}
    assert plain(case_of(with_a(once), tmp_path), effects=False) == set()


@pytest.mark.parametrize(
    ("rules", "is_plain"),
    [
        ({"final_read": False}, False),
        ({"effects_readable": False}, False),
        ({"voids": {worker_key(0, 0): "ordinal_gap"}}, False),
        ({"voids": {worker_key(0, 1): "ordinal_gap"}}, True),
    ],
)
def test_no_job_is_plain_whose_witnesses_do_not_count(
    rules: dict[str, Any], is_plain: bool, tmp_path: Path
) -> None:
    assert plain(case_of(with_a(once), tmp_path), **rules) == ({A, B} if is_plain else set())


def test_without_effects_nobody_asks_whether_they_are_readable(tmp_path: Path) -> None:
    case = case_of(with_a(once, effects=False), tmp_path)

    assert plain(case, effects_readable=False) == {A, B}


def test_a_job_that_a_death_found_in_flight_is_not_plain(tmp_path: Path) -> None:
    assert plain(case_of(with_a(once), tmp_path), A) == {B}


def test_a_job_that_a_retry_speaks_of_is_not_plain_where_some_worker_is_void(
    tmp_path: Path,
) -> None:
    case = case_of(with_a(retried), tmp_path)

    assert plain(case) == {A, B}
    assert plain(case, voids={worker_key(0, 1): "ordinal_gap"}) == {B}


def test_a_job_that_nobody_planned_is_not_counted_however_plain_it_is(tmp_path: Path) -> None:
    story = changed(lambda story: story.first("run_end").update(stream_jobs=2), healthy)
    case = case_of(story, tmp_path)

    assert plain(case) > {A, B}
    assert case.unplanned_numbers() == [2]
    assert summarise(case).jobs.completed_once == 2

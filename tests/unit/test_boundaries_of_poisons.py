"""Jobs that kill their worker, where one nanosecond or one execution more or less turns it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.checks import poisons
from tests.histories.builder import Story
from tests.unit.said_by import said_by
from tests.unit.test_poison_judged import POISON, comes_back, done_but, left_in_the_queue, told

NOT_STARTED = f"{POISON} announced its worker's death and had not been started by then."


@pytest.mark.parametrize(("early_ns", "said"), [(0, []), (1, [NOT_STARTED])])
def test_who_announces_a_death_has_been_started_by_then(
    early_ns: int, said: list[str], tmp_path: Path
) -> None:
    story = left_in_the_queue()
    at_ns = story.first("job_started", job_id=POISON)["t_ns"] - early_ns
    story.first("job_dying")["t_ns"] = at_ns
    story.first("fault_injected")["parts"]["announced_ns"] = at_ns
    assert said_by(poisons, story, tmp_path) == said


@pytest.mark.parametrize("execution", [1, 99])
def test_who_announces_a_death_names_its_own_execution(execution: int, tmp_path: Path) -> None:
    """The first is another job's, the other one nobody's."""
    story = left_in_the_queue()
    for fields in (story.first("job_dying"), story.first("fault_injected")["parts"]):
        fields["execution"] = execution
    assert said_by(poisons, story, tmp_path) == [NOT_STARTED]


@pytest.mark.parametrize(("late_ns", "late"), [(0, False), (1, True)])
def test_a_job_that_asks_is_given_the_word_within_five_seconds(
    late_ns: int, late: bool, tmp_path: Path
) -> None:
    story = left_in_the_queue()
    said_ns = story.first("job_dying")["t_ns"]
    story.first("fault_injected")["t_ns"] = said_ns + 5_000_000_000 + late_ns
    found = said_by(poisons, story, tmp_path)
    assert found == ["Poison 1: its job was given the word long after it had asked."] * late


@pytest.mark.parametrize(("early_ns", "went_on"), [(0, False), (1, True)])
def test_a_worker_that_waits_for_the_word_is_let_go_when_all_are_told_to_stop(
    early_ns: int, went_on: bool, tmp_path: Path
) -> None:
    story = comes_back()
    stop_ns = story.first("note", code="phase")["t_ns"]
    story.first("child_exited", incarnation=2)["t_ns"] = stop_ns - early_ns
    said = "Slot 0 incarnation 2 ran a job that kills its worker, and did not die of it."
    assert said_by(poisons, story, tmp_path) == [said] * went_on


def test_a_worker_of_a_run_that_failed_before_anybody_was_stopped_has_gone_on(
    tmp_path: Path,
) -> None:
    story = told()
    worker = done_but(story, POISON)
    worker.start(POISON)
    story.exit(worker)
    story.row(POISON, "queued")
    story.end(ended="failed")
    (sentence,) = said_by(poisons, story, tmp_path)
    assert sentence.endswith("ran a job that kills its worker, and did not die of it.")


def still_open() -> Story:
    """A worker has the job in its hands when all that is told of it ends; it never left."""
    story = told()
    worker = done_but(story, POISON)
    worker.start(POISON)
    story.row(POISON, "queued")
    story.end()
    return story


def test_of_a_worker_that_never_left_nobody_knows_whether_it_died(tmp_path: Path) -> None:
    assert said_by(poisons, still_open(), tmp_path) == []

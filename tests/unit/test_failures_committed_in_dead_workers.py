"""A worker that died may have committed a planned failure that it never told of: one for each
execution that was open in it, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.checks.consistency import disagreements
from analysis.history.load import load
from tests.histories.builder import Story
from tests.histories.mutator import Line, recorded
from tests.histories.one_change import changed, written
from tests.histories.stories import A, B, C

OTHERS = "Other failures were committed than were told of: {}."


def killed(a_open: int = 1) -> Story:
    """A is open in the victim, so often; B failed in it by plan; the successor does both, and C."""
    story = Story()
    first = story.worker()
    story.enqueue(A, B, C)
    for _ in range(a_open):
        first.start(A)
    first.start(B)
    first.fail(B)
    story.kill(first, held=[A, B])
    second = story.worker()
    story.wait(3)
    for job_id in (A, B, C):
        second.run(job_id)
    story.exit(second)
    story.row(B, failures=1)
    story.end()
    return story


def said(story: Story, folder: Path, **committed: int) -> list[str]:
    """What is said of the failures; `committed` = by a job's letter, at the final read."""
    for letter, failures in committed.items():
        job_id = {"a": A, "b": B, "c": C}[letter]
        story.first("row_read", read="final", job_id=job_id)["failures"] = failures
    sentences = disagreements(load(story.write(folder)))
    return [sentence for sentence in sentences if sentence.startswith(OTHERS[:26])]


@pytest.mark.parametrize(("committed", "wrong"), [(0, False), (1, False), (2, True)])
def test_an_execution_that_was_open_at_its_workers_death_may_have_committed_one_failure(
    committed: int, wrong: bool, tmp_path: Path
) -> None:
    assert said(killed(), tmp_path, a=committed) == [OTHERS.format(A)] * wrong


@pytest.mark.parametrize(("committed", "wrong"), [(1, True), (2, False), (3, True)])
def test_a_failure_that_was_told_of_in_a_dead_worker_is_not_one_of_an_open_execution(
    committed: int, wrong: bool, tmp_path: Path
) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    for _ in range(2):
        first.start(B)
        first.fail(B)
    story.kill(first, held=[B])
    second = story.worker()
    story.wait(3)
    for job_id in (A, B):
        second.run(job_id)
    story.exit(second)
    story.end()
    assert said(story, tmp_path, b=committed) == [OTHERS.format(B)] * wrong


@pytest.mark.parametrize(("committed", "wrong"), [(2, False), (3, True)])
def test_each_open_execution_of_a_job_may_have_committed_one(
    committed: int, wrong: bool, tmp_path: Path
) -> None:
    assert said(killed(a_open=2), tmp_path, a=committed) == [OTHERS.format(A)] * wrong


def test_an_execution_that_was_completed_in_a_dead_worker_has_committed_none(
    tmp_path: Path,
) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    first.run(A)
    first.start(B)
    first.fail(B)
    story.kill(first, held=[A, B])
    second = story.worker()
    story.wait(3)
    for job_id in (A, B):
        second.run(job_id)
    story.exit(second)
    story.end()
    assert said(story, tmp_path, a=1, b=1) == [OTHERS.format(A)]


def test_an_execution_in_a_worker_that_lived_on_has_committed_none(tmp_path: Path) -> None:
    assert said(killed(), tmp_path, c=1) == [OTHERS.format(C)]


@pytest.mark.parametrize("more", [1, 40])
def test_of_a_recorded_run_a_job_that_failed_in_the_victim_failed_no_more_often(
    more: int, tmp_path: Path
) -> None:
    def add(fields: dict[str, Any]) -> None:
        fields["failures"] += more

    lines: list[Line] = changed("kill", "row_read", add, read="final", job_id="j000015")
    assert disagreements(load(written(lines, tmp_path))) == [OTHERS.format("j000015")]
    assert any(line["fields"].get("failures") for line in recorded()["kill"])

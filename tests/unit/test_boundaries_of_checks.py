"""The checks of a history's witnesses where one thing more or less turns them."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from analysis.checks.consistency import disagreements
from analysis.checks.executions import misused_executions
from analysis.checks.naming import jobs_named
from analysis.history.columns import worker_key
from analysis.history.load import load
from tests.histories.builder import Story
from tests.histories.mutator import mended, recorded
from tests.histories.one_change import Change, changed, written
from tests.histories.right import finished
from tests.histories.stories import A, B, C, healthy

FIRST = worker_key(0, 0)
UNNAMED = "which no line names"


def said(story: Story, folder: Path) -> list[str]:
    return disagreements(load(story.write(folder)))


def said_of_recorded(folder: Path, kind: str, change: Change, **wanted: Any) -> list[str]:
    """Of the recorded kill with one change, mended."""
    return disagreements(load(written(changed("kill", kind, change, **wanted), folder)))


def misused(story: Story, folder: Path) -> dict[str, list[int]]:
    return dict(misused_executions(load(story.write(folder))))


@pytest.mark.parametrize(
    ("jobs", "named"),
    [
        ([], ""),
        ([1], "j1"),
        ([2, 1, 1, 0], "j0, j1, j2"),
        ([3, 2, 1, 0], "j0, j1, j2, ..."),
    ],
)
def test_of_many_jobs_three_are_named(jobs: list[int], named: str) -> None:
    history = cast(Any, SimpleNamespace(jobs=SimpleNamespace(name=lambda job: f"j{job}")))
    assert jobs_named(history, np.array(jobs, np.int64)) == named


def test_a_number_is_used_twice_wherever_it_stands_among_the_others(tmp_path: Path) -> None:
    story = healthy()
    story.first("job_started", job_id=C)["execution"] = 2
    assert misused(story, tmp_path)["execution_reused"] == [FIRST]


def test_two_workers_may_use_the_same_numbers(tmp_path: Path) -> None:
    story = Story()
    workers = [story.worker(slot) for slot in (0, 1)]
    story.enqueue(A, B)
    for worker, job_id in zip(workers, (A, B), strict=True):
        worker.run(job_id)
    found = misused(finished(story, *workers), tmp_path)
    assert found == {"execution_reused": [], "started_missing": []}


@pytest.mark.parametrize(("place", "voided"), [(1, []), (0, [FIRST]), (-1, [FIRST])])
def test_an_execution_ends_after_it_began(place: int, voided: list[int], tmp_path: Path) -> None:
    """`place` = how many lines of its worker the end stands behind the start."""
    story = healthy()
    begun = story.first("job_started", job_id=B)["n"]
    story.first("job_completed", job_id=B)["n"] = begun + place
    assert misused(story, tmp_path)["started_missing"] == voided


def test_what_the_library_says_of_no_execution_ends_none(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A, B)
    worker.run(A)
    worker.start(B)
    worker.emit("job_retried", job_id=B, observed_by="hook")
    (sentence,) = said(finished(story, worker), tmp_path)
    assert sentence.endswith(f"an execution is still open: {B}.")


def test_an_execution_with_two_ends_hides_no_open_one(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C)
    worker.start(A)
    worker.fail(A)
    worker.complete(A)
    worker.start(B)
    worker.start(C)
    assert any(
        f"is still open: {B}, {C}." in one for one in said(finished(story, worker), tmp_path)
    )


@pytest.mark.parametrize("way", ["endless", "closed_loop"])
def test_a_stream_without_an_end_has_no_number_of_jobs(way: str, tmp_path: Path) -> None:
    def cut(start: dict[str, Any]) -> None:
        start["planned_stream_jobs"] = None
        start["scenario"]["workload"][way] = True

    found = said_of_recorded(tmp_path, "run_start", cut)
    assert not any("how many jobs the stream has" in sentence for sentence in found)


@pytest.mark.parametrize(("value", "other"), [(1, False), (2, True)])
def test_a_changed_setting_has_the_same_value_among_all(
    value: int, other: bool, tmp_path: Path
) -> None:
    def set_one(start: dict[str, Any]) -> None:
        start["changed_settings"] = {"batch": 1}
        start["settings"] = {**start["settings"], "batch": value, "pool": 2}

    found = said_of_recorded(tmp_path, "run_start", set_one)
    assert any("has another value among" in sentence for sentence in found) is other


def test_a_digest_is_named_by_sixteen_digits(tmp_path: Path) -> None:
    text = healthy().write(tmp_path).read_text()
    path = tmp_path / "changed.jsonl"
    path.write_text(text.replace('"rate_per_s":1.0', '"rate_per_s":2.0', 1))
    (sentence,) = disagreements(load(path))
    digest = r"[0-9a-f]{16}\.\.\."
    assert re.fullmatch(
        f"scenario_sha256 is {digest}, the scenario's digest is {digest}", sentence
    ), sentence


def test_today_a_run_that_counts_no_bytes_is_told(tmp_path: Path) -> None:
    path = healthy().write(tmp_path)
    path.write_text(re.sub(r'"bytes_written":\d+', '"bytes_written":0', path.read_text()))
    (sentence,) = disagreements(load(path))
    assert sentence.startswith("run_end says that 0 bytes precede it; the file has ")


@pytest.mark.parametrize("history", sorted(recorded()))
def test_no_line_of_a_recorded_history_contradicts_another(history: str, tmp_path: Path) -> None:
    assert disagreements(load(written(mended(recorded()[history]), tmp_path))) == []


def refused(story: Story, job_id: str, outcome: str, **more: Any) -> None:
    told = {"intended_ns": story.now_ns, "sent_ns": story.now_ns}
    story.record("enqueue_failed", job_id=job_id, outcome=outcome, **told, **more)
    story.planned.add(job_id)


def of_refusals(*outcomes: str, **more: Any) -> Story:
    """A is done, and B refused so often."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    for outcome in outcomes:
        refused(story, B, outcome, **more)
    return finished(story, worker, rows={B: "none"})


@pytest.mark.parametrize(
    ("outcomes", "into", "what"),
    [
        (["deduplicated"], A, []),
        (
            ["deduplicated"],
            C,
            [f"{B} was deduplicated into the row 'row-{C}', which no line names."],
        ),
        (["rejected"], A, [f"{B} was rejected, and deduplicated into a row."]),
        (["rejected"] * 2, None, [f"The enqueue of {B} failed 2 times; it was sent once."]),
        (["rejected"] * 3, None, [f"The enqueue of {B} failed 3 times; it was sent once."]),
        (["rejected"], None, []),
    ],
)
def test_an_enqueue_fails_once_and_into_a_row_that_is_there(
    outcomes: list[str], into: str | None, what: list[str], tmp_path: Path
) -> None:
    more = {} if into is None else {"into": f"row-{into}"}
    found = said(of_refusals(*outcomes, **more), tmp_path)
    assert [one for one in found if "yet the queue had" not in one] == what


def test_who_was_recovered_is_named_and_not_who_told_of_the_row(tmp_path: Path) -> None:
    story = healthy()
    told = story.first("job_enqueued", job_id=A)
    told["inbox_id"] = f"row-{B}"
    story.first("job_enqueued", job_id=B)["outcome"] = "recovered"
    found = said(story, tmp_path)
    assert f"Jobs were recovered although their enqueue is told of: {B}." in found, found

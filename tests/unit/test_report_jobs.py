"""Any job can be looked up in the report, and it tells there what `explain` tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.report.explain import explain
from analysis.report.html import look_up as packing
from analysis.report.jobs_table import job_rows
from analysis.report.number_format import words
from tests.histories.loaded import burdened
from tests.histories.planted import PLANTED
from tests.histories.stories import A, crash, never_enqueued
from tests.histories.unpacked import looked_up

TOLD_OTHERWISE = ("job_enqueued", "fault_injected", "child_exited")
"""Kinds of lines that the report tells in other words, as they come to it in columns."""


@pytest.mark.parametrize("name", PLANTED)
def test_it_tells_of_every_job_what_explain_tells(name: str, tmp_path: Path) -> None:
    story = PLANTED[name].plant()
    found = looked_up(story, tmp_path)
    path = story.write(tmp_path)
    assert found
    for job_id, job in found.items():
        explained = explain(path, job_id)
        expected = [
            (round((fact.record.t_ns - explained.started_ns) / 1000), fact.sentence)
            for fact in explained.facts
            if json.loads(fact.raw)["kind"] not in TOLD_OTHERWISE
        ]
        assert sorted(expected) == sorted(fact for fact in job.facts if is_a_line(fact[1]))


def is_a_line(sentence: str) -> bool:
    """Whether a sentence tells of a line that `explain` tells in the same words."""
    otherwise = ("It was intended", "Sent to", "The queue took", "Nobody recorded", "while the job")
    return not any(begin in sentence for begin in otherwise)


@pytest.mark.parametrize("name", PLANTED)
def test_its_verdicts_and_flags_are_those_of_the_table_of_jobs(name: str, tmp_path: Path) -> None:
    story = PLANTED[name].plant()
    found = looked_up(story, tmp_path)
    rows = list(job_rows(story.write(tmp_path)))
    assert rows
    for row in rows:
        job = found[row["job_id"]]
        assert job.verdict.startswith(words(row["verdict"]))
        assert words(row["reason"] or "") in job.verdict
        assert job.flags == ", ".join(map(words, row["flags"]))


def test_a_crashed_job_is_told_from_its_intended_instant_to_the_final_read(tmp_path: Path) -> None:
    facts = looked_up(crash(), tmp_path)[A].facts

    assert [sentence for _, sentence in facts] == [
        "It was intended to be enqueued now.",
        "Sent to the queue by the parent.",
        "The queue took the job.",
        "slot 0 incarnation 0 entered the handler: execution 1.",
        "slot 0 incarnation 0 was killed while the job was in flight in it (started).",
        "After kill 1 its row is claimed, held by worker-0-0, with no effect.",
        "slot 0 incarnation 1 entered the handler: execution 1.",
        "slot 0 incarnation 1 committed the effect of execution 1 and is about to return.",
        "At the end its row is done, with 1 committed effect.",
    ]
    assert [at_us for at_us, _ in facts] == sorted(at_us for at_us, _ in facts)


def test_a_job_that_was_never_enqueued_is_found_too(tmp_path: Path) -> None:
    found = looked_up(never_enqueued(), tmp_path)
    verdicts = {job.verdict for job in found.values()}

    assert "never enqueued" in verdicts


def test_many_jobs_lie_in_many_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = looked_up(burdened(), tmp_path)
    monkeypatch.setattr(packing, "JOBS_A_CHUNK", 7)

    assert len(whole) > 7
    assert looked_up(burdened(), tmp_path) == whole


def test_beyond_so_many_jobs_instants_are_milliseconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uneven = burdened()
    for nth, (_, fields) in enumerate(uneven.records):
        fields["t_ns"] += nth % 7 * 100_000
    exact = looked_up(uneven, tmp_path)
    monkeypatch.setattr(packing, "MOST_EXACT_JOBS", 3)
    rounded = looked_up(uneven, tmp_path)

    assert exact.keys() == rounded.keys()
    pairs = [
        (exact_us, rounded_us)
        for job_id, job in exact.items()
        for (exact_us, _), (rounded_us, _) in zip(job.facts, rounded[job_id].facts, strict=True)
    ]
    assert any(exact_us % 1000 for exact_us, _ in pairs), "there is something to round"
    assert [pair for pair in pairs if pair[1] % 1000 or abs(pair[0] - pair[1]) > 500] == []


def test_that_there_is_no_history_is_said_before_any_row_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        job_rows(tmp_path / "none.jsonl")

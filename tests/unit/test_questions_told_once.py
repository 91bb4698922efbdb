"""Questions to a cache where one thing more or less makes their notes contradict each other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from analysis.checks.questions import CHECKS
from orchestrator.history.records import EnqueueFailed, RunEnd
from tests.unit.stand_in_history import stand_in
from worker_child.protocol import Note

ANSWERED_NS = 1000


def question(number: int | str, **changed: Any) -> Note:
    """One that was a miss and was served its own result, of an address of its own."""
    job_id = number if isinstance(number, str) else f"j{number:06d}"
    served = {"sha256": f"of-{job_id}", "bytes": 9}
    detail = {
        "job_id": job_id,
        "address": f"address-of-{job_id}",
        "caller": 0,
        "asked_ns": ANSWERED_NS - 1,
        "outcome": "miss",
        "expected_sha256": f"of-{job_id}",
        "expected_bytes": 9,
        **served,
        **changed,
    }
    return Note(ANSWERED_NS, "cache_answered", detail={k: v for k, v in detail.items() if v != ""})


def deduplicated(number: int) -> EnqueueFailed:
    return EnqueueFailed(1, f"j{number:06d}", "deduplicated", 1, 1)


def said(*lines: Any, planned: int, ended: str = "completed", cache: bool = True) -> list[str]:
    """What the checks say of a run whose stream had `planned` jobs."""
    workload = SimpleNamespace(cache=object() if cache else None)
    run_end = RunEnd(1, ended, "agreed", planned, 0)  # type: ignore[arg-type]
    history = stand_in(
        *lines, end=run_end, start=SimpleNamespace(scenario=SimpleNamespace(workload=workload))
    )
    return [sentence for check in CHECKS for sentence in check(history)]


def several(what: str, count: int, named: str) -> str:
    return f"{count} questions to the cache {what}: {named}."


def test_questions_that_are_all_told_of_once_say_nothing() -> None:
    assert said(question(0), question(1), planned=2) == []


def test_the_first_job_behind_the_stream_was_never_planned() -> None:
    assert said(question(0), question(1), question(2), planned=2) == [
        several("were never planned", 1, "j000002")
    ]


@pytest.mark.parametrize("foreign", [1, 2, "h000000"])
def test_a_question_that_was_never_planned_does_not_stand_for_a_missing_one(
    foreign: int | str,
) -> None:
    """The stream has one job, which no note tells of; another note tells of another job."""
    named = foreign if isinstance(foreign, str) else f"j{foreign:06d}"
    assert said(question(foreign), planned=1) == [
        several("were never planned", 1, named),
        "Of 1 questions to the cache no note says what their callers were served.",
    ]


def test_of_a_run_that_was_cut_not_every_question_is_known() -> None:
    assert said(question(0), planned=9, ended="interrupted") == []
    assert said(question(0), planned=9) == [
        "Of 8 questions to the cache no note says what their callers were served."
    ]


def test_a_run_without_a_cache_is_asked_for_no_notes() -> None:
    assert said(planned=9, cache=False) == []


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (2, "j000000, j000001"),
        (3, "j000000, j000001, j000002"),
        (4, "j000000, j000001, j000002, ..."),
    ],
)
def test_of_many_questions_three_are_named_and_that_there_are_more(count: int, named: str) -> None:
    notes = [question(number) for number in range(count)]
    told = [note for note in notes for _ in (1, 2)]
    assert said(*told, planned=count) == [several("were told of several times", count, named)]


@pytest.mark.parametrize(("late_ns", "told"), [(0, 0), (1, 1)])
def test_an_answer_may_come_at_the_instant_of_its_question_and_not_before(
    late_ns: int, told: int
) -> None:
    found = said(question(0, asked_ns=ANSWERED_NS + late_ns), planned=1)
    assert found == ["The question j000000 was answered before it was asked."] * told


@pytest.mark.parametrize(("sha256", "length"), [("of-j000000", ""), ("", 9)])
def test_an_answer_has_a_digest_and_a_length_or_neither(sha256: str, length: int | str) -> None:
    found = said(question(0, sha256=sha256, bytes=length), planned=1)
    assert found == ["The answer to j000000 has a digest or a length, and not both."]
    assert said(question(0, sha256="", bytes=""), planned=1) == []


def test_only_who_was_served_nothing_may_have_no_known_outcome() -> None:
    unserved = question(0, outcome="unknown", sha256="", bytes="")
    served = question(0, outcome="unknown")

    assert said(unserved, planned=1) == []
    assert said(served, planned=1) == ["The question j000000 was served, and has no known outcome."]


@pytest.mark.parametrize("another", [{"expected_sha256": "other"}, {"expected_bytes": 10}])
def test_an_address_has_one_result_of_its_own(another: dict[str, Any]) -> None:
    found = said(
        question(0, address="aa"),
        question(1, **({"expected_sha256": "of-j000000"} | another), address="aa"),
        planned=2,
    )
    assert found == ["The address aa has several results of its own."]


def test_two_addresses_have_two_results() -> None:
    assert said(question(0), question(1, expected_sha256="of-j000000"), planned=2) == [
        "Two addresses of the cache have the same result: no answer could be called foreign."
    ]


@pytest.mark.parametrize("outcome", ["hit", "joined"])
def test_a_hit_and_one_that_joined_put_no_job_in_and_a_miss_did(outcome: str) -> None:
    with_job = several("were hits or joined, and yet put a job of their own in", 1, "j000000")
    without = several("were misses, and yet put no job of their own in", 1, "j000000")

    assert said(question(0, outcome=outcome), deduplicated(0), planned=1) == []
    assert said(question(0, outcome=outcome), planned=1) == [with_job]
    assert said(question(0), deduplicated(0), planned=1) == [without]
    assert said(question(0), planned=1) == []

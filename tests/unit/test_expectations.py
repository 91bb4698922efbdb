"""Expectations: when they are met, broken, unknown, or do not apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.summary.expectations import (
    BROKEN,
    NEVER_RESCUES,
    STALLED,
    UNSAMPLED,
    Longest,
    Observed,
    judge_expectations,
)
from analysis.summary.summary import analyse
from analysis.summary.types import Expectation
from analysis.summary.verdict import worst
from orchestrator.scenario.types import Expectations
from tests.histories.builder import Story
from tests.histories.stories import A, crash, left_claimed, one_job

CALM = Observed(
    counts={
        "lost": 0,
        "stranded": 0,
        "given_up": 0,
        "discarded_unplanned": 0,
        "unplanned_failures": 0,
        "refused": 0,
        "never_seen": 0,
        "missing_children": 0,
        "late_first_orphans": 0,
        "certificates": 1,
        "duplicated": 9,
        "duplicate_executions": 8,
        "re_executions": 12,
    },
    bound_not_reached=0,
    no_worker=0,
    pending=0,
    unwitnessed=0,
    rescues=True,
    acknowledges_in_transaction=False,
    resume_s=2.0,
    machine_limited=False,
    of_either=0,
    provider_stalled=False,
    poison_left=0,
    late_though_limited=0,
    load_limited=False,
    alive_and_idle_s=3.0,
    first_work=Longest(5.0, None),
    first_orphan=Longest(4.0, None),
    last_settled=Longest(6.0, None),
)
NOT_COUNTED = {field.name for field in fields(Observed)}


def judged(name: str, expected: Any, **found: Any) -> Expectation:
    counts = {key: found.pop(key) for key in found.keys() - NOT_COUNTED}
    findings = replace(CALM, counts={**CALM.counts, **counts}, **found)
    return next(e for e in judge_expectations({name: expected}, findings) if e.name == name)


def outcome(name: str, expected: Any, **found: Any) -> str:
    return judged(name, expected, **found).outcome


@pytest.mark.parametrize(
    ("name", "expected", "found", "becomes"),
    [
        ("lost", 0, {}, "met"),
        ("lost", 0, {"lost": 1}, "broken"),
        ("lost", 2, {"lost": 2}, "met"),
        ("lost", 0, {"pending": 3}, "unknown"),
        ("lost", 0, {"unwitnessed": 1}, "unknown"),
        ("lost", 0, {"lost": 1, "pending": 3}, "broken"),
        ("stranded", 0, {"bound_not_reached": 1}, "unknown"),
        ("stranded", 0, {"stranded": 1, "bound_not_reached": 1}, "broken"),
        ("stranded", 0, {"stranded": 1, "rescues": False}, "broken"),
        ("stranded", 0, {"rescues": False}, "met"),
        ("stranded", 1, {"stranded": 1, "rescues": False}, "met"),
        ("stranded", 0, {"no_worker": 1}, "unknown"),
        ("given_up", 0, {"given_up": 1}, "broken"),
        ("given_up", 1, {"given_up": 1}, "met"),
        ("discarded_unplanned", 0, {"discarded_unplanned": 178}, "broken"),
        ("unplanned_failures", 0, {"unplanned_failures": 201}, "broken"),
        ("unplanned_failures", 0, {"unplanned_failures": 1, "provider_stalled": True}, "unknown"),
        ("unplanned_failures", 0, {"provider_stalled": True}, "met"),
        ("refused", 0, {"refused": 179}, "broken"),
        ("never_seen", 0, {"never_seen": 1}, "broken"),
        ("missing_children", 0, {"missing_children": 1}, "broken"),
        ("late_first_orphans", 0, {"late_first_orphans": 1}, "broken"),
        ("late_first_orphans", 0, {"late_though_limited": 1}, "unknown"),
        ("late_first_orphans", 0, {"late_first_orphans": 1, "late_though_limited": 1}, "broken"),
        ("duplicated", 9, {}, "met"),
        ("duplicated", 8, {}, "broken"),
        ("duplicated", 8, {"bound_not_reached": 1}, "unknown"),
        ("duplicated", 8, {"rescues": False}, "not_applicable"),
        ("max_duplicated", 9, {}, "met"),
        ("max_duplicated", 8, {}, "broken"),
        ("max_duplicated", 8, {"bound_not_reached": 1}, "broken"),
        ("max_duplicated", 9, {"bound_not_reached": 1}, "unknown"),
        ("max_duplicated", 9, {"rescues": False}, "met"),
        ("max_first_orphan_s", 4.0, {}, "met"),
        ("max_first_orphan_s", 3.9, {}, "broken"),
        ("max_first_orphan_s", 3.9, {"machine_limited": True}, "unknown"),
        ("max_first_orphan_s", 4.0, {"machine_limited": None}, "unknown"),
        ("max_first_orphan_s", 9.0, {"first_orphan": Longest(None, None)}, "not_applicable"),
        ("max_first_orphan_s", 9.0, {"first_orphan": Longest(4.0, 10.0)}, "broken"),
        ("max_first_orphan_s", 9.0, {"first_orphan": Longest(4.0, 8.0)}, "unknown"),
        ("max_first_orphan_s", 3.0, {"first_orphan": Longest(4.0, 1.0)}, "broken"),
        ("max_first_orphan_s", 9.0, {"first_orphan": Longest(None, 9.1)}, "broken"),
        ("max_first_orphan_s", 9.0, {"first_orphan": Longest(None, 9.0)}, "unknown"),
        ("max_first_orphan_s", 4.0, {"first_orphan": Longest(4.0, 1.0)}, "unknown"),
        ("max_last_settled_s", 6.0, {}, "met"),
        ("max_last_settled_s", 5.9, {}, "broken"),
        ("certificates", 1, {}, "met"),
        ("certificates", 2, {}, "broken"),
        ("duplicate_executions", 8, {}, "met"),
        ("duplicate_executions", 7, {}, "broken"),
        ("duplicate_executions", 9, {"bound_not_reached": 1}, "unknown"),
        ("duplicate_executions", 9, {"rescues": False}, "not_applicable"),
        ("re_executions", 9, {"acknowledges_in_transaction": True}, "not_applicable"),
        ("min_duplicate_executions", 1, {}, "met"),
        ("min_duplicate_executions", 9, {}, "broken"),
        ("min_re_executions", 13, {"bound_not_reached": 1}, "unknown"),
        ("min_re_executions", 1, {"bound_not_reached": 1}, "met"),
        ("max_time_to_resume_s", 2.0, {}, "met"),
        ("max_time_to_resume_s", 1.9, {}, "broken"),
        ("max_time_to_resume_s", 1.9, {"machine_limited": True}, "unknown"),
        ("max_time_to_resume_s", 2.0, {"machine_limited": None}, "unknown"),
        ("max_time_to_resume_s", 1.9, {"resume_s": None}, "unknown"),
        ("min_duplicate_executions", 8, {}, "met"),
        ("max_alive_and_idle_s", 3.0, {}, "met"),
        ("max_alive_and_idle_s", 3.0, {"load_limited": True}, "met"),
        ("max_alive_and_idle_s", 2.9, {}, "broken"),
        ("max_alive_and_idle_s", 2.9, {"load_limited": True}, "unknown"),
        ("max_alive_and_idle_s", 9.0, {"alive_and_idle_s": None}, "unknown"),
        ("max_first_work_s", 5.0, {}, "met"),
        ("max_first_work_s", 4.9, {}, "broken"),
        ("max_first_work_s", 4.9, {"load_limited": None}, "unknown"),
        ("max_first_work_s", 9.0, {"first_work": Longest(None, None)}, "not_applicable"),
        ("max_first_work_s", 9.0, {"first_work": Longest(None, 9.0)}, "unknown"),
        ("max_first_work_s", 9.0, {"first_work": Longest(None, 9.1)}, "broken"),
        ("max_first_work_s", 5.0, {"first_work": Longest(5.0, 4.0)}, "unknown"),
        ("max_first_work_s", 4.9, {"first_work": Longest(5.0, 4.0)}, "broken"),
        ("poison_comes_back", 0, {}, "not_applicable"),
        ("poison_comes_back", 0, {"poison_comes_back": 1}, "broken"),
        ("poison_comes_back", 1, {"poison_comes_back": 1}, "met"),
        ("poison_comes_back", 1, {"poison_comes_back": 1, "poison_left": 1}, "unknown"),
        ("poison_comes_back", 0, {"poison_comes_back": 1, "poison_left": 1}, "broken"),
        ("unanswered", 0, {}, "not_applicable"),
        ("unanswered", 0, {"unanswered": 1}, "broken"),
        ("something_new", 1, {}, "unknown"),
    ],
)
def test_an_expectation_has_its_outcome(
    name: str, expected: Any, found: dict[str, Any], becomes: str
) -> None:
    assert outcome(name, expected, **found) == becomes


@pytest.mark.parametrize(
    ("name", "expected", "found", "why"),
    [
        ("stranded", 0, {"stranded": 1}, BROKEN["stranded"]),
        ("stranded", 1, {"stranded": 1, "rescues": False}, None),
        ("duplicated", 9, {"rescues": False}, NEVER_RESCUES),
        ("max_alive_and_idle_s", 1.0, {}, BROKEN["max_alive_and_idle_s"]),
        ("max_alive_and_idle_s", 1.0, {"load_limited": True}, STALLED),
        ("max_alive_and_idle_s", 1.0, {"load_limited": None}, UNSAMPLED),
        ("max_time_to_resume_s", 1.0, {"machine_limited": True}, STALLED),
        ("max_time_to_resume_s", 1.0, {"machine_limited": None}, UNSAMPLED),
    ],
)
def test_an_expectation_says_why_it_is_not_met(
    name: str, expected: Any, found: dict[str, Any], why: str | None
) -> None:
    assert judged(name, expected, **found).why == why


def test_what_a_scenario_sets_to_null_is_not_expected() -> None:
    assert "lost" not in {e.name for e in judge_expectations({"lost": None}, CALM)}


def test_what_is_expected_of_every_queue_unless_the_scenario_says_otherwise() -> None:
    expected = {
        "lost",
        "stranded",
        "given_up",
        "discarded_unplanned",
        "unplanned_failures",
        "refused",
        "never_seen",
        "missing_children",
        "late_first_orphans",
    }
    of_a_file = msgspec.structs.asdict(Expectations())

    assert {e.name for e in judge_expectations({}, CALM)} == expected
    assert {name for name, value in of_a_file.items() if value is not None} == expected
    assert expected <= BROKEN.keys()


def test_what_voids_a_run_is_no_expectation_though_a_file_of_old_names_it() -> None:
    asked = {"unexpected": 0, "harness_ambiguity": 0}

    assert not asked.keys() & {e.name for e in judge_expectations(asked, CALM)}


@pytest.mark.parametrize("name", ["lost", "given_up", "refused", "late_first_orphans"])
def test_a_broken_expectation_says_what_that_means(name: str) -> None:
    counts = {**CALM.counts, name: 3}
    all_of_it = judge_expectations({name: 0}, replace(CALM, counts=counts))
    (broken,) = [e for e in all_of_it if e.outcome == "broken"]

    assert broken.sentence() == f"Expected {name} = 0, found 3: broken ({BROKEN[name]})."


def test_a_preset_that_never_rescues_is_told_so_where_it_left_jobs_behind() -> None:
    observed = replace(CALM, counts={**CALM.counts, "stranded": 4}, rescues=False)
    (broken,) = [e for e in judge_expectations({}, observed) if e.outcome == "broken"]

    assert "this preset never rescues by itself" in broken.sentence()


@pytest.mark.parametrize(
    ("exit_codes", "expected"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 4], 4),
        ([4, 1, 0], 1),
        ([1, 3, 4], 3),
        ([3, 2, 1], 2),
    ],
)
def test_the_worst_verdict_decides_the_exit_code(exit_codes: list[int], expected: int) -> None:
    assert worst(exit_codes) == expected


def metered(story: Story) -> Story:
    """The same with a hiccup sample of a calm machine just behind the kill."""
    kill = story.first("fault_injected")
    calm = {"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 900}
    sample = {"t_ns": kill["t_ns"] + 1, "subject": "hiccup", **calm}
    story.records.insert(-1, ("resource_sample", sample))
    return story


@pytest.mark.parametrize(
    ("plant", "verdict", "exit_code"),
    [
        (crash, "pass", 0),
        (lambda: one_job({A: "done"}), "fail", 1),
        (lambda: left_claimed(1), "unknown", 4),
        (lambda: crash(expectations={"duplicate_executions": 1, "re_executions": 2}), "pass", 0),
        (lambda: crash(expectations={"duplicate_executions": 2}), "fail", 1),
        (lambda: crash(expectations={"certificates": 1}), "pass", 0),
        (lambda: crash(expectations={"min_re_executions": 3}), "fail", 1),
        (lambda: crash(expectations={"max_time_to_resume_s": 60}), "unknown", 4),
        (lambda: metered(crash(expectations={"max_time_to_resume_s": 60})), "pass", 0),
        (lambda: metered(crash(expectations={"max_time_to_resume_s": 1e-6})), "fail", 1),
        (
            lambda: crash(
                expectations={"duplicate_executions": 5}, acknowledges_in_transaction=True
            ),
            "pass",
            0,
        ),
    ],
)
def test_a_run_has_its_verdict_and_exit_code(
    plant: Callable[[], Any], verdict: str, exit_code: int, tmp_path: Path
) -> None:
    summary = analyse(plant().write(tmp_path))

    assert (summary.verdict, summary.exit_code) == (verdict, exit_code)
    assert bool(summary.reasons) == (verdict != "pass")

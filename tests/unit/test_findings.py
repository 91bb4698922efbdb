"""Findings: what a reader should know beside the figures, and what the parent's notes add to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from tests.histories.loaded import erring
from tests.histories.stories import healthy


def findings(folder: Path, *notes: dict[str, Any]) -> list[str]:
    """Of a healthy run with these notes."""
    story = healthy()
    end = story.records.pop()
    for note in notes:
        story.record("note", **note)
    story.records.append(end)
    return analyse(story.write(folder)).findings


@pytest.mark.parametrize(
    "code",
    [
        "fault_not_due",
        "not_settled",
        "provider_stalled",
        "queue_unreadable",
        "stale_partial",
        "stop_ignored",
        "turn_lost",
        "wall_clock_step",
    ],
)
def test_what_cut_a_run_short_or_blinded_it_is_repeated(code: str, tmp_path: Path) -> None:
    assert findings(tmp_path, {"code": code, "message": "so it was"}) == [f"{code}: so it was"]


def test_a_note_about_a_worker_says_which(tmp_path: Path) -> None:
    about = {"slot": 2, "incarnation": 7}
    note = {"code": "pipe_held", "message": "somebody holds it", "detail": about}

    assert findings(tmp_path, note) == ["pipe_held: slot 2 incarnation 7: somebody holds it"]


def test_the_same_note_is_told_once(tmp_path: Path) -> None:
    note = {"code": "queue_unreadable", "message": "no such table"}

    assert findings(tmp_path, note, note) == ["queue_unreadable: no such table"]


def test_notes_that_only_mark_the_phases_are_not_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, {"code": "phase", "detail": {"phase": "load"}}) == []


def test_a_childs_own_note_is_not_repeated(tmp_path: Path) -> None:
    story = healthy()
    worker = {"slot": 0, "incarnation": 0}
    exit_ = story.first("child_exited")
    story.record("note", code="not_settled", message="says a child", n=exit_["events"], **worker)
    exit_["events"] += 1

    assert analyse(story.write(tmp_path)).findings == []


def test_failures_that_no_plan_foresaw_are_a_finding(tmp_path: Path) -> None:
    story = erring()
    assert analyse(story.write(tmp_path)).findings == []

    story.first("job_failed")["error_class"] = "unplanned"
    (found,) = analyse(story.write(tmp_path)).findings
    assert found.startswith("1 executions failed as no plan foresaw, the first of j000000")

"""Faults of the run's database as a whole history tells them: how long they lasted, and when they
were over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.stories import A, B, C
from tests.unit.test_freeze_certificates import stalled
from tests.unit.test_networks import black_hole, reset

LASTED_S = 8.0
SESSION = {"pid": 7, "backend_start": "then"}
DATABASE = {"kind": "database", "name": "crashbench"}
SERVER = {"kind": "server", "postmaster_pid": 41}
AS_IT_WAS = {"start_time": "then", "marker_rows": 1}
DOOR = ("saw_ns", "still_ns", "lifted_ns", "open_ns")
INSTANTS: dict[str, tuple[str, str, str, str]] = {
    "read_only": DOOR,
    "pool_exhaustion": DOOR,
    "table_lock": ("had_ns", "still_ns", "unlocked_ns", "gone_ns"),
    "database_pause": ("stopped_ns", "still_stopped_ns", "continued_ns", "answered_ns"),
    "pinned_snapshot": ("seen_ns", "still_ns", "let_go_ns", "gone_ns"),
}
"""By a fault's word: when it was first seen, and last; when it was taken back, and was over."""
SHUT = {"saw": "read_write", "sessions": [SESSION]}
SIZE = {"dead_rows": 3, "bytes": 8192}
BEFORE: dict[str, dict[str, Any]] = {
    "read_only": SHUT,
    "pool_exhaustion": SHUT,
    "table_lock": {"tables": ["public.jobs"]},
    "database_pause": AS_IT_WAS,
    "pinned_snapshot": {"tables": ["public.jobs"], "size": SIZE},
}
WAITER = {"pid": 8, "backend_start": "then", "worker": True}
AFTER: dict[str, dict[str, Any]] = {
    "read_only": {"terminated": [SESSION], "saw": "read_only"},
    "pool_exhaustion": {"terminated": [SESSION], "saw": "refused"},
    "table_lock": {"holder_pid": 7, "waiters": [WAITER]},
    "database_pause": {"pids": [41, 42], "after": AS_IT_WAS},
    "pinned_snapshot": {"pid": 7, "xmin": "741", "still_xmin": "741", "size": SIZE},
}


def outage(what: str) -> Story:
    """A is done before it, B after it; C is open meanwhile."""
    story = Story()
    worker = story.worker()
    story.enqueue(A, B, C)
    worker.run(A)
    worker.start(C)
    target = SERVER if what == "database_pause" else DATABASE
    common = {"fault": 0, "what": what, "target": target}
    sent_ns = story.record(
        "fault_injected",
        **common,
        ends_process=False,
        trigger="state",
        biased=True,
        intended_ns=story.now_ns,
        parts=BEFORE[what],
    )["t_ns"]
    story.wait(LASTED_S)
    first, last, taken_back, over = INSTANTS[what]
    ended_ns = story.now_ns
    parts = {first: sent_ns + 1000, last: ended_ns - 1000, taken_back: ended_ns}
    parts |= {over: ended_ns + 1000}
    if what in ("read_only", "pool_exhaustion"):
        parts["sessions_gone_ns"] = sent_ns + 1000
    story.record("fault_ended", **common, parts=AFTER[what] | parts, healed_ns=ended_ns + 1000)
    worker.complete(C)
    worker.run(B)
    story.exit(worker)
    story.end()
    entry = {"what": what, "for_s": LASTED_S, "when": {"completed": 1}}
    story.first("run_start")["scenario"]["faults"] = [entry]
    return story


def said(story: Story, folder: Path) -> str:
    summary = analyse(story.write(folder))
    assert summary.verdict == "invalid"
    return " ".join(summary.reasons)


@pytest.mark.parametrize("what", INSTANTS)
def test_an_outage_of_a_database_that_was_as_planned_is_judged(tmp_path: Path, what: str) -> None:
    summary = analyse(outage(what).write(tmp_path))
    assert summary.verdict == "pass", summary.reasons
    (fault,) = summary.faults
    assert fault.lasted_s == pytest.approx(LASTED_S, abs=0.01)


@pytest.mark.parametrize("what", INSTANTS)
def test_an_outage_of_a_database_that_was_shorter_than_planned_voids_the_run(
    tmp_path: Path, what: str
) -> None:
    story = outage(what)
    story.first("run_start")["scenario"]["faults"][0]["for_s"] = LASTED_S + 1
    assert "Fault 1 was ended sooner than was planned." in said(story, tmp_path)


def test_a_stall_that_was_shorter_than_planned_voids_the_run(tmp_path: Path) -> None:
    story = stalled()
    story.first("run_start")["scenario"]["faults"][0]["stall_s"] += 1.0
    assert "Fault 1 was ended sooner than was planned." in said(story, tmp_path)


@pytest.mark.parametrize("plant", [black_hole, reset, *INSTANTS])
def test_a_fault_that_is_said_to_be_over_when_its_certificate_says_otherwise_voids_the_run(
    tmp_path: Path, plant: Any
) -> None:
    story = outage(plant) if isinstance(plant, str) else plant()
    story.first("fault_ended")["healed_ns"] = story.first("fault_injected")["t_ns"] + 1
    assert "Fault 1 was over at another instant than its certificate says." in said(story, tmp_path)


def test_a_fault_that_is_said_to_be_over_before_it_began_voids_the_run(tmp_path: Path) -> None:
    story = outage("table_lock")
    story.first("fault_ended")["healed_ns"] = story.first("fault_injected")["t_ns"] - 1
    assert "Fault 1 was over before it began" in said(story, tmp_path)


@pytest.mark.parametrize("what", INSTANTS)
def test_an_outage_of_a_database_that_was_last_seen_long_before_its_end_voids_the_run(
    tmp_path: Path, what: str
) -> None:
    story = outage(what)
    still = INSTANTS[what][1]
    story.first("fault_ended")["parts"][still] = story.first("fault_injected")["t_ns"] + 1000
    assert "nothing shows that it lasted until its end" in said(story, tmp_path)


def test_a_library_that_writes_while_the_database_is_read_only_has_evaded_the_fault(
    tmp_path: Path,
) -> None:
    story = outage("read_only")
    at_ns = story.first("fault_ended")["healed_ns"] - 1_000_000_000
    story.first("job_completed", job_id=C)["t_ns"] = at_ns
    summary = analyse(story.write(tmp_path))
    assert (summary.verdict, summary.exit_code) == ("unknown", 4)
    (reason,) = summary.reasons
    assert reason.startswith("Fault 1 was evaded: new sessions were read-only, and 1 jobs were")


@pytest.mark.parametrize("what", ["pool_exhaustion", "database_pause"])
def test_an_effect_that_came_about_without_a_database_voids_the_run(
    tmp_path: Path, what: str
) -> None:
    story = outage(what)
    at_ns = story.first("fault_ended")["healed_ns"] - 1_000_000_000
    story.first("job_completed", job_id=C)["t_ns"] = at_ns
    assert "1 jobs were completed with their effects" in said(story, tmp_path)

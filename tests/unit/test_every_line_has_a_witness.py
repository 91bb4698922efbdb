"""Real histories with one change each, mended: what other lines say of it voids the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import HistoryError
from analysis.summary.summary import analyse
from tests.histories.mutator import Line, mended, recorded, text

Change = Callable[[dict[str, Any]], object]


def set_to(name: str, value: Any) -> Change:
    """A change of one field."""
    return lambda fields: fields.__setitem__(name, value)


def without(name: str) -> Change:
    """A field that is gone."""
    return lambda fields: fields.pop(name)


def later(name: str, seconds: float) -> Change:
    """An instant that is moved."""
    return lambda fields: fields.__setitem__(name, fields[name] + round(seconds * 1e9))


def changed(history: str, kind: str, change: Change, **wanted: Any) -> list[Line]:
    """A recorded history with one line changed: the first of its kind with these values."""
    lines = recorded()[history]
    change(next(one for one in all_fields(lines, kind) if wanted.items() <= one.items()))
    return mended(lines)


def all_fields(lines: list[Line], kind: str) -> list[dict[str, Any]]:
    return [line["fields"] for line in lines if line["kind"] == kind]


def written(lines: list[Line], folder: Path) -> Path:
    path = folder / "changed.jsonl"
    path.write_bytes(b"".join(map(text, lines)))
    return path


CASES: dict[str, tuple[str, str, Change, dict[str, Any], str]] = {
    "sessions of another run": (
        "kill",
        "child_spawned",
        set_to("application_name", "cb:0:0:0"),
        {},
        "bears the name",
    ),
    "an enqueuer in a slot": ("kill", "child_spawned", set_to("role", "enqueuer"), {}, "slot for"),
    "an end of another row": (
        "kill",
        "job_completed",
        set_to("inbox_id", "99999"),
        {},
        "names another row than its job_s",
    ),
    "a failure of another row": (
        "kill",
        "job_failed",
        set_to("inbox_id", "99999"),
        {},
        "names another row than its job_st",
    ),
    "an end of no row": ("kill", "job_completed", without("inbox_id"), {}, "lack the inbox_id"),
    "another job's execution": (
        "kill",
        "job_retried",
        set_to("job_id", "j000000"),
        {},
        "with another job's execution",
    ),
    "no such execution": (
        "kill",
        "job_retried",
        set_to("execution", 9999),
        {},
        "that no job_started names",
    ),
    "no execution": ("kill", "job_retried", without("execution"), {}, "lack the execution"),
    "a child without a slot": ("kill", "job_retried", without("slot"), {}, "which child it is"),
    "an unknown observer": (
        "kill",
        "job_retried",
        set_to("observed_by", "hearsay"),
        {},
        "cannot have observed",
    ),
    "not in its coordinator's execution": (
        "fan_out",
        "job_enqueued",
        set_to("execution", 2),
        {"n": 9},
        "not its coordinator's",
    ),
    "a phase of another name": (
        "kill",
        "note",
        set_to("detail", {"phase": "storm"}),
        {},
        "in this order; its notes say",
    ),
    "a phase out of its order": ("kill", "note", later("t_ns", 3600), {}, "in this order"),
    "never cut": ("kill", "run_end", without("cut_ns"), {}, "when its stream of jobs ended"),
    "another number of places": (
        "kill",
        "resource_sample",
        set_to("capacity", 11),
        {"subject": "children"},
        "of 11 places",
    ),
    "a snapshot of another second": (
        "kill",
        "queue_snapshot",
        later("t_ns", 2),
        {},
        "not taken in their order",
    ),
    "a clock that was set in silence": (
        "kill",
        "clock_anchor",
        later("wall_ns", 0.02),
        {},
        "disagree by",
    ),
    "memory in no whole pages": (
        "kill",
        "resource_sample",
        set_to("rss_bytes", 4097),
        {"subject": "parent"},
        "no whole page",
    ),
    "needs that nobody has": (
        "kill",
        "run_start",
        set_to("needs", ["dedup"]),
        {},
        "run_start needs",
    ),
    "an endless stream that ended": (
        "kill",
        "run_start",
        set_to("planned_stream_jobs", None),
        {},
        "how many jobs the stream has",
    ),
    "a row without a state": (
        "kill",
        "row_read",
        without("state"),
        {"read": "kill"},
        "without a s",
    ),
    "claimed by nobody": (
        "kill",
        "row_read",
        without("claimed_by"),
        {"state": "claimed"},
        "claimed, and by nobody",
    ),
    "reaped twice": (
        "kill",
        "child_exited",
        later("t_ns", 0.001),
        {"reason": "killed"},
        "at two instants",
    ),
    "a job of the stream out of turn": (
        "kill",
        "job_enqueued",
        later("intended_ns", 2),
        {"job_id": "j000003"},
        "not numbered",
    ),
    "a tenant's job without one": (
        "kill",
        "job_enqueued",
        without("tenant"),
        {},
        "lack the tenant that others have",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_real_history_with_one_change_is_void_and_says_why(name: str, tmp_path: Path) -> None:
    history, kind, change, wanted, why = CASES[name]
    summary = analyse(written(changed(history, kind, change, **wanted), tmp_path))

    assert summary.verdict == "invalid"
    assert [reason for reason in summary.reasons if why in reason] != [], summary.reasons


@pytest.mark.parametrize("history", sorted(recorded()))
def test_without_a_change_it_is_not(history: str, tmp_path: Path) -> None:
    assert analyse(written(mended(recorded()[history]), tmp_path)).verdict != "invalid"


@pytest.mark.parametrize("name", ["slot", "incarnation"])
def test_a_rare_line_with_a_negative_number_is_refused_and_breaks_nothing(
    name: str, tmp_path: Path
) -> None:
    lines = changed("kill", "child_exited", set_to(name, -2), reason="stopped")

    with pytest.raises(HistoryError, match=f"{name} is -2, and nothing is counted below 0"):
        analyse(written(lines, tmp_path))

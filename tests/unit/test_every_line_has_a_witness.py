"""Real histories with one change each, mended: what other lines say of it voids the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import HistoryError
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.mutator import Line, mended, recorded
from tests.histories.one_change import Case, changed, later, set_to, without, written
from tests.histories.stories import A

CASES: dict[str, Case] = {
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
    "an end before the kill that its read lacks": (
        "fan_out",
        "row_read",
        without("effects"),
        {"read": "kill", "job_id": "h000001"},
        "The read after kill 1 lacks an effect that had been told of before: h000001.",
    ),
    "a failure in a dead worker that nobody committed": (
        "kill",
        "row_read",
        without("failures"),
        {"job_id": "j000015"},
        "Other failures were committed",
    ),
    "a child's job that came before its call": (
        "fan_out",
        "job_enqueued",
        later("intended_ns", -0.02),
        {"n": 9},
        "than its call's",
    ),
    "an execution of too high a number": (
        "kill",
        "job_started",
        set_to("execution", 64),
        {"execution": 24, "incarnation": 0},
        "did not number its 24 executions",
    ),
    "a preset's hash that is none": (
        "kill",
        "run_start",
        set_to("preset_hash", "nonsense"),
        {},
        "preset_hash",
    ),
    "slots out of turn": (
        "slots",
        "child_spawned",
        later("t_ns", 0.03),
        {"slot": 0},
        "in the order of their slots",
    ),
    "ticks that nobody slept": (
        "kill",
        "resource_sample",
        lambda fields: fields.update(ticks=fields["ticks"] + 7),
        {"subject": "hiccup", "t_ns": 5457396666778},
        "do not make up the time",
    ),
    "a report that came too late": (
        "kill",
        "resource_sample",
        later("t_ns", 0.02),
        {"subject": "hiccup", "t_ns": 5457396666778},
        "Two reports of the hiccup meter are",
    ),
    "fewer statements than before": (
        "kill",
        "resource_sample",
        set_to("calls", 5),
        {"subject": "postgres", "calls": 334},
        "counts fewer calls",
    ),
    "fewer rows than none": (
        "kill",
        "queue_snapshot",
        set_to("dead", -1),
        {"queued": 1},
        "cannot have counted",
    ),
    "fewer executions than none": (
        "kill",
        "resource_sample",
        set_to("open_executions", -1),
        {"subject": "children"},
        "counts less than nothing",
    ),
    "a row before the first job": (
        "kill",
        "queue_snapshot",
        set_to("claimed", 1),
        {},
        "cannot have counted (0, 1, 0, 0)",
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


@pytest.mark.parametrize(("known", "void"), [(0, True), (1, False)])
def test_a_planned_failure_before_a_kill_stands_in_the_read_after_it(
    known: int, void: bool, tmp_path: Path
) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    first.fail(A)
    story.kill(first, held=[A])
    story.first("row_read", read="kill", job_id=A)["failures"] = known
    second = story.worker()
    story.wait(3)
    second.run(A)
    story.exit(second)
    story.row(A, failures=1)
    story.end()
    reasons = analyse(story.write(tmp_path)).reasons

    assert any("lacks a planned failure" in reason for reason in reasons) is void, reasons


@pytest.mark.parametrize("history", sorted(recorded()))
@pytest.mark.parametrize("lost", ["clock_anchor", "phase"])
def test_a_real_history_that_lost_all_that_shows_it_was_recorded_does_not_pass_for_a_written_one(
    history: str, lost: str, tmp_path: Path
) -> None:
    lines = [line for line in recorded()[history] if lost not in (line["kind"], _code(line))]

    assert analyse(written(mended(lines), tmp_path)).verdict == "invalid"


def _code(line: Line) -> object:
    return line["fields"].get("code")

"""A bystander's transactions around a held snapshot, counted and counted again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import HistoryError
from analysis.report.terminal import sections
from analysis.report.terminal_faults import BYSTANDERS_TITLE
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story
from tests.histories.stories import A

MS = 1_000_000
S = 1_000_000_000
SIZE = {"dead_rows": 1, "bytes": 8192}


def transaction(story: Story, took_ms: float, error: str = "") -> None:
    sent_ns = story.now_ns
    story.wait(took_ms / 1000)
    detail: dict[str, Any] = {"sent_ns": sent_ns, **({"error": error} if error else {})}
    story.record("note", code="bystander", detail=detail)["t_ns"] = sent_ns + round(took_ms * MS)


def pinned(story: Story, during: Callable[[Story], object]) -> None:
    """A snapshot that is held for 3 s from T + 5 s, and what happens while it is."""
    entry = {"what": "pinned_snapshot", "at_s": 5.0, "for_s": 3.0}
    story.first("run_start")["scenario"]["faults"].append(entry)
    common = {"what": "pinned_snapshot", "target": {"kind": "database", "name": "cb"}}
    origin_ns = story.first("run_start")["t_ns"] + MS
    story.now_ns = sent_ns = origin_ns + 5 * S
    story.record(
        "fault_injected",
        fault=0,
        **common,
        ends_process=False,
        trigger="timed",
        biased=False,
        intended_ns=sent_ns,
        parts={"tables": ["public.jobs"], "size": SIZE},
    )["t_ns"] = sent_ns
    during(story)
    story.now_ns = over_ns = sent_ns + 3 * S
    seen = {"pid": 7, "xmin": "741", "still_xmin": "741", "size": SIZE}
    instants = {"seen_ns": sent_ns + 1, "still_ns": over_ns - 1, "let_go_ns": over_ns}
    parts = {**seen, **instants, "gone_ns": over_ns + 1}
    story.record("fault_ended", fault=0, **common, parts=parts, healed_ns=over_ns + 1)


def plant(story: Story) -> None:
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    for took_ms in (1.0, 2.0, 3.0):
        transaction(story, took_ms)

    def during(story: Story) -> None:
        for took_ms in (10.0, 20.0, 30.0, 40.0):
            transaction(story, took_ms)
        transaction(story, 500.0, "QueryCanceled")

    pinned(story, during)
    transaction(story, 900.0)
    story.phase("stop")
    story.exit(worker)
    story.end({})


def judged(folder: Path, told: Callable[[Story], object] = plant) -> tuple[Summary, Path]:
    story = Story()
    told(story)
    path = story.write(folder)
    summary = analyse(path)
    assert summary.verdict != "invalid", summary.reasons
    return summary, path


def test_transactions_are_counted_before_the_fault_and_while_it_lasts(tmp_path: Path) -> None:
    summary, _ = judged(tmp_path)
    (found,) = summary.bystanders
    assert (found.before.n, found.during.n, found.failed) == (3, 4, 1)
    assert found.before.p50 == pytest.approx(2, rel=0.01)
    assert found.before.max == pytest.approx(3, rel=0.01)
    assert found.during.p50 == pytest.approx(20, rel=0.01)
    assert found.during.max == pytest.approx(40, rel=0.01)
    (said,) = [said for said in summary.findings if "bystander" in said]
    assert "2.00 ms (median; p99 3.00 ms, of 3) before pinned snapshot 1," in said
    assert said.endswith("of 4) during it; 1 more failed.")


def test_they_can_be_counted_again_from_the_history_alone(tmp_path: Path) -> None:
    summary, path = judged(tmp_path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (sent_ns,) = [one["fields"]["t_ns"] for one in lines if one["kind"] == "fault_injected"]
    notes = [one["fields"] for one in lines if one["kind"] == "note"]
    took_ms = sorted(
        (note["t_ns"] - note["detail"]["sent_ns"]) / MS
        for note in notes
        if note["code"] == "bystander" and note["detail"]["sent_ns"] < sent_ns
    )
    (found,) = summary.bystanders
    assert found.before.n == len(took_ms)
    assert found.before.p50 == pytest.approx(took_ms[len(took_ms) // 2], rel=0.01)


def test_the_report_has_them_in_a_table(tmp_path: Path) -> None:
    summary, _ = judged(tmp_path)
    grid = dict(sections(summary))[BYSTANDERS_TITLE]
    assert grid.row_count == 2


def test_a_held_snapshot_without_a_bystander_says_so(tmp_path: Path) -> None:
    def without(story: Story) -> None:
        plant(story)
        story.records = [one for one in story.records if one[1].get("code") != "bystander"]

    summary, _ = judged(tmp_path, without)
    (found,) = summary.bystanders
    assert (found.before.n, found.during.n, found.during.p50) == (0, 0, None)
    assert any(
        said.startswith("There was no bystander's transaction before") for said in summary.findings
    )


def noted(story: Story) -> list[dict[str, Any]]:
    return [fields for _, fields in story.records if fields.get("code") == "bystander"]


def over_before_it_was_begun(story: Story) -> None:
    one = noted(story)[1]
    one["detail"]["sent_ns"] = one["t_ns"] + 1


def begun_before_the_last_was_over(story: Story) -> None:
    one, later = noted(story)[3:5]
    later["detail"]["sent_ns"] = one["t_ns"] - 1


def told_twice(story: Story) -> None:
    one = noted(story)[3]
    story.records.insert(story.records.index(("note", one)), ("note", dict(one)))


def of_another_run(story: Story) -> None:
    """Nothing is held in this one."""
    story.first("run_start")["scenario"]["faults"] = []
    for kind in ("fault_injected", "fault_ended"):
        story.drop(kind)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (over_before_it_was_begun, "transaction was over before it was begun"),
        (begun_before_the_last_was_over, "before the one before was over; it has one session"),
        (told_twice, "before the one before was over; it has one session"),
        (of_another_run, "are told of, and the scenario has no bystander"),
    ],
)
def test_transactions_that_one_session_cannot_have_had_void_the_run(
    change: Callable[[Story], object], says: str, tmp_path: Path
) -> None:
    story = Story()
    plant(story)
    change(story)
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert says in " ".join(summary.reasons)


def test_what_a_worker_notes_is_no_bystanders(tmp_path: Path) -> None:
    def with_a_workers(story: Story) -> None:
        plant(story)
        left = story.first("child_exited")
        who = {"n": left["events"], "slot": 0, "incarnation": 0}
        noted(story)[1].update(who)
        left["events"] += 1

    summary, _ = judged(tmp_path, with_a_workers)
    (found,) = summary.bystanders
    assert (found.before.n, found.during.n) == (2, 4)


def test_a_note_that_is_no_transaction_is_told_in_a_sentence(tmp_path: Path) -> None:
    story = Story()
    plant(story)
    noted(story)[1]["detail"] = {"began": 1}
    with pytest.raises(HistoryError, match="of a bystander's transaction does not fit"):
        analyse(story.write(tmp_path))

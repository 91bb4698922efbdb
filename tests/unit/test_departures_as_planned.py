"""A worker that is told to leave gets the time that was planned: else the run is invalid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.stories import A

SECOND_NS = 1_000_000_000
GRACE_S = 7.0
Change = Callable[[Story], object]


def leaves(*, killed: bool = False) -> Story:
    """A worker is told to leave with A open; it is done, or killed at the end of its grace."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    fault = story.tell_to_stop(first, grace_s=GRACE_S)
    if killed:
        story.wait(GRACE_S)
    else:
        first.complete(A)
    successor = story.depart(first, fault, [A] if killed else [], killed=killed)
    if killed:
        successor.run(A)
    story.phase("stop")
    story.exit(successor)
    story.end()
    return story


def dies() -> Story:
    """It is killed at the end of its grace."""
    return leaves(killed=True)


def terminated() -> Story:
    """The same by SIGTERM, sent again after a second."""
    story = dies()
    for kind in ("fault_injected", "fault_ended"):
        story.first(kind)["what"] = "terminate"
    entry = {"what": "terminate", "slot": 0, "again_after_s": 1.0, "grace_s": GRACE_S}
    planned(story)[:] = [{**entry, "at_s": planned(story)[0]["at_s"]}]
    end(story)["again_ns"] = end(story)["told_ns"] + SECOND_NS
    return story


def planned(story: Story) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = story.first("run_start")["scenario"]["faults"]
    return entries


def end(story: Story) -> dict[str, Any]:
    parts: dict[str, Any] = story.first("fault_ended")["parts"]
    return parts


def plan(**values: Any) -> Change:
    return lambda story: planned(story)[0].update(values)


def seen(**values: Any) -> Change:
    return lambda story: end(story).update(values)


@pytest.mark.parametrize("story", [leaves(), dies(), terminated()])
def test_a_departure_that_was_as_planned_is_judged(tmp_path: Path, story: Story) -> None:
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "pass", summary.reasons


def without_a_successor(story: Story) -> None:
    """Its slot stays empty, and the fault is over all the same."""
    story.records = [
        (kind, fields)
        for kind, fields in story.records
        if fields.get("incarnation") != 1 and "healed_ns" not in fields
    ] + [(kind, fields) for kind, fields in story.records if "healed_ns" in fields]


def too_early(story: Story) -> None:
    """Its successor is there before it is gone."""
    told_ns = end(story)["told_ns"]
    story.first("child_spawned", incarnation=1)["t_ns"] = told_ns + 1
    story.first("child_ready", incarnation=1)["t_ns"] = told_ns + 2


@pytest.mark.parametrize(
    ("plant", "change", "says"),
    [
        (dies, plan(grace_s=GRACE_S + 1), "killed its worker before its grace was over"),
        (dies, plan(grace_s=GRACE_S - 5.5), "let its worker go on when its grace was over"),
        (leaves, plan(successor="before"), "did not come when it was planned to"),
        (leaves, too_early, "did not come when it was planned to"),
        (leaves, without_a_successor, "no other worker was ready in its slot"),
        (leaves, lambda s: seen(again_ns=end(s)["told_ns"])(s), "is no terminate"),
        (
            leaves,
            lambda s: seen(told_ns=end(s)["reaped_ns"] + 1)(s),
            "it was gone before it was told to leave",
        ),
        (
            terminated,
            lambda s: seen(again_ns=end(s)["killed_ns"] + 1)(s),
            "it was killed before it was told to leave",
        ),
        (terminated, plan(again_after_s=1.1), "signalled again sooner than was planned"),
        (terminated, lambda s: end(s).pop("again_ns"), "did not signal again when it was due"),
    ],
)
def test_a_departure_that_was_not_as_planned_voids_the_run(
    tmp_path: Path, plant: Callable[..., Story], change: Change, says: str
) -> None:
    story = plant()
    change(story)
    summary = analyse(story.write(tmp_path))
    assert summary.verdict == "invalid"
    assert says in " ".join(summary.reasons)


def overtaken(*, told_first: bool) -> Story:
    """The successor is ready first; another worker takes A before that one is told to leave, or
    after it."""
    story = Story()
    story.first("run_start")["scenario"]["workers"]["slots"] = 2
    first, second = story.worker(), story.worker(1)
    story.enqueue(A)
    first.start(A)
    fault = story.tell_to_stop(first, grace_s=GRACE_S)
    successor = story.worker()
    story.first("child_spawned", incarnation=1)["after_fault"] = fault
    if told_first:
        told_ns = story.now_ns
        second.run(A)
    else:
        second.run(A)
        told_ns = story.now_ns
    story.wait(1)
    first.complete(A)
    left = story.exit(first, fault=fault)
    gone_ns = left["t_ns"]
    story.record("row_read", read="kill", fault=fault, lines=0)["t_ns"] = gone_ns + 1
    sent = story.first("fault_injected")
    parts = {"reaped_ns": gone_ns, "eof_ns": gone_ns, "sessions_gone_ns": gone_ns}
    parts |= {"rows_read_ns": gone_ns + 1, "told_ns": told_ns, "exit_code": 0}
    common = {key: sent[key] for key in ("fault", "what", "target")}
    story.record("fault_ended", **common, parts=parts, raced=True, healed_ns=gone_ns)
    story.phase("stop")
    story.exit(second)
    story.exit(successor)
    story.end()
    planned(story)[0]["successor"] = "before"
    return story


@pytest.mark.parametrize("told_first", [True, False])
def test_who_was_not_told_to_leave_yet_is_no_cause_of_what_is_done_twice(
    tmp_path: Path, told_first: bool
) -> None:
    summary = analyse(overtaken(told_first=told_first).write(tmp_path))
    assert summary.verdict != "invalid", summary.reasons
    by = summary.crash.duplicates_live_by
    assert (by.drain, by.rescue) == ((1, 0) if told_first else (0, 1))
    (fault,), (gone,) = summary.faults, summary.departures
    assert fault.live_taken == gone.taken == int(told_first)


@pytest.mark.parametrize(("plant", "outcome"), [(leaves, "died"), (terminated, "abandoned")])
def test_a_sigterm_that_nobody_sent_is_no_drain(
    tmp_path: Path, plant: Callable[..., Story], outcome: str
) -> None:
    story = plant()
    for fields in (story.first("child_exited", incarnation=0), end(story)):
        fields.pop("exit_code", None)
        fields["signal"] = 15
    if plant is terminated:
        story.first("child_exited", incarnation=0)["reason"] = "stopped"
        del end(story)["killed_ns"]
    (gone,) = analyse(story.write(tmp_path)).departures
    assert gone.outcome == outcome

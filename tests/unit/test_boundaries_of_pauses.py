"""Stopped workers, and crash loops, where one nanosecond more or less turns it; and which lines of
a worker lie between two instants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.checks import bystanders, crash_loops, pauses
from analysis.checks.lines_of_workers import lines_between
from analysis.history.load import load
from tests.histories.builder import Story, Worker
from tests.histories.stories import A, B
from tests.unit.said_by import end, entry, said_by
from tests.unit.test_bystanders import noted, plant
from tests.unit.test_pauses import story
from tests.unit.test_rounds_of_kills import looped

S = 1_000_000_000


@pytest.mark.parametrize(("short_ns", "told"), [(0, False), (1, True)])
def test_a_worker_stays_stopped_to_the_nanosecond_as_long_as_was_planned(
    short_ns: int, told: bool, tmp_path: Path
) -> None:
    paused = story()
    entry(paused)["pause_s"] = 5.0
    end(paused)["continued_ns"] = paused.first("fault_injected")["t_ns"] + 5 * S - short_ns
    said = said_by(pauses, paused, tmp_path)
    assert ("Fault 1 let its worker go on sooner than was planned." in said) is told


@pytest.mark.parametrize(
    ("after_stop_ns", "before_going_on_ns", "told"),
    [(0, None, False), (1, None, True), (None, 1, True), (None, 0, False)],
)
def test_a_line_is_written_by_a_stopped_worker_that_lies_between_its_stop_and_its_going_on(
    after_stop_ns: int | None, before_going_on_ns: int | None, told: bool, tmp_path: Path
) -> None:
    paused = story()
    stopped_ns, continued_ns = end(paused)["stopped_ns"], end(paused)["continued_ns"]
    at_ns = (
        stopped_ns + after_stop_ns
        if after_stop_ns is not None
        else continued_ns - (before_going_on_ns or 0)
    )
    paused.first("job_completed", slot=0, job_id=A)["t_ns"] = at_ns
    assert any("wrote 1 lines" in one for one in said_by(pauses, paused, tmp_path)) is told


@pytest.mark.parametrize(("after_ns", "told"), [(0, True), (-1, True), (1, False)])
def test_a_successor_was_ready_that_had_said_so_by_the_instant_of_its_kill(
    after_ns: int, told: bool, tmp_path: Path
) -> None:
    loop = looped(ready=True)
    sent_ns = loop.first("fault_injected", fault=1)["t_ns"]
    loop.first("child_ready", incarnation=1)["t_ns"] = sent_ns + after_ns
    said = "Fault 2 was to kill a successor before it was ready, and it was ready: no crash loop."
    assert said_by(crash_loops, loop, tmp_path) == [said] * told


# A bystander


def transactions(begun_ns: int, over_ns: int, next_ns: int) -> Story:
    """The first two of a bystander, in nanoseconds from the first one's planned beginning."""
    told = Story()
    plant(told)
    one, later = noted(told)[:2]
    at_ns = one["detail"]["sent_ns"]
    one["detail"]["sent_ns"], one["t_ns"] = at_ns + begun_ns, at_ns + over_ns
    later["detail"]["sent_ns"] = at_ns + next_ns
    return told


@pytest.mark.parametrize(
    ("instants", "says"),
    [
        ((5, 5, 6), []),
        ((6, 5, 6), ["A bystander's transaction was over before it was begun."]),
        ((5, 6, 6), []),
        (
            (5, 7, 6),
            ["A bystander began a transaction before the one before was over; it has one session."],
        ),
    ],
)
def test_a_bystanders_transactions_may_touch_one_another(
    instants: tuple[int, int, int], says: list[str], tmp_path: Path
) -> None:
    assert said_by(bystanders, transactions(*instants), tmp_path) == says


# Lines between two instants

Write = Callable[[Worker], object]


def noting(worker: Worker) -> dict[str, Any]:
    return worker.emit("note", code="bad_line", detail={})


def telling(kind: str) -> Write:
    return lambda worker: worker.tell(kind, A)


WRITES: dict[str, Write] = {
    "child_ready": lambda w: w.emit("child_ready", pid=w.pid, identity=w.identity),
    "job_started": lambda w: w.start(B),
    "job_completed": lambda w: w.complete(A),
    "job_failed": lambda w: w.fail(A),
    "job_dying": lambda w: w.announce(A),
    "job_retried": telling("job_retried"),
    "job_discarded": telling("job_discarded"),
    "job_enqueued": lambda w: w.story.enqueue(f"{A}/0", by=w),
    "note": noting,
}


def one_line(write: Write) -> tuple[Story, int]:
    """A worker starts A, and a second later writes one line more; its instant."""
    told = Story()
    first, second = told.worker(0), told.worker(1)
    told.enqueue(A, B)
    first.start(A)
    second.start(B)
    told.wait(1)
    write(first)
    at_ns = told.now_ns
    told.wait(1)
    told.exit(first)
    told.end()
    return told, at_ns


@pytest.mark.parametrize("kind", WRITES)
def test_a_line_lies_between_two_instants_and_on_neither(kind: str, tmp_path: Path) -> None:
    told, at_ns = one_line(WRITES[kind])
    history = load(told.write(tmp_path))
    found = {
        (after, before): lines_between(history, (0, 0), at_ns + after, at_ns + before)
        for after, before in [(-1, 1), (0, 1), (-1, 0), (-5, -1), (1, 5)]
    }
    assert found == {(-1, 1): 1, (0, 1): 0, (-1, 0): 0, (-5, -1): 0, (1, 5): 0}
    assert lines_between(history, (1, 0), at_ns - 1, at_ns + 1) == 0
    assert lines_between(history, (0, 1), at_ns - 1, at_ns + 1) == 0
    assert lines_between(history, (0, 0), at_ns - 1) == 1
    assert lines_between(history, (0, 0), at_ns) == 0


def test_what_the_parent_writes_of_a_worker_is_no_line_of_its_own(tmp_path: Path) -> None:
    told, at_ns = one_line(noting)
    del told.first("note")["n"]
    assert lines_between(load(told.write(tmp_path)), (0, 0), at_ns - 1, at_ns + 1) == 0


def test_lines_of_all_kinds_are_counted_together(tmp_path: Path) -> None:
    def write(worker: Worker) -> None:
        for kind in ("job_completed", "job_enqueued", "note"):
            WRITES[kind](worker)

    told, at_ns = one_line(write)
    assert lines_between(load(told.write(tmp_path)), (0, 0), at_ns - S // 2) == 3

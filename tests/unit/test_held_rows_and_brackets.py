"""The count of a row that was held at a kill, and the two reads of a clock around an anchor's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.checks.consistency import disagreements
from analysis.checks.kill_reads import CHECKS
from analysis.history.columns import digests, pack_one
from analysis.history.load import load
from orchestrator.history.records import FaultInjected, RowRead
from orchestrator.history.targets import ServerTarget
from tests.histories.mutator import Line, mended, recorded
from tests.histories.one_change import changed, without, written
from tests.unit.stand_in_history import stand_in
from worker_child.protocol import ChildReady

LOWER = "A row of j0 was counted lower at a kill than when it had started."
UNCOUNTED = "Some rows that were held at kills lack the library_attempt that others have."
APART = "The two reads of the clock around a clock_anchor's cannot lie so far apart."
READ_NS = 100
(ATTEMPTS,) = (check for check in CHECKS if check.__name__ == "_attempts")


class _Starts:
    """Starts in rows: (row, worker, instant, count)."""

    def __init__(self, *starts: tuple[str | None, tuple[int, int], int, int]) -> None:
        keys = [pack_one(*worker, number) for number, (_, worker, *_) in enumerate(starts, 1)]
        self.inbox = digests([row for row, *_ in starts])
        self.key = np.array(keys, np.int64)
        self.t_ns = np.array([t_ns for *_, t_ns, _ in starts], np.int64)
        self.library_attempt = np.array([count for *_, count in starts], np.int32)


def ready(slot: int, incarnation: int, identity: str) -> ChildReady:
    return ChildReady(5, 0, slot, incarnation, 1, identity)


def held(
    attempt: int | None, row: str | None = "7", by: str = "a", state: Any = "claimed"
) -> RowRead:
    return RowRead(
        READ_NS, "kill", "j0", 0, inbox_id=row, state=state, claimed_by=by, library_attempt=attempt
    )


def said(*reads: RowRead, starts: _Starts, harmed: bool = False) -> list[str]:
    lines: list[Any] = [ready(0, 0, "a"), ready(0, 1, "b"), ready(1, 0, "c")]
    if harmed:
        lines.append(FaultInjected(9, 9, "pause", ServerTarget(7), False, "timed", False, 9, {}))
    history = stand_in(*lines, kill_reads=list(reads), starts=starts, server_harmed=harmed)
    return list(ATTEMPTS(history))


@pytest.mark.parametrize(
    ("count", "attempt", "lower"),
    [(1, 0, True), (1, 1, False), (1, 2, False), (0, 0, False), (0, -1, True), (40, 1, True)],
)
def test_a_held_row_was_counted_at_least_as_often_as_its_holders_start_of_it(
    count: int, attempt: int, lower: bool
) -> None:
    found = said(held(attempt), starts=_Starts(("7", (0, 0), 50, count)))
    assert found == [LOWER] * lower


@pytest.mark.parametrize(("t_ns", "lower"), [(99, True), (100, True), (101, False)])
def test_a_start_after_the_read_says_nothing_of_what_was_read(t_ns: int, lower: bool) -> None:
    found = said(held(0), starts=_Starts(("7", (0, 0), t_ns, 1)))
    assert found == [LOWER] * lower


def test_the_highest_count_of_several_starts_of_a_row_counts_whatever_their_order() -> None:
    for counts in ((1, 2), (2, 1)):
        starts = _Starts(*(("7", (0, 0), 50 + n, count) for n, count in enumerate(counts)))
        assert said(held(1), starts=starts) == [LOWER]
        assert said(held(2), starts=starts) == []


def test_neither_another_row_nor_another_worker_counts() -> None:
    starts = _Starts(("8", (0, 0), 50, 9), ("7", (0, 1), 50, 9), ("7", (1, 0), 50, 9))
    assert said(held(0), starts=starts) == []
    assert said(held(0, by="b"), starts=starts) == [LOWER]
    assert said(held(0, by="somebody"), starts=starts) == []


def test_of_several_rows_each_is_held_against_its_own_starts() -> None:
    starts = _Starts(("7", (0, 0), 50, 1), ("8", (0, 0), 50, 2))
    assert said(held(1), held(2, "8"), starts=starts) == []
    assert said(held(2), held(1, "8"), starts=starts) == [LOWER]
    assert said(held(0), held(1, "8"), starts=starts) == [LOWER, LOWER]


def test_a_row_of_a_library_that_does_not_count_or_name_it_is_not_asked() -> None:
    nameless = _Starts((None, (0, 0), 50, 9))
    assert said(held(None), held(None, "8"), starts=_Starts(("7", (0, 0), 50, 1))) == []
    assert said(held(0, None), starts=nameless) == []
    assert said(held(None), held(0), starts=_Starts(("7", (0, 0), 50, 1))) == [LOWER]


def test_a_row_that_nobody_holds_may_be_counted_as_the_library_likes() -> None:
    assert said(held(0, state="queued"), starts=_Starts(("7", (0, 0), 50, 1))) == []


def test_a_harmed_server_may_have_lost_what_was_counted() -> None:
    assert said(held(0), starts=_Starts(("7", (0, 0), 50, 1)), harmed=True) == []


def said_of(lines: list[Line], folder: Path) -> list[str]:
    return disagreements(load(written(lines, folder)))


def test_of_a_recorded_run_the_held_rows_are_asked(tmp_path: Path) -> None:
    lines = changed("kill", "row_read", _less, read="kill", state="claimed")
    assert said_of(lines, tmp_path) == [LOWER.replace("j0", "j000022")]


def _less(fields: dict[str, Any]) -> None:
    fields["library_attempt"] -= 1


def test_what_a_library_counts_in_one_held_row_it_counts_in_all(tmp_path: Path) -> None:
    lines = changed("kill", "row_read", without("library_attempt"), read="kill", state="claimed")
    assert said_of(lines, tmp_path) == [UNCOUNTED]
    for line in lines:
        line["fields"].pop("library_attempt", None)
    assert said_of(mended(lines), tmp_path) == []


def test_a_row_that_is_not_held_may_lack_what_the_held_ones_have(tmp_path: Path) -> None:
    def let_go(fields: dict[str, Any]) -> None:
        for name in ("library_attempt", "claimed_by", "claimable_ns"):
            del fields[name]
        fields["state"] = "queued"

    lines = changed("kill", "row_read", let_go, read="kill", state="claimed")
    assert UNCOUNTED not in said_of(lines, tmp_path)


def around(
    bracket_ns: int, folder: Path, before_ns: int | None = None, after_ns: int | None = None
) -> list[str]:
    """What is said of an anchor with such a bracket; its neighbours so far from its instant."""
    lines = recorded()["kill"]
    sampled = ("clock_anchor", "queue_snapshot", "resource_sample")
    turns = sorted(
        (
            line["fields"]
            for line in lines
            if line["kind"] in sampled and line["fields"].get("subject") != "hiccup"
        ),
        key=lambda fields: fields["t_ns"],
    )
    place = [n for n, fields in enumerate(turns) if "wall_ns" in fields][3]
    anchor = turns[place]
    anchor["bracket_ns"] = bracket_ns
    if before_ns is not None:
        turns[place - 1]["t_ns"] = anchor["t_ns"] - before_ns
    if after_ns is not None:
        turns[place + 1]["t_ns"] = anchor["t_ns"] + after_ns
    return said_of(mended(lines), folder)


@pytest.mark.parametrize(("bracket_ns", "wrong"), [(-1, True), (0, False), (1, False)])
def test_the_second_read_of_a_clock_comes_after_the_first(
    bracket_ns: int, wrong: bool, tmp_path: Path
) -> None:
    assert around(bracket_ns, tmp_path) == [APART] * wrong


@pytest.mark.parametrize(
    ("bracket_ns", "before_ns", "wrong"),
    [(10, 5, False), (10, 4, True), (11, 5, False), (11, 4, True), (12, 5, True)],
)
def test_nothing_of_the_sampler_comes_after_the_first_read_and_before_the_anchor(
    bracket_ns: int, before_ns: int, wrong: bool, tmp_path: Path
) -> None:
    """An odd number of nanoseconds has the larger half behind it."""
    assert around(bracket_ns, tmp_path, before_ns=before_ns) == [APART] * wrong


@pytest.mark.parametrize(
    ("bracket_ns", "after_ns", "wrong"),
    [(10, 5, False), (10, 4, True), (11, 6, False), (11, 5, True)],
)
def test_nothing_of_the_sampler_comes_after_the_anchor_and_before_the_second_read(
    bracket_ns: int, after_ns: int, wrong: bool, tmp_path: Path
) -> None:
    assert around(bracket_ns, tmp_path, after_ns=after_ns) == [APART] * wrong


def test_two_anchors_one_after_the_other_do_not_overlap(tmp_path: Path) -> None:
    def wide(fields: dict[str, Any]) -> None:
        fields["bracket_ns"] = 4_000_000_000

    assert APART in said_of(changed("kill", "clock_anchor", wide), tmp_path)


@pytest.mark.parametrize(("bracket_ns", "wrong"), [(100, False), (102, True)])
def test_one_clock_is_read_to_the_end_before_the_next(
    bracket_ns: int, wrong: bool, tmp_path: Path
) -> None:
    """Two that begin within one another, and end one after the other."""
    lines = recorded()["kill"]
    anchors = [line["fields"] for line in lines if line["kind"] == "clock_anchor"]
    of_a_turn = anchors[3]["t_ns"], anchors[4]["t_ns"]
    between = [
        line
        for line in lines
        if line["kind"] in ("queue_snapshot", "resource_sample")
        and of_a_turn[0] <= line["fields"]["t_ns"] <= of_a_turn[1]
    ]
    for anchor in anchors[3:5]:
        anchor["bracket_ns"] = bracket_ns
    anchors[4]["t_ns"] = of_a_turn[0] + 100
    kept = [line for line in lines if line not in between]
    assert (APART in said_of(mended(kept), tmp_path)) is wrong


def test_the_hiccup_meter_may_report_between_the_two_reads(tmp_path: Path) -> None:
    lines = recorded()["kill"]
    anchors = [line["fields"] for line in lines if line["kind"] == "clock_anchor"]
    report = next(line["fields"] for line in lines if line["fields"].get("subject") == "hiccup")
    anchor = min(anchors, key=lambda fields: abs(fields["t_ns"] - report["t_ns"]))
    moved_ns = anchor["t_ns"] - report["t_ns"]
    for line in lines:
        if line["fields"].get("subject") == "hiccup":
            line["fields"]["t_ns"] += moved_ns
    assert APART not in said_of(mended(lines), tmp_path)

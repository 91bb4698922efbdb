"""Tables of crash points, as a page and as strips of report.html."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from analysis.commands import Inputs, inputs
from analysis.compare.crash_points import (
    Action,
    CrashPoints,
    ListedPoint,
    PointOutcome,
    PointRun,
    PointVerdict,
    read_table,
)
from analysis.errors import CrashPointsError, NoSuchHistoryError
from analysis.report.crash_points_page import crash_points_page
from analysis.report.html.crash_points import strips_of
from analysis.report.html.page import report_page
from orchestrator.commands.crash_points.table import print_table, summary_lines
from orchestrator.scenario.triggered import PointSide
from tests.histories.planted import PLANTED

SQL = "SELECT '<b>|x' FROM t -- <script>"


def outcome(
    side: PointSide, verdict: PointVerdict, action: Action = "kill", **run: object
) -> PointOutcome:
    ids = {"run_id": f"point_{side}_{action}", "jobs": ("j000001",)}
    runs = (msgspec.convert({**ids, "verdict": verdict, **run}, PointRun),)
    return PointOutcome(
        id="0123abcd",
        workload="single",
        statement=SQL,
        phase="completed",
        wave=0,
        ordinal=2,
        side=side,
        action=action,
        verdict=verdict,
        runs=runs,
        sql=SQL,
    )


def table(*points: PointOutcome, **more: object) -> CrashPoints:
    fields = {
        "crash_points_version": 1,
        "library": "planted",
        "library_version": "1.0",
        "preset": "tuned",
        "folder": "crash_points/planted-tuned",
        "command": "crashbench crash-points planted --preset tuned",
        "repetitions": 1,
        "lanes": 4,
        "took_s": 9.0,
        "runs": 8,
        "complete": True,
        "points": points,
        **more,
    }
    return CrashPoints(**fields)  # type: ignore[arg-type]


BOTH = table(outcome("before", "duplicated"), outcome("after", "clean"))


def test_the_page_has_a_row_a_point_with_a_column_a_side() -> None:
    page = crash_points_page([BOTH])
    (row,) = [line for line in page.splitlines() if line.startswith("| 0123abcd")]
    cells = [cell.strip() for cell in row.strip("|").replace("\\|", "/").split("|")]
    assert cells[:5] == ["0123abcd", "single", "0", "completed", "2"]
    assert cells[6:] == ["duplicated", "clean"]
    assert "- kill: 2 points with their sides: 1 duplicated, 1 clean." in page
    assert "<b>" not in page and "<script>" not in page


def test_the_page_says_what_was_not_tried_and_that_it_is_not_whole() -> None:
    page = crash_points_page([table(complete=False, not_tried={"stall": "nobody rescues"})])
    assert "- stall: not tried, as nobody rescues." in page
    assert "did not come to its end" in page


def test_the_page_and_the_terminal_say_before_how_many_points_nothing_was_tried() -> None:
    point = ListedPoint(
        workload="single", statement=SQL, phase="failed", wave=1, ordinal=1, folded=0
    )
    found = table(outcome("after", "clean"), before_unknown=(point,))
    assert "- Before 1 of the points nothing was tried" in crash_points_page([found])
    assert any(line.startswith("Before 1 of them nothing") for line in summary_lines(found))
    assert "nothing was tried" not in crash_points_page([BOTH])
    assert not any("nothing" in line for line in summary_lines(BOTH) if "Before" in line)


@pytest.mark.parametrize(("version", "named"), [("1.6.0", "pgqueuer 1.6.0,"), ("", "pgqueuer,")])
def test_a_table_of_nothing_has_no_gap_where_no_run_told_the_version(
    version: str, named: str
) -> None:
    first, *_ = summary_lines(table(library="pgqueuer", library_version=version, points=()))
    assert first.startswith(f"{named} tuned: 0 points")


def test_a_whole_enumeration_is_measured_by_its_longest_wait() -> None:
    killed = outcome("before", "duplicated", recovery_s=2.0)
    found = table(killed, outcome("after", "clean", "stall", stalled_s=3.0), took_s=9.0)
    # 9 s over 3 s x 8 runs / 4 lanes
    said = "The whole enumeration took 9 s = 1.5 times its longest single recovery wait (3.0 s) x"
    assert f"{said} 8 runs / 4 lanes." in summary_lines(found)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"complete": False}, "8 runs on 4 lanes took 9 s."),
        ({"kept": 3}, "8 runs on 4 lanes took 9 s, and 3 were there from an earlier call."),
        ({"kept": 3, "runs": 0}, "0 runs on 4 lanes took 9 s, and 3 were there from an earlier"),
        ({"points": (outcome("before", "clean"),)}, "8 runs on 4 lanes took 9 s."),
    ],
)
def test_what_is_not_whole_or_waited_for_nothing_is_measured_by_no_wait(
    changed: dict[str, Any], says: str
) -> None:
    points = (outcome("before", "late", recovery_s=2.0),)
    lines = summary_lines(table(**({"points": points} | changed)))
    assert any(line.startswith(says) for line in lines)
    assert not any("whole enumeration" in line for line in lines)


def test_each_point_is_a_cell_that_leads_to_its_evidence(tmp_path: Path) -> None:
    (strips,) = strips_of([BOTH])
    assert [(strip.name, len(strip.cells)) for strip in strips.strips] == [
        ("kill before", 1),
        ("kill after", 1),
    ]
    cell = strips.strips[0].cells[0]
    assert cell is not None
    history = "crash_points/planted-tuned/point_before_kill.jsonl"
    assert cell.explain == f"crashbench explain {history} j000001"
    page = report_page([PLANTED["a_crash"].plant().write(tmp_path)], [BOTH])
    assert f'href="#{cell.anchor}"' in page and f'id="{cell.anchor}"' in page
    assert "SELECT '<b>" not in page and "-- <script>" not in page


def test_a_point_that_was_tried_on_one_side_alone_leaves_a_gap() -> None:
    other = msgspec.structs.replace(outcome("after", "clean"), id="89abcdef")
    (strips,) = strips_of([table(outcome("before", "clean"), other)])
    gaps = [[cell is None for cell in strip.cells] for strip in strips.strips]
    assert gaps == [[False, True], [True, False]]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"late_rows": 1}, "duplicated, 1 row"),
        ({"late_rows": 0, "concurrent": True}, "duplicated at once, 0 rows"),
        ({"late_refused": "40001 no"}, "duplicated, refused"),
        ({}, "duplicated"),
    ],
)
def test_a_delayed_request_says_what_it_did_when_it_came(run: dict[str, Any], words: str) -> None:
    made = outcome("delayed", "duplicated")
    late = msgspec.structs.replace(made, runs=(msgspec.structs.replace(made.runs[0], **run),))
    page = crash_points_page([table(outcome("before", "clean"), late)])
    (row,) = [line for line in page.splitlines() if line.startswith("| 0123abcd")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[-2:] == ["clean", words]


def test_tables_are_found_beside_histories_and_alone(tmp_path: Path) -> None:
    written = tmp_path / "crash-points-planted-tuned.json"
    written.write_bytes(BOTH.as_json())
    assert inputs([tmp_path]) == Inputs([], [BOTH], [])
    assert inputs([written]) == Inputs([], [BOTH], [])
    assert read_table(written) == BOTH
    history = PLANTED["a_crash"].plant().write(tmp_path)
    assert inputs([tmp_path]) == Inputs([history], [BOTH], [])
    assert report_page([], [BOTH]).count('class="cell duplicated"') == 1


def test_what_is_no_table_is_refused_in_a_sentence(tmp_path: Path) -> None:
    written = tmp_path / "crash-points-planted-tuned.json"
    written.write_text('{"crash_points_version": 2}')
    with pytest.raises(CrashPointsError, match="no table of crash points of this version"):
        inputs([written])
    with pytest.raises(NoSuchHistoryError):
        inputs([tmp_path / "nowhere"])


@pytest.mark.parametrize("width", [80, 200])
def test_a_terminal_shows_each_point_with_its_sql_on_one_line_and_its_outcomes_beneath(
    width: int,
) -> None:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    late = outcome("after", "late", recovery_s=3.14159, bound_s=2.0)
    print_table(table(outcome("before", "clean"), late), console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines[:4] == [
        f"0123abcd  single 0  completed    2  {SQL}",
        "          kill   before   clean",
        "          kill   after    late                   back after 3.14 of 2.0 s",
        "",
    ]
    long = msgspec.structs.replace(outcome("before", "clean"), statement="SELECT " + "x, " * 99)
    console.file = io.StringIO()
    print_table(table(long), console)
    heading = console.file.getvalue().splitlines()[0]
    assert len(heading) == width and heading.endswith("…")

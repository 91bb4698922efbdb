"""The tables of faults beside each other: every library's verdict, and what each fault cost."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from analysis.commands import Inputs, inputs, results_command
from analysis.errors import FaultTableError
from analysis.report.fault_tables import FaultRow, FaultTable, read_fault_table
from analysis.report.faults_page import faults_page
from tests.histories.planted import PLANTED

KILL = FaultRow(
    fault="kill",
    scenario="crash_recovery_short",
    run_id="crash_recovery_short-planted-tuned-001",
    verdict="pass",
    finding="",
    harm="mild",
    reasons=(),
    injected=2,
    certificates=1,
    duplicated=1_200,
    duplicates_live=3,
    lost=0,
    stranded=4,
    given_up=5,
    first_work_s=3.9121,
    alive_and_idle_s=None,
    rescue_costs_attempt="not_told",
)
LEFT = FaultRow(
    fault="terminate",
    scenario=None,
    run_id=None,
    verdict="not applicable",
    finding="",
    harm="none",
    reasons=("nobody handles <SIGTERM>",),
)
PLANTED_TABLE = FaultTable(
    library="planted",
    library_version="1.0",
    preset="tuned",
    rows=(KILL, LEFT),
    command="crashbench faults planted --preset tuned",
)
OTHER = msgspec.structs.replace(
    PLANTED_TABLE,
    library="another",
    rows=(msgspec.structs.replace(KILL, duplicated=0),),
    command="",
)


def cells(page: str, begins: str) -> list[list[str]]:
    """Of each row of a table that begins so."""
    lines = [line for line in page.splitlines() if line.startswith(f"| {begins}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_fault_has_a_row_of_all_libraries_and_one_of_each() -> None:
    page = faults_page([PLANTED_TABLE, OTHER])
    side_by_side, another, planted = cells(page, "kill")
    assert side_by_side == ["kill", "pass", "pass, 1,200 twice"]
    figures = ["1,200", "3", "0", "4", "5", "3.912", "-", "not told"]
    assert planted == ["kill", "pass", "1 of 2", *figures]
    assert another[3] == "0"
    assert page.index("## another") < page.index("## planted")


def test_what_was_not_tried_says_why_and_has_no_figures() -> None:
    page = faults_page([PLANTED_TABLE, OTHER])
    side_by_side, planted = cells(page, "terminate")
    assert side_by_side == ["terminate", "", "not applicable"]
    assert planted == ["terminate", "not applicable", *[""] * 9]
    assert "- terminate: not applicable: nobody handles &lt;SIGTERM>" in page
    assert page.count("Again: ") == 1 and "`crashbench faults planted --preset tuned`" in page


def test_a_table_is_found_beside_histories_and_alone(tmp_path: Path) -> None:
    written = tmp_path / "faults-planted-tuned.json"
    written.write_bytes(PLANTED_TABLE.as_json())
    assert read_fault_table(written) == PLANTED_TABLE
    assert inputs([written]) == Inputs([], [], [PLANTED_TABLE])
    history = PLANTED["a_crash"].plant().write(tmp_path)
    assert inputs([tmp_path]) == Inputs([history], [], [PLANTED_TABLE])


def test_the_results_lead_to_the_page_and_leave_it_where_no_table_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faults-planted-tuned.json").write_bytes(PLANTED_TABLE.as_json())
    history = PLANTED["a_crash"].plant().write(tmp_path)
    results_command([tmp_path], Path("pages"))
    assert b"[faults](pages/faults.md)" in capfdbinary.readouterr().out
    results_command([history], Path("pages"))
    assert b"faults.md" not in capfdbinary.readouterr().out
    assert (tmp_path / "pages" / "faults.md").read_text() == faults_page([PLANTED_TABLE])


def test_what_is_no_table_is_refused_in_a_sentence(tmp_path: Path) -> None:
    wrong = tmp_path / "faults-planted-tuned.json"
    wrong.write_text("{}")
    with pytest.raises(FaultTableError, match="is no table of faults of this version"):
        inputs([wrong])

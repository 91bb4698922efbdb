"""What a person reads of a matrix."""

from __future__ import annotations

import io

from rich.console import Console

from orchestrator.matrix.outcome import CellVerdict, Outcome
from orchestrator.matrix.view import MatrixView, print_outcomes


def outcome(scenario: str, preset: str, verdict: CellVerdict, exit_code: int = 0) -> Outcome:
    run_id = f"{scenario}-lib-{preset}-001"
    reasons = () if verdict == "pass" else (f"because {verdict}",)
    return Outcome(
        run_id,
        scenario,
        "lib",
        preset,
        verdict,
        exit_code,
        reasons,
        took_s=30.4,
        is_control=scenario == "no_fault",
        duplicates=None if verdict in ("error", "not offered") else 2,
    )


def printed(outcomes: list[Outcome]) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    print_outcomes(outcomes, console)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_a_row_sums_up_its_runs_and_a_tuned_one_has_its_control_beside_it() -> None:
    lines = printed(
        [
            outcome("crash", "stock", "pass"),
            outcome("crash", "tuned", "pass"),
            outcome("crash", "tuned", "fail", 1),
            outcome("no_fault", "tuned", "fail", 1),
        ]
    )

    assert "crash lib stock 1 pass 2" in lines
    assert "crash lib tuned 1 pass, 1 fail 2 2 fail, 2" in lines
    assert "crash-lib-tuned-001: fail: because fail" in lines


def test_cells_that_failed_or_are_not_offered_are_there_with_their_reasons() -> None:
    lines = printed([outcome("crash", "a", "error", 2), outcome("crash", "b", "not offered")])

    assert "crash lib a 1 error -" in lines
    assert "crash-lib-b-001: not offered: because not offered" in lines
    assert not any("control" in line for line in lines)


def test_without_a_terminal_each_ended_cell_is_a_plain_line_with_the_time_left() -> None:
    out = io.StringIO()
    with MatrixView(Console(file=out, width=120)) as view:
        view.end(1, 12, outcome("crash", "stock", "pass"), 600.0)
        view.end(2, 12, outcome("crash", "tuned", "pass"), 90.0)
        view.end(12, 12, outcome("crash", "tuned", "pass"), 0.0)

    assert out.getvalue().splitlines() == [
        " 1/12  crash-lib-stock-001  pass  30 s, about 10 min left",
        " 2/12  crash-lib-tuned-001  pass  30 s, about 90 s left",
        "12/12  crash-lib-tuned-001  pass  30 s",
    ]

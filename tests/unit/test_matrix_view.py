"""What a person reads of a matrix."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.commands.matrix import command
from orchestrator.commands.matrix.outcome import Outcome, OutcomeVerdict
from orchestrator.commands.matrix.plan import MatrixRun, Plan, Wish, plan_matrix
from orchestrator.commands.matrix.runner import Matrix
from orchestrator.commands.matrix.view import MatrixView, print_next, print_outcomes
from orchestrator.errors import Interrupted


def outcome(scenario: str, preset: str, verdict: OutcomeVerdict, exit_code: int = 0) -> Outcome:
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
        control=f"no_fault-lib-{preset}-001" if scenario.startswith("crash") else None,
        duplicates=None if verdict in ("error", "not offered") else 2,
    )


def told_on(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def printed(outcomes: list[Outcome], width: int = 120, *, terminal: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_outcomes(outcomes, console)
    return told_on(console)


def wide_rows() -> list[Outcome]:
    crash, preset = "crash_recovery_short", "tuned_held_lease"
    runs = [outcome(crash, preset, "pass"), outcome(crash, preset, "fail", 1)]
    return [*runs, outcome(crash, preset, "invalid", 3), outcome("no_fault", preset, "pass")]


def tiny_plan(folder: Path) -> Plan:
    scenario = Path(__file__).parent.parent / "scenarios" / "tiny_matrix.toml"
    return plan_matrix(Wish(("control_holding",), ("stock",), (str(scenario),), 2, folder))


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
    assert "control of crash: no_fault-lib-tuned-001" in lines


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


def test_a_narrow_terminal_breaks_the_table_between_words_only() -> None:
    lines = printed(wide_rows(), 80, terminal=True)

    assert lines[1] == "scenario library, preset verdicts duplicates control"
    words = {word for line in lines for word in line.split()}
    assert {"crash_recovery_short", "tuned_held_lease", "invalid"} <= words
    assert any(line.endswith("pass, 2") for line in lines)


def test_a_pipe_gets_each_row_on_one_line_however_narrow_it_calls_itself() -> None:
    row = "crash_recovery_short lib tuned_held_lease 1 pass, 1 fail, 1 invalid 2 2 2 pass, 2"

    assert row in printed(wide_rows(), 40)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_bar_makes_room_for_the_name_of_the_run(width: int, tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
    )
    with MatrixView(console) as view:
        view.begin(1, 12, plan.runs[0], 600.0)

    assert isinstance(console.file, io.StringIO)
    assert plan.runs[0].run_id in console.file.getvalue()
    assert "about 10 min left" in " ".join(told_on(console))


def test_many_machines_have_a_line_each_with_what_they_run(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    console = Console(
        file=io.StringIO(),
        width=100,
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
    )
    with MatrixView(console) as view:
        view.begin(0, 2, plan.runs[0], 600.0, "10.0.0.1:1")
        view.begin(0, 2, plan.runs[1], 600.0, "10.0.0.2:2")
        shown = " ".join(told_on(console))
        view.give_back(plan.runs[0].run_id)
        view.tick(1.0, 500.0)
        view.note("10.0.0.1:1 is lost")
        ended = replace(outcome("crash", "a", "pass"), machine="10.0.0.2:2")
        view.end(1, 2, ended, None)

    assert "2 under way" in shown
    assert f"10.0.0.1:1 {plan.runs[0].run_id}" in shown
    assert f"10.0.0.2:2 {plan.runs[1].run_id}" in shown
    told = " ".join(told_on(console))
    assert "10.0.0.1:1 is lost" in told and "30 s on 10.0.0.2:2" in told
    assert told.count(f"10.0.0.1:1 {plan.runs[0].run_id}") == shown.count(
        f"10.0.0.1:1 {plan.runs[0].run_id}"
    ), "what was given back is still shown"


@pytest.mark.parametrize(("kept", "told"), [(0, "2 runs, about 90 s left"), (2, "2 runs, 2 kept")])
def test_it_begins_with_how_many_runs_there_are_and_how_many_are_kept(
    kept: int, told: str, tmp_path: Path
) -> None:
    console = Console(file=io.StringIO(), width=80)
    with MatrixView(console) as view:
        view.announce(tiny_plan(tmp_path), kept, 0.0 if kept else 90.0)

    assert told_on(console) == [told]


def test_it_ends_with_what_comes_next_as_it_is_to_be_typed() -> None:
    console = Console(file=io.StringIO(), width=40)
    print_next(Path("results/matrix"), ["crashbench"], console)
    print_next(Path("my runs"), ["/srv/my env/python", "-m", "orchestrator"], console)

    assert told_on(console) == [
        "written: results/matrix",
        "RESULTS.md: crashbench results results/matrix > RESULTS.md",
        "charts: crashbench report results/matrix",
        "written: my runs",
        "RESULTS.md: '/srv/my env/python' -m orchestrator results 'my runs' > RESULTS.md",
        "charts: '/srv/my env/python' -m orchestrator report 'my runs'",
    ]


def test_an_interrupted_matrix_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: object, **__: object) -> list[Outcome]:
        raise Interrupted

    monkeypatch.setattr(Matrix, "carry_out", interrupt)
    cell: MatrixRun = tiny_plan(tmp_path).runs[0]
    console = Console(file=io.StringIO(), width=80)
    source = cell.request.resolved.source
    assert source is not None
    wish = Wish(("control_holding",), ("stock",), (source,), 2, tmp_path)
    with pytest.raises(Interrupted):
        command.run_matrix(wish, None, console)

    assert told_on(console) == ["interrupted: give the same command again to go on"]


def test_a_run_s_finding_stands_below_it_and_a_pass_over_harmed_jobs_is_not_green() -> None:
    finding = "29 of 600 jobs executed twice, none lost."
    harmed = replace(outcome("steady", "stock", "pass"), finding=finding, harm="mild")
    told = {}
    for name, one in {"harmed": harmed, "sound": replace(harmed, harm="none")}.items():
        console = Console(
            file=io.StringIO(), width=120, force_terminal=True, color_system="standard"
        )
        MatrixView(console).end(1, 2, one, None)
        assert isinstance(console.file, io.StringIO)
        told[name] = console.file.getvalue()

    assert all(finding in text for text in told.values())
    assert "\x1b[1;32m" in told["sound"]
    assert "\x1b[1;32m" not in told["harmed"]

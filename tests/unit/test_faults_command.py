"""`crashbench faults`: what is tried, what is left out, and the table that comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from rich.console import Console

from analysis.report.fault_tables import FaultRow, FaultTable
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.commands.engine.engine import LocalEngine
from orchestrator.commands.faults import command, plan
from orchestrator.commands.faults.command import try_faults
from orchestrator.commands.faults.plan import Wish, plan_faults_of
from orchestrator.commands.faults.table import Left, print_faults, row_left, row_of_run, write_table
from orchestrator.commands.matrix.outcome import Outcome
from orchestrator.errors import UnknownNameError
from orchestrator.faults.table import TABLE, Row, short_scenario, short_scenarios, word_of
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended, IsInterrupted, Tick
from orchestrator.scenario.faults import BackendTerminate, Kill, Stall
from orchestrator.scenario.load import load_scenario, resolve_scenario, scenario_names
from orchestrator.scenario.triggered import Triggered
from tests.histories.stories import crash
from tests.unit.test_fault_figures import stalled

WORDS = [word for sort in TABLE for word in short_scenarios(sort)]


def wish(folder: Path, **changed: Any) -> Wish:
    return replace(Wish(library="control_holding", preset=None, results=folder), **changed)


def test_every_fault_of_the_table_is_tried_or_left_out_with_a_reason(tmp_path: Path) -> None:
    trials = plan_faults_of(wish(tmp_path)).trials
    assert list(trials) == WORDS
    left = {word: trial for word, trial in trials.items() if isinstance(trial, Left)}
    assert all(trial.why for trial in left.values())
    assert "crash-points" in left["stall"].why


@pytest.mark.parametrize("sort", [sort for sort in TABLE if sort.__struct_config__.tag != "stall"])
def test_every_faults_short_scenario_is_there_and_has_that_fault(sort: type[Triggered]) -> None:
    faults = resolve_scenario(short_scenario(sort)).scenario.faults
    assert any(type(fault) is sort for fault in faults)


def test_every_value_of_which_in_a_shipped_scenario_has_a_row_of_its_own() -> None:
    """`which` says what of a worker is harmed: another value is another harm."""

    def harms(names: Iterable[str]) -> set[tuple[str, str]]:
        entries = [fault for name in names for fault in load_scenario(name).faults]
        return {(word_of(entry), getattr(entry, "which", "")) for entry in entries}

    rows = harms(file for sort in TABLE if sort is not Stall for file in tried(sort))
    assert harms(scenario_names()) <= rows
    values = get_args(get_type_hints(BackendTerminate)["which"])
    assert {("backend_terminate", which) for which in values} <= rows


def tried(sort: type[Triggered]) -> Iterable[str]:
    return short_scenarios(sort).values()


def test_a_variants_scenario_does_what_the_variant_says() -> None:
    pairs = [pair for sort in TABLE for pair in short_scenarios(sort).items() if ":" in pair[0]]
    found = []
    for _, name in pairs:
        (fault,) = load_scenario(name).faults
        found.append(f"{word_of(fault)}:{getattr(fault, 'which', '')}")
    assert found == [word for word, _ in pairs]


@pytest.mark.parametrize(
    "name", [name for sort in TABLE if sort is not Stall for name in tried(sort)]
)
def test_of_every_fault_a_maintainer_can_expect_more(name: str) -> None:
    wanted = {"lost": 0, "duplicates_live": 0, "max_alive_and_idle_s": 2.0, "max_first_work_s": 5.0}
    words = [f"expectations.{key}={value}" for key, value in wanted.items()]
    expected = load_scenario(name, words).expectations
    assert {key: getattr(expected, key) for key in wanted} == wanted


@pytest.mark.parametrize("sort", [sort for sort in TABLE if sort.NEEDS_OWN_SERVER])
def test_a_fault_of_the_whole_server_is_not_possible_on_one_that_is_given(
    sort: type[Triggered], tmp_path: Path
) -> None:
    word = str(sort.__struct_config__.tag)
    given = plan_faults_of(wish(tmp_path, dsn="host=/nowhere"))
    assert given.trials[word] == Left(
        "not possible here", "it is done to a whole server, and this one is given"
    )
    assert not isinstance(plan_faults_of(wish(tmp_path)).trials[word], Left)


def test_a_fault_that_the_adapter_cannot_have_is_not_applicable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = replace(TABLE[Kill], left_out=lambda adapter, preset: f"nobody handles it, {preset}")
    rows: dict[type[Triggered], Row] = {**TABLE, Kill: nobody}
    monkeypatch.setattr(plan, "TABLE", rows)
    trial = plan_faults_of(wish(tmp_path)).trials["kill"]
    assert trial == Left("not applicable", "nobody handles it, stock")


def test_a_fault_that_there_is_not_is_refused_by_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"there is no fault 'kil'.*kill"):
        plan_faults_of(wish(tmp_path, only=frozenset({"kil"})))


def outcome(summary: Summary) -> Outcome:
    return Outcome(
        run_id=summary.run_id,
        scenario="planted",
        library="nothing",
        preset="stock",
        verdict=summary.verdict,
        exit_code=summary.exit_code,
        reasons=tuple(summary.reasons),
    )


def printed(made: FaultTable) -> list[str]:
    text = StringIO()
    print_faults(made, Console(file=text, width=40))
    return text.getvalue().splitlines()


def table_of(*rows: FaultRow) -> FaultTable:
    return FaultTable(library="nothing", library_version="1", preset="stock", rows=rows)


def test_a_row_has_what_the_runs_history_says(tmp_path: Path) -> None:
    summary = analyse(crash().write(tmp_path))
    row = row_of_run("kill", outcome(summary), summary)
    assert (row.injected, row.certificates, row.duplicated, row.duplicates_live) == (1, 1, 1, 0)
    assert (row.lost, row.stranded, row.given_up) == (0, 0, 0)
    assert row.first_work_s == summary.faults[0].first_work_s
    (_, title, head, line) = printed(table_of(row))
    assert title == "nothing 1, stock"
    assert head.split()[:2] == ["fault", "verdict"]
    assert line.split()[:6] == ["kill", "pass", "1", "of", "1", "1"]


def test_a_time_that_never_came_is_no_short_one(tmp_path: Path) -> None:
    summary = analyse(stalled(works=False).write(tmp_path))
    assert row_of_run("stall", outcome(summary), summary).first_work_s is None


def test_of_a_run_that_is_invalid_there_are_no_figures(tmp_path: Path) -> None:
    story = crash()
    story.drop("fault_ended")
    summary = analyse(story.write(tmp_path))
    row = row_of_run("kill", outcome(summary), summary)
    assert (row.verdict, row.injected, row.certificates) == ("invalid", 1, 0)
    assert (row.duplicated, row.lost, row.first_work_s) == (None, None, None)


def test_what_was_not_tried_says_so_and_why() -> None:
    left = row_left("pause", Left("not possible here", "this one is given"))
    lines = printed(table_of(left))
    assert any(line.startswith("pause  not possible here") for line in lines)
    assert lines[-1] == "pause: not possible here: this one is given"


def test_the_json_beside_it_has_every_figure(tmp_path: Path) -> None:
    summary = analyse(crash().write(tmp_path))
    made = table_of(row_of_run("kill", outcome(summary), summary))
    write_table(tmp_path / "faults.json", made)
    (row,) = json.loads((tmp_path / "faults.json").read_bytes())["rows"]
    assert (row["fault"], row["duplicated"], row["rescue_costs_attempt"]) == ("kill", 1, "not_told")
    assert [path.name for path in tmp_path.glob("*.tmp")] == []


def test_a_run_that_cannot_be_carried_out_is_an_error_and_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fails(request: Request, *, tick: Tick, interrupted: IsInterrupted) -> Ended:
        asked.append(request.run_id)
        return Ended(2, "the world would not let it", 0.1)

    text = StringIO()
    monkeypatch.setattr(command, "engine_for", lambda *_: nullcontext(LocalEngine(fails)))
    code = try_faults(wish(tmp_path), Console(file=text, width=80))
    assert code == 2
    runs = plan_faults_of(wish(tmp_path)).runs
    assert asked == [run.run_id for run in runs]
    (made,) = tmp_path.glob("faults-*.json")
    assert made.name == "faults-control_holding-stock.json"
    rows = json.loads(made.read_bytes())["rows"]
    assert [row["fault"] for row in rows] == WORDS
    assert {row["verdict"] for row in rows} == {"error", "not applicable"}
    assert "kill: error: the world would not let it" in text.getvalue()

"""A history of an older version reads as if it had been written today."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis.errors import HistoryError
from analysis.history import upgrade
from analysis.history.load import load
from analysis.report.explain import explain
from analysis.report.terminal import print_summary
from analysis.summary.summary import analyse
from orchestrator.commands.reproduce import read_start
from orchestrator.history.records import HISTORY_VERSION, FaultEnded, FaultInjected
from orchestrator.history.sessions import Session
from orchestrator.history.targets import WorkerTarget
from orchestrator.scenario.faults import Kill
from tests.unit.test_summary_bytes import (
    GOLDEN,
    GOLDEN_BEFORE,
    GOLDEN_NAMES,
    GOLDEN_TODAY,
)

CRASH = GOLDEN / "a_crash.jsonl"


def changed(folder: Path, kind: str, **fields: Any) -> Path:
    """A crash of version 1 with other values in the first line of a kind."""
    lines = [json.loads(line) for line in CRASH.read_bytes().splitlines()]
    next(line for line in lines if line["kind"] == kind)["fields"].update(fields)
    path = folder / "changed.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def scenario(**changes: Any) -> dict[str, Any]:
    start = json.loads(CRASH.read_bytes().splitlines()[0])["fields"]["scenario"]
    return {**start, **changes}


def test_a_pid_becomes_a_target_and_the_certificate_parts(tmp_path: Path) -> None:
    left = [{"pid": 7, "backend_start": "then"}]
    history = load(changed(tmp_path, "fault_injected", strangers=left))
    (sent,), (seen,) = history.records.of(FaultInjected), history.records.of(FaultEnded)
    assert (sent.what, sent.ends_process) == (seen.what, True) == ("kill", True)
    assert sent.target == seen.target == WorkerTarget(0, 0, 100)
    assert sent.before.unknown_sessions == [Session(7, "then")]
    assert (seen.after.signal, seen.after.survivors) == (9, [])
    assert seen.after.reaped_ns == sent.t_ns + 1000


@pytest.mark.parametrize("entry", [{"at_s": 2.0}, {"what": "sigkill", "at_s": 2.0}])
def test_a_fault_without_a_name_and_one_by_a_former_name_is_a_kill(
    entry: dict[str, Any], tmp_path: Path
) -> None:
    start = load(changed(tmp_path, "run_start", scenario=scenario(faults=[entry]))).start
    assert start.scenario.faults == (Kill(at_s=2.0),)
    assert start.history_version == HISTORY_VERSION


def test_keys_that_a_scenario_no_longer_has_are_left_out(tmp_path: Path) -> None:
    told = scenario(retired=1, limits={"max_bound_s": 60.0, "retired_s": 3})
    start = load(changed(tmp_path, "run_start", scenario=told)).start
    assert start.scenario.limits.max_bound_s == 60.0


def test_a_scenario_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    told = scenario(faults=[{"what": "earthquake", "at_s": 2.0}])
    with pytest.raises(HistoryError, match="earthquake"):
        load(changed(tmp_path, "run_start", scenario=told))


def test_a_fault_that_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="fault 1 is 'earthquake'; known are kill"):
        load(changed(tmp_path, "fault_injected", what="earthquake"))


def test_its_run_start_can_be_repeated() -> None:
    today = read_start(GOLDEN_TODAY / "a_crash.jsonl")
    assert read_start(GOLDEN_BEFORE / "a_crash.jsonl") == today
    before = read_start(CRASH)
    assert before.scenario.workers == today.scenario.workers
    assert (before.history_version, before.seed) == (HISTORY_VERSION, today.seed)


def test_its_jobs_are_explained_by_the_same_sentences() -> None:
    told = [
        [fact.sentence for fact in explain(folder / "a_crash.jsonl", "j000000").facts]
        for folder in (GOLDEN, GOLDEN_BEFORE, GOLDEN_TODAY)
    ]
    assert told[0] == told[1] == told[2]
    assert any("was killed" in sentence for sentence in told[0])


@pytest.mark.parametrize(("folder", "told"), [(GOLDEN, True), (GOLDEN_TODAY, False)])
def test_an_older_version_of_which_less_is_asked_is_told_beside_the_run(
    folder: Path, told: bool
) -> None:
    console = Console(file=StringIO(), width=100)
    print_summary(analyse(folder / "a_crash.jsonl"), console)

    assert isinstance(console.file, StringIO)
    assert ("history version 1" in console.file.getvalue()) == told


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_no_line_of_todays_version_passes_through_the_upgrade(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "UPGRADES", {})
    assert load(GOLDEN_TODAY / f"{name}.jsonl").version == HISTORY_VERSION
    for folder in (GOLDEN, GOLDEN_BEFORE):
        with pytest.raises(KeyError):
            load(folder / f"{name}.jsonl")

"""The run's database is harmed for a while, and its server goes on: who notices, and who lives."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from analysis.summary.summary import analyse, write_summary
from analysis.summary.types import Summary
from orchestrator.commands.calibration.controls import CONTROLS, Trial
from orchestrator.commands.calibration.trials import judge
from orchestrator.errors import NotPossibleHereError
from orchestrator.faults import table
from orchestrator.faults.targets import Reach, Victim
from orchestrator.postgres.server import Server
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.database_faults import (
    DatabasePause,
    PinnedSnapshot,
    PoolExhaustion,
    ReadOnly,
    TableLock,
)
from orchestrator.scenario.faults import Fault
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.triggered import Triggered
from orchestrator.scenario.types import Scenario

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(240),
]

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
CONTROL = {control.library: control for control in CONTROLS}
READ_ONLY = ReadOnly(at_s=1.5, for_s=1.0)
EXHAUSTED = PoolExhaustion(at_s=1.5, for_s=1.0)
LOCKED = TableLock(at_s=1.5, for_s=4.0)
STOPPED = DatabasePause(at_s=1.5, for_s=4.0)
PINNED = PinnedSnapshot(at_s=1.0, for_s=3.0)


def carry(results: Path, library: str, *faults: Fault, dsn: str | None = None) -> Summary:
    scenario = msgspec.structs.replace(load_scenario(str(SCENARIO)), faults=faults)
    return analyse(history_of(results, library, scenario, dsn))


def history_of(results: Path, library: str, scenario: Scenario, dsn: str | None = None) -> Path:
    request = make_request(
        scenario,
        library=library,
        preset=None,
        ordinal=1,
        dsn=dsn,
        results=results,
        overwrite=False,
    )
    return carry_out(request, lambda _: None).history


def told(summary: Summary, name: str) -> str:
    """What the summary says of the only fault of this name."""
    (sentence,) = [text for text in summary.findings if text.startswith(f"{name} 1: ")]
    return sentence


@pytest.mark.parametrize(
    ("fault", "name", "were"),
    [(READ_ONLY, "Read only", "read-only"), (EXHAUSTED, "Pool exhaustion", "refused")],
)
def test_a_database_that_is_closed_to_workers_for_a_while_is_seen_to_be_and_loses_nothing(
    tmp_path: Path, fault: Fault, name: str, were: str
) -> None:
    summary = carry(tmp_path, "pgqueuer", fault)
    assert summary.crash.certificates == 1, summary.reasons
    assert (summary.jobs.lost, summary.jobs.enqueued) == (0, 60)
    assert f"told to end, and new ones were {were} for " in told(summary, name)


def test_superusers_on_a_given_server_are_refused_as_well(server: Server, tmp_path: Path) -> None:
    summary = carry(tmp_path, "control_late_ack", EXHAUSTED, dsn=server.dsn)
    assert summary.crash.certificates == 1, summary.reasons
    assert "new ones were refused for " in told(summary, "Pool exhaustion")


@pytest.mark.parametrize("fault", [LOCKED, STOPPED])
def test_finished_jobs_that_are_rescued_after_a_stall_are_those_that_the_queue_gave_out_again(
    tmp_path: Path, fault: Fault
) -> None:
    trial = Trial(CONTROL["control_short_lease"], "control_paused")
    scenario = msgspec.structs.replace(load_scenario(str(trial.path)), faults=(fault,))
    history = history_of(tmp_path, "control_short_lease", scenario)
    summary = write_summary(history)
    assert summary.crash.certificates == 1, summary.reasons
    assert (summary.crash.kills, summary.jobs.lost) == (0, 0)
    assert summary.crash.duplicates_live == summary.jobs.duplicated
    outcome = judge(trial, scenario, history)
    assert [c.difference for c in outcome.comparisons if not c.agrees] == []


def test_who_locks_the_queue_sees_it_meanwhile(tmp_path: Path) -> None:
    summary = carry(tmp_path, "pgqueuer", LOCKED)
    assert summary.crash.certificates == 1, summary.reasons
    assert "public.pgqueuer was locked for " in told(summary, "Table lock")
    assert not [text for text in summary.findings if text.startswith("blind")]


def test_every_process_of_the_server_stands_still_and_goes_on(tmp_path: Path) -> None:
    summary = carry(tmp_path, "pgqueuer", STOPPED)
    assert summary.crash.certificates == 1, summary.reasons
    assert (summary.jobs.lost, summary.jobs.enqueued) == (0, 60)
    assert " processes were stopped for " in told(summary, "Database pause")


def test_a_snapshot_that_is_held_on_a_given_server_keeps_dead_rows_and_holds_nobody_up(
    server: Server, tmp_path: Path
) -> None:
    summary = carry(tmp_path, "pgqueuer", PINNED, dsn=server.dsn)
    assert summary.verdict == "pass", summary.reasons
    assert (summary.crash.certificates, summary.jobs.completed_once) == (1, 60)
    said = told(summary, "Pinned snapshot")
    assert " jobs/s completed, picked up in " in said
    dead = re.search(r"dead rows of the queue's tables: (\d+) before, (\d+) at its end", said)
    assert dead is not None and int(dead[2]) > 0
    (beside,) = summary.bystanders
    assert beside.before.n > 0 and beside.during.n > 0 and beside.failed == 0
    assert beside.before.p50 is not None and beside.during.p99 is not None


def test_a_server_of_somebody_else_is_not_stopped(tmp_path: Path) -> None:
    with pytest.raises(NotPossibleHereError, match="the fault database_pause, which harms"):
        carry(tmp_path, "pgqueuer", STOPPED, dsn="postgresql://nobody@localhost:1/none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (READ_ONLY, "no new session was seen to be read-only"),
        (EXHAUSTED, "no new session was seen to be refused"),
        (LOCKED, "the lock was not seen to be held"),
        (STOPPED, "its processes were not seen stopped"),
        (PINNED, "no snapshot was seen to be held"),
    ],
)
def test_a_database_that_nothing_was_done_to_makes_the_run_invalid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, why: str
) -> None:
    def nothing(reach: Reach, victim: Victim, number: int) -> int:
        return time.monotonic_ns()

    row = replace(table.row_of(fault), inject=nothing)
    without: dict[type[Triggered], table.Row] = {**table.TABLE, type(fault): row}
    monkeypatch.setattr(table, "TABLE", without)
    summary = carry(tmp_path, "control_late_ack", fault)
    assert summary.verdict == "invalid"
    assert why in " ".join(summary.reasons)

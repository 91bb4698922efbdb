"""The run's own server is restarted, or crashes, and everybody is without it for a while."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from analysis.summary.types import Summary
from orchestrator.errors import NotPossibleHereError
from orchestrator.faults import server as server_faults
from orchestrator.faults import table
from orchestrator.faults.server import RunServer
from orchestrator.faults.targets import Reach
from orchestrator.scenario.faults import DatabaseCrash, DatabaseRestart, Fault
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.triggered import Triggered
from tests.queues.one_run import summary_of_run

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(240),
]

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
RESTART = DatabaseRestart(at_s=1.5, down_s=0.5)
CRASH = DatabaseCrash(at_s=1.5)


def carry(results: Path, library: str, fault: Fault, dsn: str | None = None) -> Summary:
    whole = load_scenario(str(SCENARIO))
    return summary_of_run(
        msgspec.structs.replace(whole, faults=(fault,)),
        library=library,
        preset=None,
        dsn=dsn,
        results=results,
    )


@pytest.mark.parametrize(
    ("fault", "name"), [(RESTART, "Database restart 1: "), (CRASH, "Database crash 1: ")]
)
def test_a_run_outlives_what_it_does_to_its_server_and_says_what_became_of_the_workers(
    tmp_path: Path, fault: Fault, name: str
) -> None:
    summary = carry(tmp_path, "pgqueuer", fault)
    assert summary.verdict in ("pass", "fail", "unknown"), summary.reasons
    assert summary.crash.certificates == 1
    assert (summary.jobs.lost, summary.jobs.ambiguous) == (0, 0)
    assert summary.jobs.enqueued + summary.jobs.not_enqueued == 60
    (told,) = [text for text in summary.findings if text.startswith(name)]
    assert "the server answered again " in told


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (RESTART, "the server has the start time that it had before"),
        (CRASH, "the unlogged marker is still there: no crash recovery took place"),
    ],
)
def test_a_server_that_nothing_was_done_to_makes_the_run_invalid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, why: str
) -> None:
    def nothing(reach: Reach, victim: RunServer, number: int) -> int:
        reach.absence.begin()
        return time.monotonic_ns()

    row = replace(table.row_of(fault), inject=nothing)
    without: dict[type[Triggered], table.Row] = {**table.TABLE, type(fault): row}
    monkeypatch.setattr(table, "TABLE", without)
    monkeypatch.setattr(server_faults, "BACK_LIMIT_S", 1.0)
    summary = carry(tmp_path, "control_late_ack", fault)
    assert summary.verdict == "invalid"
    assert why in " ".join(summary.reasons)


def test_a_server_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(NotPossibleHereError, match="the fault database_restart, which harms"):
        carry(tmp_path, "pgqueuer", RESTART, dsn="postgresql://nobody@localhost:1/none")
    assert list(tmp_path.iterdir()) == []

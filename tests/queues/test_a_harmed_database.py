"""The run's database is harmed for a while, and its server goes on: who notices, and who lives."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.faults import table
from orchestrator.faults.database import RunDatabase
from orchestrator.faults.targets import Reach
from orchestrator.postgres.server import Server
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.database_faults import PoolExhaustion, ReadOnly
from orchestrator.scenario.faults import Fault
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.triggered import Triggered

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(240)]

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
READ_ONLY = ReadOnly(at_s=1.5, for_s=1.0)
EXHAUSTED = PoolExhaustion(at_s=1.5, for_s=1.0)


def carry(results: Path, library: str, *faults: Fault, dsn: str | None = None) -> Summary:
    whole = load_scenario(str(SCENARIO))
    request = make_request(
        msgspec.structs.replace(whole, faults=faults),
        library=library,
        preset=None,
        ordinal=1,
        dsn=dsn,
        results=results,
        overwrite=False,
    )
    return analyse(carry_out(request, lambda _: None).history)


def told(summary: Summary, name: str) -> str:
    """What the summary says of the only fault of this name."""
    (sentence,) = [text for text in summary.findings if text.startswith(f"{name} 0: ")]
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


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (READ_ONLY, "no new session was seen to be read-only"),
        (EXHAUSTED, "no new session was seen to be refused"),
    ],
)
def test_a_database_that_nothing_was_done_to_makes_the_run_invalid(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, why: str
) -> None:
    def nothing(reach: Reach, victim: RunDatabase, number: int) -> int:
        return time.monotonic_ns()

    row = replace(table.row_of(fault), inject=nothing)
    without: dict[type[Triggered], table.Row] = {**table.TABLE, type(fault): row}
    monkeypatch.setattr(table, "TABLE", without)
    summary = carry(tmp_path, "control_late_ack", fault, dsn=server.dsn)
    assert summary.verdict == "invalid"
    assert why in " ".join(summary.reasons)

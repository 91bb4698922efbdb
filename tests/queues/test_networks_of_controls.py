"""A worker whose network is out while it works, on queues whose right answer is known."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from analysis.summary.types import Summary
from orchestrator.faults import table
from orchestrator.faults.network import CutOff
from orchestrator.faults.targets import Reach
from orchestrator.paths import SCENARIOS
from orchestrator.postgres.server import Server
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.faults import Blackhole, Fault, Reset
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.triggered import Triggered
from tests.queues.one_run import summary_of_run

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(120),
]

TWO_BUSY = SCENARIOS / "controls" / "control_paused.toml"
"""Two workers with four long jobs each at the time of the fault, which outlasts the lease."""
ONE = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
"""One worker with more places than it has jobs, for three seconds."""


def carry(
    server: Server, results: Path, library: str, fault: Fault, scenario: Path = TWO_BUSY
) -> Summary:
    whole = load_scenario(str(scenario))
    return summary_of_run(
        msgspec.structs.replace(whole, faults=(fault,)),
        library=library,
        preset="stock",
        dsn=server.dsn,
        results=results,
    )


def without(monkeypatch: pytest.MonkeyPatch, sort: type[Triggered]) -> None:
    """Have the fault do nothing."""

    def nothing(reach: Reach, victim: CutOff, fault: int) -> int:
        return time.monotonic_ns()

    row = replace(table.TABLE[sort], inject=nothing)
    monkeypatch.setattr(table, "TABLE", {**table.TABLE, sort: row})


@pytest.mark.parametrize(
    ("library", "runs_out"), [("control_short_lease", True), ("control_holding", False)]
)
def test_a_black_hole_beyond_the_lease_has_each_job_done_by_two_where_a_claim_runs_out(
    server: Server, tmp_path: Path, library: str, runs_out: bool
) -> None:
    summary = carry(server, tmp_path, library, Blackhole(at_s=1.5, for_s=5.5))
    assert summary.verdict != "invalid", summary.reasons
    (fault,) = summary.faults
    taken = fault.live_taken
    assert taken is not None and (1 <= taken <= 4 if runs_out else taken == 0)
    assert summary.crash.duplicates_live_by.pause == summary.jobs.duplicated
    assert summary.jobs.duplicated >= taken
    assert (summary.jobs.duplicated > 0) == runs_out
    assert summary.jobs.lost == 0


def test_a_worker_that_was_cut_off_goes_on_when_all_arrives_late(
    server: Server, tmp_path: Path
) -> None:
    entry = Blackhole(at_s=1.0, for_s=4.0)
    summary = carry(server, tmp_path, "control_late_ack", entry, ONE)
    assert summary.crash.certificates == 1, summary.reasons
    (fault,) = summary.faults
    assert fault.lasted_s is not None and fault.lasted_s >= 4.0
    assert fault.first_work_s is not None and fault.alive_and_idle_s is not None
    assert summary.jobs.completed_once == summary.jobs.enqueued == 60
    (told,) = (text for text in summary.findings if text.startswith("Blackhole 1: "))
    assert "the worker lived, and one of its jobs began" in told


def test_a_black_hole_that_is_none_makes_the_run_invalid(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, Blackhole)
    summary = carry(server, tmp_path, "control_holding", Blackhole(at_s=1.5, for_s=1.0))
    assert summary.verdict == "invalid"
    assert "nothing shows that its connections were shut" in " ".join(summary.reasons)


def test_a_reset_is_seen_by_the_server_the_worker_and_whoever_tries(
    server: Server, tmp_path: Path
) -> None:
    summary = carry(server, tmp_path, "pgqueuer", Reset(at_s=1.0, for_s=2.0), ONE)
    assert summary.crash.certificates == 1, summary.reasons
    (fault,) = summary.faults
    assert fault.lasted_s is not None and fault.lasted_s >= 2.0
    assert (summary.jobs.enqueued, summary.jobs.lost) == (60, 0)
    (told,) = (text for text in summary.findings if text.startswith("Reset 1: "))
    assert " of slot 0 incarnation 0 were reset, and " in told


def test_a_reset_that_is_none_makes_the_run_invalid(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, Reset)
    summary = carry(server, tmp_path, "control_late_ack", Reset(at_s=1.0, for_s=1.0), ONE)
    assert summary.verdict == "invalid"
    assert "no connection was reset" in " ".join(summary.reasons)
    assert "no new connection was seen to be reset" in " ".join(summary.reasons)


def test_a_reset_after_which_new_connections_are_taken_makes_the_run_invalid(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reset = Proxy.reset

    def once(self: Proxy) -> tuple[int | None, ...]:
        backends = reset(self)
        self.accept_again()
        return backends

    monkeypatch.setattr(Proxy, "reset", once)
    summary = carry(server, tmp_path, "control_late_ack", Reset(at_s=1.0, for_s=1.0), ONE)
    assert summary.verdict == "invalid"
    assert "no new connection was seen to be reset" in " ".join(summary.reasons)

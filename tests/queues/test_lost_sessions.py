"""A worker whose sessions with the database are ended while it works."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from analysis.history.load import load
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.commands.crash_points.workloads import Ability, kill_scenario
from orchestrator.faults import table
from orchestrator.faults.targets import Reach, Worker
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.postgres.server import Server
from orchestrator.proxy.proxy import Proxy
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.faults import BackendTerminate
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.triggered import AtPoint, PointSide, Triggered
from orchestrator.scenario.types import Scenario

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(180),
]

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"


TAKEN = "no session of the worker was told to end"


ALL = BackendTerminate(at_s=1.5)
LISTENER = BackendTerminate(at_s=1.5, which="listener")


def carry(
    server: Server,
    results: Path,
    library: str,
    fault: BackendTerminate = ALL,
    scenario: Scenario | None = None,
) -> tuple[Summary, Path]:
    whole = load_scenario(str(SCENARIO))
    limits = msgspec.structs.replace(whole.limits, sessions_gone_s=8.0)  # the machine may be busy
    request = make_request(
        scenario or msgspec.structs.replace(whole, faults=(fault,), limits=limits),
        library=library,
        preset=None,
        ordinal=1,
        dsn=server.dsn,
        results=results,
        overwrite=False,
    )
    history = carry_out(request, lambda _: None).history
    return analyse(history), history


def told(summary: Summary) -> str:
    """What the summary says of the only fault."""
    (sentence,) = [text for text in summary.findings if text.startswith("Backend terminate 1: ")]
    return sentence


def test_sessions_that_are_ended_are_seen_to_go_whatever_the_library_makes_of_it(
    server: Server, tmp_path: Path
) -> None:
    summary, _ = carry(server, tmp_path, "pgqueuer")
    assert summary.crash.certificates == 1, summary.reasons
    assert summary.jobs.lost == 0
    assert summary.jobs.enqueued == 60
    assert " sessions of slot 0 incarnation 0 were told to end; " in told(summary)


def test_of_a_worker_that_listens_with_one_session_that_one_is_ended(
    server: Server, tmp_path: Path
) -> None:
    summary, history = carry(server, tmp_path, "control_late_ack", LISTENER)
    assert summary.crash.certificates == 1, summary.reasons
    records = load(history).records
    (sent,), (seen,) = records.of(FaultInjected), records.of(FaultEnded)
    (ended,) = seen.after.terminated
    assert len(sent.before.sessions) > 1
    assert ([ended.pid], ended.query) == (seen.after.aimed_at, 'LISTEN "control_job"')
    assert "1 session of slot 0 incarnation 0 was told to end; the worker died of it" in told(
        summary
    )


def test_of_a_worker_that_never_listens_nothing_can_be_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Proxy, "listeners", lambda self: ())
    summary, _ = carry(server, tmp_path, "control_late_ack", LISTENER)
    assert summary.verdict == "invalid"
    assert "Fault 1: the worker had no session that listened." in summary.reasons
    assert summary.jobs.completed_once == summary.jobs.enqueued == 60


def acknowledging(side: PointSide) -> Scenario:
    """One job after another; the session ends whose COMMIT brings the acknowledgement."""
    plain = Ability(fans_out=False, retries=False, least=(1, 1))
    at = AtPoint(statement="COMMIT", phase="completed", with_rows=True, side=side)
    scenario = kill_scenario("point", "single", plain, at, 0.0)
    fault = BackendTerminate(which="acknowledging", at_point=at)
    return msgspec.structs.replace(scenario, faults=(fault,))


@pytest.mark.parametrize(("side", "duplicated"), [("before", 1), ("after", 0)])
def test_a_session_that_ends_in_its_acknowledgement_undoes_it_or_only_leaves_it_untold(
    server: Server, tmp_path: Path, side: PointSide, duplicated: int
) -> None:
    summary, history = carry(server, tmp_path, "control_holding", scenario=acknowledging(side))
    assert summary.crash.certificates == 1, summary.reasons
    (seen,) = load(history).records.of(FaultEnded)
    (ended,) = seen.after.terminated
    assert ([ended.pid], seen.after.freeze.passed_bytes) == (seen.after.aimed_at, 0)
    # The control does not survive the loss of a session; who comes after it does what is left.
    assert (summary.jobs.duplicated, summary.jobs.lost) == (duplicated, 0)
    assert summary.jobs.completed_once + duplicated == summary.jobs.enqueued


def test_whichever_round_trip_acknowledges_is_found_by_what_it_has_done(
    server: Server, tmp_path: Path
) -> None:
    lost = load_scenario("acknowledgement_lost")
    summary, history = carry(server, tmp_path, "control_late_ack", scenario=lost)
    assert (summary.verdict, summary.crash.certificates) == ("pass", 1), summary.reasons
    (sent,) = load(history).records.of(FaultInjected)
    assert "DELETE FROM control_job" in sent.before.at_point.statement
    # The row is gone, and the control asks for no answer: whoever comes has nothing to do again.
    assert (summary.jobs.completed_once, summary.jobs.enqueued) == (6, 6)


def test_a_held_session_that_is_not_ended_makes_the_run_invalid(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def freezing_alone(reach: Reach, victim: Worker, fault: int) -> int:
        assert reach.watch is not None
        at_ns = time.monotonic_ns()
        reach.watch.freeze()
        return at_ns

    row = replace(table.TABLE[BackendTerminate], inject=freezing_alone)
    without: dict[type[Triggered], table.Row] = {**table.TABLE, BackendTerminate: row}
    monkeypatch.setattr(table, "TABLE", without)
    summary, _ = carry(server, tmp_path, "control_holding", scenario=acknowledging("before"))
    assert summary.verdict == "invalid"
    assert TAKEN in " ".join(summary.reasons)


@pytest.mark.parametrize("fault", [ALL, LISTENER], ids=["all", "listener"])
def test_sessions_that_are_not_ended_make_the_run_invalid(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BackendTerminate
) -> None:
    def nothing(reach: Reach, victim: Worker, fault: int) -> int:
        return time.monotonic_ns()

    row = replace(table.TABLE[BackendTerminate], inject=nothing)
    without: dict[type[Triggered], table.Row] = {**table.TABLE, BackendTerminate: row}
    monkeypatch.setattr(table, "TABLE", without)
    summary, _ = carry(server, tmp_path, "control_late_ack", fault)
    assert summary.verdict == "invalid"
    assert TAKEN in " ".join(summary.reasons)

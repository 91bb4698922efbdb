"""A worker that is killed at a round trip, on a real queue; and freezes that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analysis.compare.crash_points import PointRun, judge_point
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.commands.crash_points.notes import read_round_trips
from orchestrator.commands.crash_points.workloads import (
    Ability,
    body_scenario,
    delay_scenario,
    kill_scenario,
    listing_scenario,
    stall_scenario,
)
from orchestrator.errors import ProxyError
from orchestrator.faults.round_trips import RoundTripWatch, _Question
from orchestrator.history.round_trips import Freeze
from orchestrator.postgres.server import Server
from orchestrator.proxy.delayed import Delayed, Delivered
from orchestrator.proxy.gate import Gate
from orchestrator.proxy.points import Side
from orchestrator.proxy.request import Request as ProxyRequest
from orchestrator.proxy.statements import named
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.triggered import AtPoint, PointPhase, PointSide
from orchestrator.scenario.types import Scenario
from worker_child.adapters import load_adapter
from worker_child.adapters.contract import Workers
from worker_child.controls import statements
from worker_child.names import session_name
from worker_child.protocol import HoldPoint

pytestmark = [pytest.mark.database, pytest.mark.slow]

PLAIN = Ability(fans_out=False, retries=False, least=(1, 1))
EFFECT = "INSERT INTO bench_effect VALUES ($1, $2, $3, $4, $5)"
ACKNOWLEDGE = named(
    statements.ACKNOWLEDGE.as_string().replace("%(ids)s", "$1").replace("%(identity)s", "$2")
)
COMMIT = AtPoint(statement="COMMIT", phase="completed", with_rows=True, side="before")


def carry(server: Server, results: Path, scenario: Scenario, library: str) -> Path:
    request = make_request(
        scenario,
        library=library,
        preset=None,
        ordinal=1,
        dsn=server.dsn,
        results=results,
        overwrite=True,
    )
    return carry_out(request, lambda status: None).history


def leaking(freeze: Callable[[RoundTripWatch], int]) -> Callable[[RoundTripWatch], int]:
    """A freeze after which a Sync reaches the server all the same."""

    def leak(self: RoundTripWatch) -> int:
        frozen_ns = freeze(self)
        link = self._proxy._links[0]
        self._proxy._do(lambda: link._to_server(b"S\0\0\0\4"))
        return frozen_ns

    return leak


def killed_at(server: Server, results: Path, at: AtPoint = COMMIT) -> tuple[Summary, PointRun]:
    """The control that holds its transaction open, killed there."""
    scenario = kill_scenario("point", "single", PLAIN, at, 0.0)
    summary = analyse(carry(server, results, scenario, "control_holding"))
    return summary, judge_point(summary)


@pytest.mark.parametrize(("side", "verdict"), [("before", "duplicated"), ("after", "clean")])
def test_a_commit_is_undone_before_it_and_done_after_it(
    server: Server, tmp_path: Path, side: PointSide, verdict: str
) -> None:
    summary, run = killed_at(server, tmp_path, msgspec.structs.replace(COMMIT, side=side))
    assert run.verdict == verdict, summary.reasons
    certificate = summary.recovery[0].certificate
    assert certificate.missing == [] and summary.recovery[0].trigger == "point"


@pytest.mark.parametrize(
    ("phase", "statement"), [("starting up", 'LISTEN "control_job"'), (None, "BEGIN")]
)
def test_a_worker_is_killed_while_it_starts_or_has_nothing_to_do(
    server: Server, tmp_path: Path, phase: PointPhase | None, statement: str
) -> None:
    at = AtPoint(statement=statement, phase=phase, side="after")
    summary, run = killed_at(server, tmp_path, at)
    assert run.verdict == "clean", summary.reasons
    assert summary.recovery[0].certificate.ready == (phase is None)


@pytest.mark.parametrize(
    ("library", "statement", "verdict"),
    [
        # Its lease runs out while it stands still; then both have done the job.
        ("control_short_lease", EFFECT, "duplicated"),
        # Its lock holds as long as its session: nobody can take the job from it.
        ("control_holding", EFFECT, "uncontested"),
    ],
)
def test_a_stalled_worker_comes_back_to_a_job_that_is_anothers_by_now(
    server: Server, tmp_path: Path, library: str, statement: str, verdict: str
) -> None:
    at = AtPoint(statement=statement, phase="started", side="before")
    scenario = stall_scenario("point", "single", PLAIN, at, 0.0, 6.0)
    summary = analyse(carry(server, tmp_path, scenario, library))
    assert judge_point(summary).verdict == verdict, summary.reasons
    (stall,) = summary.stalls
    assert stall.certificate.missing == [] and stall.lived
    assert stall.stalled_s is not None and 6.0 <= stall.stalled_s < 8.0
    assert stall.taken == (("j000000",) if stall.contested else ())
    assert judge_point(summary).stalled_s == stall.stalled_s
    assert summary.crash.kills == 0 and summary.verdict == "pass"


@pytest.mark.parametrize(
    ("library", "hold", "verdict", "jobs"),
    [
        # The queue is empty while it is held, and it has said that it is done.
        ("control_delete_first", "completed", "clean", ()),
        ("control_late_ack", "effect", "duplicated", ("j000000",)),
    ],
)
def test_a_worker_is_killed_while_its_job_stands_at_a_place_of_its_body(
    server: Server,
    tmp_path: Path,
    library: str,
    hold: HoldPoint,
    verdict: str,
    jobs: tuple[str, ...],
) -> None:
    summary = analyse(carry(server, tmp_path, body_scenario("b", "single", PLAIN, hold), library))
    run = judge_point(summary)
    assert (run.verdict, run.jobs) == (verdict, jobs), summary.reasons
    (kill,) = summary.recovery
    assert (kill.trigger, kill.certificate.missing) == ("held", [])


def delayed_at(server: Server, results: Path, library: str, at: AtPoint) -> Summary:
    scenario = delay_scenario("point", "single", PLAIN, at, 0.0, 5.2)
    return analyse(carry(server, results, scenario, library))


def test_a_completion_that_comes_late_takes_the_row_that_is_anothers_by_now(
    server: Server, tmp_path: Path
) -> None:
    at = AtPoint(statement=ACKNOWLEDGE, phase="completed", side="delayed")
    summary = delayed_at(server, tmp_path, "control_late_ack", at)
    run = judge_point(summary)
    assert (run.verdict, run.late_rows, run.late_refused) == ("duplicated", 1, None), (
        summary.reasons
    )
    (kill,) = summary.recovery
    late = kill.certificate.late_request
    assert kill.certificate.missing == [] and late is not None
    assert late.sent_s is not None and kill.ready_s is not None and kill.reaped_s is not None
    assert late.sent_s > kill.ready_s > kill.reaped_s


def test_a_commit_that_comes_late_is_a_commit(server: Server, tmp_path: Path) -> None:
    at = msgspec.structs.replace(COMMIT, side="delayed")
    summary = delayed_at(server, tmp_path, "control_holding", at)
    assert judge_point(summary).verdict == "clean", summary.reasons


def test_a_delayed_request_that_is_never_delivered_voids_the_run(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keeping_it(self: Delayed, limit_s: float) -> Delivered:
        self.close()
        raise ProxyError("kept")

    monkeypatch.setattr(Delayed, "deliver", keeping_it)
    at = msgspec.structs.replace(COMMIT, side="delayed")
    summary = delayed_at(server, tmp_path, "control_holding", at)
    assert judge_point(summary).verdict == "invalid"
    assert "the delayed request was never delivered" in " ".join(summary.reasons)


def test_bytes_that_pass_during_a_stall_void_the_run(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RoundTripWatch, "freeze", leaking(RoundTripWatch.freeze))
    at = AtPoint(statement=EFFECT, phase="started", side="before")
    scenario = stall_scenario("point", "single", PLAIN, at, 0.0, 1.0)
    summary = analyse(carry(server, tmp_path, scenario, "control_holding"))
    assert judge_point(summary).verdict == "invalid"
    assert "bytes passed after its connections had been frozen" in " ".join(summary.reasons)


def test_a_point_that_the_proxy_passes_over_is_not_reached(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = Gate.stops

    def passing_over(self: Gate, request: ProxyRequest, side: Side) -> bool:
        return False if "COMMIT" in request.executed else stops(self, request, side)

    monkeypatch.setattr(Gate, "stops", passing_over)
    _, run = killed_at(server, tmp_path)
    assert run.verdict == "not_reached"


def test_bytes_that_pass_a_frozen_proxy_void_the_run(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RoundTripWatch, "freeze", leaking(RoundTripWatch.freeze))
    summary, run = killed_at(server, tmp_path)
    assert run.verdict == "invalid"
    assert "bytes passed after its connections had been frozen" in " ".join(summary.reasons)


def test_a_session_that_goes_round_the_proxy_voids_the_run(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[psycopg.Connection[tuple[object, ...]]] = []
    stop_at = RoundTripWatch._stop_at

    def beside(self: RoundTripWatch, question: _Question, phase: PointPhase) -> None:
        dsn = self._fleet.children[0, 0].init.dsn
        name = session_name("point-control_holding-stock-001", 0, 0)
        around = make_conninfo(dsn, **_address(server), application_name=name)
        opened.append(psycopg.connect(around))
        stop_at(self, question, phase)

    drop = RoundTripWatch.drop

    def closing(self: RoundTripWatch) -> Freeze:
        for connection in opened:
            connection.close()
        return drop(self)

    monkeypatch.setattr(RoundTripWatch, "_stop_at", beside)
    monkeypatch.setattr(RoundTripWatch, "drop", closing)
    summary, run = killed_at(server, tmp_path)
    assert run.verdict == "invalid"
    assert "a session of the victim did not go through the proxy" in " ".join(summary.reasons)


PRESET = load_adapter("control_late_ack").preset("stock", Workers(1, 10, 3, 5, 0.2))


def _address(server: Server) -> dict[str, str]:
    known = psycopg.conninfo.conninfo_to_dict(server.dsn)
    return {name: str(known[name]) for name in ("host", "port") if name in known}


def test_a_line_after_the_freeze_voids_the_run(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = RoundTripWatch.drop

    def said_to_be_earlier(self: RoundTripWatch) -> Freeze:
        return msgspec.structs.replace(drop(self), frozen_ns=self._fleet.children[0, 0].spawned_ns)

    monkeypatch.setattr(RoundTripWatch, "drop", said_to_be_earlier)
    summary, run = killed_at(server, tmp_path)
    assert run.verdict == "invalid"
    assert "after its connections had been frozen" in " ".join(summary.reasons)


def test_a_harmless_run_notes_each_round_trip_with_its_phase(
    server: Server, tmp_path: Path
) -> None:
    scenario = listing_scenario("batch", PLAIN, PRESET)
    history = carry(server, tmp_path, scenario, "control_late_ack")
    assert analyse(history).verdict == "pass"
    notes = read_round_trips(history)
    effects = [note for note in notes if note.statement.startswith("INSERT INTO bench_effect")]
    assert [(note.phase, note.rows) for note in effects] == [("started", 1)] * 3
    acknowledged = [note.rows for note in notes if "DELETE FROM control_job" in note.statement]
    assert sum(rows or 0 for rows in acknowledged) == 3, "the fresh jobs are not watched"

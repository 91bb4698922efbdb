"""Workers that are told to stop while others go on, on queues whose right answer is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.summary.types import Summary
from orchestrator.errors import NotOfferedError
from orchestrator.faults import table
from orchestrator.faults.targets import Reach, Worker
from orchestrator.postgres.server import Server
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.worker_faults import Deploy, Terminate
from tests.queues.one_run import summary_of_run

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(180),
]

SCENARIO = str(Path(__file__).parent.parent / "scenarios" / "tiny_deploy.toml")
Run = Callable[..., Summary]


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    def carry(library: str, *changes: str) -> Summary:
        return summary_of_run(
            load_scenario(SCENARIO, list(changes)),
            library=library,
            preset="stock",
            dsn=server.dsn,
            results=tmp_path,
        )

    return carry


@pytest.mark.parametrize("successor", ["before", "after"])
def test_a_worker_that_drains_leaves_nothing_and_its_slot_is_filled_again(
    run: Run, successor: str
) -> None:
    summary = run("control_holding", f"faults.0.successor='{successor}'", "faults.0.grace_s=60")
    assert summary.verdict == "pass", summary.reasons
    (gone,) = summary.departures
    assert (gone.outcome, gone.certificate.missing) == ("drained", [])
    assert gone.left_s is not None
    assert (gone.left_open, gone.rows_held, gone.taken) == (0, 0, 0)
    assert (summary.crash.kills, summary.crash.certificates) == (0, 1)
    assert summary.crash.duplicated == summary.jobs.stranded == 0
    first, next_one, _ = summary.run.workers
    assert (first.ended, next_one.incarnation, next_one.slot) == ("stopped", 1, 0)
    assert next_one.spawned_s is not None and first.left_s is not None
    assert (next_one.spawned_s > first.left_s) is (successor == "after")


def test_what_has_not_left_when_its_grace_is_over_is_killed_and_its_jobs_are_done_again(
    run: Run,
) -> None:
    summary = run("control_holding", "faults.0.grace_s=0.2")
    assert summary.verdict == "pass", summary.reasons
    (gone,) = summary.departures
    assert (gone.outcome, gone.certificate.missing, gone.certificate.signal) == ("killed", [], 9)
    assert gone.left_open >= 1 and gone.left_s is not None and gone.left_s >= 0.2
    (kill,) = summary.recovery
    assert kill.kill_sent_ns > (gone.told_ns or 0) and kill.orphans >= gone.left_open
    assert (summary.crash.kills, summary.crash.duplicated) == (1, 0)
    assert "stop_ignored" not in " ".join(summary.findings)


def test_jobs_longer_than_a_lease_that_nobody_renews_are_taken_while_their_worker_drains(
    run: Run,
) -> None:
    """Three seconds of lease, jobs of seven. Of nine claimed one at least is the worker's that is
    told to leave, as the other has eight places; and its successor has room."""
    long = ("workload.kinds.entity_enrich.length_s=7", "workload.rate_per_s=8")
    room = ("workload.duration_s=2", "workers.concurrency=8", "workers.pool_size=8")
    leaves = "what = 'deploy', when = { in_flight = 9 }, successor = 'before', grace_s = 60"
    summary = run("control_short_lease", *long, *room, f"faults=[{{ {leaves} }}]")
    (gone,) = summary.departures
    assert (gone.outcome, gone.certificate.missing) == ("drained", [])
    assert gone.taken >= 1 and len(gone.taken_live) == gone.taken
    for taken in gone.taken_live:
        assert taken.execution[:2] == (0, 0) and taken.other[:2] != (0, 0)
        assert taken.completed_ns is not None
        assert taken.started_ns < taken.other_started_ns < taken.completed_ns
    (fault,) = summary.faults
    assert fault.live_taken == gone.taken
    assert summary.crash.duplicates_live_by.drain >= 1


def test_a_deploy_that_is_none_makes_the_run_invalid(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(reach: Reach, victim: Worker, fault: int) -> int:
        return time.monotonic_ns()

    without = dict(table.TABLE)
    without[Deploy] = replace(without[Deploy], inject=nothing)
    monkeypatch.setattr(table, "TABLE", without)
    summary = run("control_holding", "faults.0.grace_s=0.2", "limits.sessions_gone_s=0.5")
    assert summary.verdict == "invalid"
    assert "Deploy 1 has no complete certificate: it was not told to leave" in " ".join(
        summary.reasons
    )


TERMINATE = "faults=[{ what = 'terminate', at_s = 1.5, again_after_s = 50, grace_s = 60 }]"


def test_a_worker_that_handles_sigterm_drains_by_it(run: Run) -> None:
    summary = run("control_holding", TERMINATE)
    assert summary.verdict == "pass", summary.reasons
    (gone,) = summary.departures
    assert (gone.what, gone.outcome, gone.certificate.missing) == ("terminate", "drained", [])
    assert (gone.left_open, summary.crash.kills, summary.crash.duplicated) == (0, 0, 0)


def test_a_sigterm_that_is_none_makes_the_run_invalid(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(reach: Reach, victim: Worker, fault: int) -> int:
        return time.monotonic_ns()

    without = dict(table.TABLE)
    without[Terminate] = replace(without[Terminate], inject=nothing)
    monkeypatch.setattr(table, "TABLE", without)
    soon = TERMINATE.replace("50", "0.1").replace("60", "0.2")
    summary = run("control_holding", soon, "limits.sessions_gone_s=0.5")
    assert summary.verdict == "invalid"
    assert "Terminate 1 has no complete certificate: it was not told to leave" in " ".join(
        summary.reasons
    )


def test_to_a_library_without_a_handler_it_is_not_applicable(run: Run) -> None:
    with pytest.raises(NotOfferedError, match="needs sigterm, which pgqueuer's"):
        run("pgqueuer", TERMINATE)

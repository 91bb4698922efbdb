"""Workers whose first process is killed alone, on a queue whose right answer is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from analysis.summary.types import Summary
from orchestrator.errors import NotOfferedError
from orchestrator.faults import table
from orchestrator.faults.targets import Reach, Worker
from orchestrator.postgres.server import Server
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.worker_faults import KillLeaderOnly
from tests.queues.one_run import summary_of_run

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(180),
]

SCENARIO = str(Path(__file__).parent.parent / "scenarios" / "tiny_leader.toml")
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


def test_what_outlives_its_leader_goes_on_with_its_jobs_until_it_is_killed(run: Run) -> None:
    """Jobs of a third of the lease: nobody has a reason to take them."""
    summary = run("control_forking")
    assert summary.verdict == "pass", summary.reasons
    (lived,) = summary.survivors
    assert (lived.outcome, lived.certificate.missing, lived.certificate.signal) == ("killed", [], 9)
    (pid,) = lived.pids
    assert not psutil.pid_exists(pid)
    assert lived.gone_s is not None and lived.gone_s >= 5
    assert lived.completed + lived.left_open == lived.open + lived.begun
    assert lived.begun >= 1 and lived.effects == lived.completed
    first, successor, other = summary.run.workers
    assert (first.ended, successor.slot, successor.incarnation) == ("killed", 0, 1)
    assert other.slot == 1
    (fault,) = summary.faults
    assert fault.lasted_s is not None and fault.lasted_s < 5, "its successor came beside it"
    assert summary.crash.duplicated == summary.jobs.stranded == summary.jobs.lost == 0


def test_claims_that_only_the_leader_renewed_are_taken_from_those_that_live_on(run: Run) -> None:
    """Twice the lease: the survivors' jobs are done by others as well, both executions shown."""
    long = ("workload.kinds.entity_enrich.length_s=6", "faults.0.survivors_for_s=9")
    room = ("workers.concurrency=12", "workers.pool_size=12")
    summary = run("control_forking", *long, *room)
    (lived,) = summary.survivors
    assert (lived.outcome, lived.certificate.missing) == ("killed", [])
    assert lived.taken >= 1 and len(lived.taken_live) == lived.taken
    for taken in lived.taken_live:
        assert taken.execution[:2] == (0, 0) and taken.other[:2] != (0, 0)
        assert taken.completed_ns is not None
        assert taken.started_ns < taken.other_started_ns < taken.completed_ns
    assert summary.crash.duplicates_live_by.leaderless >= 1
    assert any("lived on without the first" in said for said in summary.findings)


def test_a_kill_of_the_leader_that_is_none_makes_the_run_invalid(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(reach: Reach, victim: Worker, fault: int) -> int:
        return time.monotonic_ns()

    without = dict(table.TABLE)
    without[KillLeaderOnly] = replace(without[KillLeaderOnly], inject=nothing)
    monkeypatch.setattr(table, "TABLE", without)
    soon = ("faults.0.survivors_for_s=0.2", "limits.sessions_gone_s=0.5")
    summary = run("control_forking", *soon)
    assert summary.verdict == "invalid"
    assert "Kill leader only 1 has no complete certificate: the victim was not reaped" in " ".join(
        summary.reasons
    )


def test_a_kill_of_the_whole_group_is_no_kill_of_the_leader_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = table.TABLE[KillLeaderOnly]

    def all_of_it(reach: Reach, victim: Worker, fault: int) -> int:
        sent_ns = row.inject(reach, victim, fault)
        victim.child.kill()
        return sent_ns

    group = dict(table.TABLE)
    group[KillLeaderOnly] = replace(row, inject=all_of_it)
    monkeypatch.setattr(table, "TABLE", group)
    summary = run("control_forking", "limits.sessions_gone_s=2")
    assert summary.verdict == "invalid"
    assert "nobody was seen to outlive the first process" in " ".join(summary.reasons)
    assert [one.outcome for one in summary.survivors] == ["none"]


def test_to_a_library_whose_worker_is_one_process_it_is_not_applicable(run: Run) -> None:
    with pytest.raises(NotOfferedError, match="needs child_processes, which pgqueuer's"):
        run("pgqueuer")

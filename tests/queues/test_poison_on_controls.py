"""A job that kills its worker whenever it runs, on queues whose right answer is known: one gives it
up after as many attempts as it allows, one runs it for ever, and one loses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.summary.types import Summary
from orchestrator.faults import table
from orchestrator.faults.poison import Poisoned
from orchestrator.faults.targets import Reach
from orchestrator.postgres.server import Server
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.poison import poison_jobs
from orchestrator.scenario.worker_faults import Poison
from tests.queues.one_run import summary_of_run

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(180),
]

SCENARIO = str(Path(__file__).parent.parent / "scenarios" / "tiny_poison.toml")
GIVES_UP = str(Path(__file__).with_name("gives_poison_up"))
Run = Callable[..., Summary]


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    def carry(library: str, *changes: str, preset: str = "stock") -> Summary:
        return summary_of_run(
            load_scenario(SCENARIO, list(changes)),
            library=library,
            preset=preset,
            dsn=server.dsn,
            results=tmp_path,
        )

    return carry


def test_a_queue_that_counts_deaths_gives_a_poison_up_after_its_attempts(run: Run) -> None:
    summary = run(GIVES_UP, preset="tuned")
    assert summary.verdict == "pass", summary.reasons
    assert summary.poison is not None
    (job,) = summary.poison.jobs
    assert {job.job_id} == poison_jobs(load_scenario(SCENARIO))
    assert (job.executions, job.deaths, job.fate) == (2, 2, "given_up")
    assert (summary.crash.kills, summary.crash.certificates) == (2, 2)
    assert (summary.jobs.discarded, summary.crash.given_up) == (1, 0)
    assert summary.jobs.completed_once + summary.jobs.duplicated == summary.jobs.enqueued - 1
    beside = summary.poison.neighbours
    assert (beside.given_up, beside.lost, beside.left) == (0, 0, 0)


def test_a_queue_that_frees_whatever_the_dead_held_runs_a_poison_for_ever(run: Run) -> None:
    summary = run("control_late_ack")
    assert summary.verdict == "fail"
    (reason,) = summary.reasons
    assert reason.startswith("Expected poison_comes_back = 0, found 1: broken")
    assert summary.poison is not None
    (job,) = summary.poison.jobs
    assert (job.executions, job.deaths, job.fate) == (4, 3, "comes_back")
    assert (summary.crash.kills, summary.crash.certificates) == (3, 3)
    assert summary.run.drain == "agreed"
    assert (summary.jobs.pending, summary.jobs.lost, summary.jobs.stranded) == (1, 0, 0)


def test_a_queue_that_acknowledges_first_loses_the_poison_and_its_neighbours(run: Run) -> None:
    summary = run("control_delete_first")
    assert summary.verdict == "fail"
    assert summary.poison is not None
    (job,) = summary.poison.jobs
    assert (job.executions, job.deaths, job.fate) == (1, 1, "lost")
    assert summary.jobs.lost == 1 + summary.poison.neighbours.lost
    assert summary.poison.neighbours.lost <= summary.poison.neighbours.hit
    assert summary.poison.neighbours.run_again == 0


def test_a_death_that_is_none_makes_the_run_invalid(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(reach: Reach, victim: Poisoned, fault: int) -> int:
        return time.monotonic_ns()

    without = dict(table.TABLE)
    without[Poison] = replace(without[Poison], inject=nothing)
    monkeypatch.setattr(table, "TABLE", without)
    summary = run("control_late_ack", "limits.sessions_gone_s=0.5")
    assert summary.verdict == "invalid"
    reasons = " ".join(summary.reasons)
    assert "Poison 1 has no complete certificate: the victim was not reaped" in reasons

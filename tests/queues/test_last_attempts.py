"""A kill that spends the last attempt: who counts claims gives the job up, who counts none runs it
again."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.summary.types import Summary
from orchestrator.postgres.server import Server
from orchestrator.scenario.load import load_scenario
from tests.queues.one_run import summary_of_run

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(120),
]

COUNTS_CLAIMS = str(Path(__file__).with_name("spends_the_last_attempt"))
COUNTS_NOTHING = "control_late_ack"
SCENARIO = str(Path(__file__).parent.parent / "scenarios" / "tiny_held.toml")


def run(server: Server, results: Path, library: str, preset: str, attempts: int) -> Summary:
    return summary_of_run(
        load_scenario(SCENARIO, [f"workers.max_attempts={attempts}"]),
        library=library,
        preset=preset,
        dsn=server.dsn,
        results=results,
    )


def test_a_kill_in_the_last_attempt_has_jobs_given_up_that_never_failed(
    server: Server, tmp_path: Path
) -> None:
    summary = run(server, tmp_path, COUNTS_CLAIMS, "tuned", attempts=1)
    assert (summary.verdict, summary.crash.given_up, summary.crash.re_executions) == ("fail", 2, 0)
    # The three that had completed are buried as well, and their effects stand.
    assert summary.jobs.flags["dead_though_done"] == 3
    assert (summary.jobs.duplicated, summary.jobs.lost, summary.jobs.stranded) == (0, 0, 0)
    assert "because their worker was killed" in " ".join(summary.reasons)


def test_who_has_an_attempt_left_is_run_again(server: Server, tmp_path: Path) -> None:
    summary = run(server, tmp_path, COUNTS_CLAIMS, "tuned", attempts=2)
    assert summary.verdict == "pass", summary.reasons
    assert (summary.crash.given_up, summary.crash.re_executions) == (0, 5)


def test_a_queue_that_counts_no_attempts_runs_again_what_was_in_its_last(
    server: Server, tmp_path: Path
) -> None:
    summary = run(server, tmp_path, COUNTS_NOTHING, "stock", attempts=1)
    assert summary.verdict == "pass", summary.reasons
    assert (summary.crash.given_up, summary.crash.re_executions) == (0, 5)

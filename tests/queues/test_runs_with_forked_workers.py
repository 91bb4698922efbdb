"""Runs whose workers are forked from a warm process: as certified as any, and they say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.compare.crash_points import judge_point
from analysis.summary.summary import analyse
from orchestrator.commands.crash_points.workloads import Ability, kill_scenario, listing_scenario
from orchestrator.commands.reproduce import read_start
from orchestrator.postgres.server import Server
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.run.standing import Standing
from orchestrator.scenario.triggered import AtPoint
from orchestrator.scenario.types import Scenario
from worker_child.adapters import load_adapter
from worker_child.adapters.contract import Workers

pytestmark = [pytest.mark.database, pytest.mark.slow]

PLAIN = Ability(fans_out=False, retries=False, least=(1, 1))
AT_COMMIT = AtPoint(statement="COMMIT", phase="completed", with_rows=True, side="after")


def carry(
    server: Server, results: Path, scenario: Scenario, library: str, standing: Standing | None
) -> Path:
    request = make_request(
        scenario,
        library=library,
        preset=None,
        ordinal=1,
        dsn=server.dsn,
        results=results,
        overwrite=True,
    )
    return carry_out(request, lambda status: None, standing).history


def start_of(history: Path) -> str | None:
    """How its workers came to be; None = as ever."""
    start: str | None = read_start(history).environment.get("worker_start")
    return start


def test_a_forked_worker_is_killed_and_succeeded_with_every_part_of_the_certificate(
    server: Server, tmp_path: Path
) -> None:
    scenario = kill_scenario("point", "single", PLAIN, AT_COMMIT, 0.0)
    with Standing() as standing:
        for _ in range(2):
            history = carry(server, tmp_path, scenario, "control_holding", standing)
            summary = analyse(history)
            assert judge_point(summary).verdict == "clean", summary.reasons
            assert summary.recovery[0].certificate.missing == []
            assert start_of(history) == "forked"


@pytest.mark.parametrize("library", ["pgqueuer", "control_late_ack"])
def test_a_queue_passes_without_harm_with_forked_workers(
    server: Server, tmp_path: Path, library: str
) -> None:
    preset = load_adapter(library).preset("stock", Workers(1, 10, 3, 5, 1.0))
    scenario = listing_scenario("batch", PLAIN, preset)
    with Standing() as standing:
        history = carry(server, tmp_path, scenario, library, standing)
    summary = analyse(history)
    assert summary.verdict == "pass", summary.reasons
    assert start_of(history) == "forked"


def test_a_plain_run_starts_every_worker_anew(server: Server, tmp_path: Path) -> None:
    scenario = kill_scenario("point", "single", PLAIN, AT_COMMIT, 0.0)
    history = carry(server, tmp_path, scenario, "control_holding", None)
    assert start_of(history) is None

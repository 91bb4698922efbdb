"""Kills are carried out as planned: at one instant, and whether their victim is ready or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.history.load import load
from analysis.summary.summary import analyse
from orchestrator.faults.certificate import SIDE_BY_SIDE_NS
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import resolve_scenario
from tests.conftest import Database

FOUND = Path(__file__).parent.parent / "found"

pytestmark = pytest.mark.database


def carried_out(name: str, database: Database, results: Path) -> Path:
    request = make_request(
        resolve_scenario(str(FOUND / name), []),
        library="pgqueuer",
        preset="tuned",
        ordinal=1,
        dsn=database.dsn,
        results=results,
        overwrite=False,
    )
    return carry_out(request, lambda _: None).history


def test_two_kills_of_one_instant_race_nobody_unless_the_machine_came_between_them(
    database: Database, tmp_path: Path
) -> None:
    history = carried_out("same_instant.toml", database, tmp_path)
    records = load(history).records
    first, second = records.of(FaultInjected)
    assert first.intended_ns == second.intended_ns
    apart_ns = abs(first.t_ns - second.t_ns)  # that nothing of ours does is asked of the injector
    raced = [ended.raced for ended in records.of(FaultEnded)]
    assert raced.count(True) == (apart_ns > SIDE_BY_SIDE_NS)
    assert analyse(history).exit_code in (0, 1, 4), "both have a complete certificate"


def test_a_successor_that_is_not_ready_yet_is_killed_at_its_instant(
    database: Database, tmp_path: Path
) -> None:
    history = carried_out("crash_loop.toml", database, tmp_path)
    sent = load(history).records.of(FaultInjected)
    assert len(sent) == 3
    assert sent[0].before.ready
    assert not sent[1].before.ready
    assert [kill.target.workers[0].incarnation for kill in sent] == [0, 1, 2]
    assert analyse(history).exit_code in (0, 1, 4), "each has a complete certificate"

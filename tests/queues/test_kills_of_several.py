"""Kills of several workers, at once and again and again, and such kills that are none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.summary.types import Summary
from orchestrator.faults import table
from orchestrator.faults.targets import Reach, Worker
from orchestrator.postgres.server import Server
from orchestrator.scenario.load import load_scenario
from tests.queues.one_run import summary_of_run

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(120),
]

SCENARIO = str(Path(__file__).parent.parent / "scenarios" / "tiny_kills.toml")
TIMES = "at_s = 1, respawn_after_s = 0.2"
SORTS = {
    "kill_at_once": (f"slots = [0, 1], {TIMES}", 2),
    "storm": (f"slots = [0, 1], rounds = 2, every_s = 0.8, {TIMES}", 4),
    "crash_loop": (f"successors = 2, killed_after_s = 0.01, {TIMES}", 3),
}
"""By its word: the keys of an entry, and to how many kills it comes."""


def run(server: Server, results: Path, what: str) -> Summary:
    keys, _ = SORTS[what]
    return summary_of_run(
        load_scenario(SCENARIO, [f"faults=[{{ what = '{what}', {keys} }}]"]),
        library="control_late_ack",
        preset="stock",
        dsn=server.dsn,
        results=results,
    )


@pytest.fixture
def harmless(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the row of a word do nothing."""

    def nothing(reach: Reach, victim: Worker, fault: int) -> int:
        return time.monotonic_ns()

    def plant(what: str) -> None:
        rows = {
            sort: replace(row, inject=nothing) if sort.__struct_config__.tag == what else row
            for sort, row in table.TABLE.items()
        }
        monkeypatch.setattr(table, "TABLE", rows)

    return plant


@pytest.mark.parametrize("what", SORTS)
def test_each_kill_of_several_has_its_certificate_and_nothing_is_lost(
    server: Server, tmp_path: Path, what: str
) -> None:
    summary = run(server, tmp_path, what)
    assert summary.verdict == "pass", summary.reasons
    kills = SORTS[what][1]
    assert (summary.crash.kills, summary.crash.certificates) == (kills, kills)
    assert summary.jobs.lost == summary.jobs.stranded == summary.jobs.pending == 0


@pytest.mark.parametrize("what", SORTS)
def test_kills_that_are_none_make_the_run_invalid(
    server: Server, tmp_path: Path, what: str, harmless: Callable[[str], None]
) -> None:
    harmless(what)
    summary = run(server, tmp_path, what)
    assert summary.verdict == "invalid"
    word = what.replace("_", " ").capitalize()
    assert f"{word} 1 has no complete certificate: the victim was not reaped" in " ".join(
        summary.reasons
    )

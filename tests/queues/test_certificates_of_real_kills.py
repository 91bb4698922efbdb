"""A kill that cannot be vouched for makes its run invalid, whatever the jobs say."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.run.request import Request, workers_of
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import resolve_scenario
from orchestrator.workers.child import ChildHandle, State
from orchestrator.workers.spawner import Spawner
from tests.conftest import Database
from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.pgqueuer.inbox import PgQueuerAdapter
from worker_child.protocol import Init, Rescue

pytestmark = pytest.mark.database

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"


class PlantedAdapter(PgQueuerAdapter):
    """pgqueuer with a worker that has one thing wrong, and a heartbeat that suits a short test."""

    def __init__(self, plant: str) -> None:
        self._plant = plant

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        preset = super().preset(name, workers, changes)
        quick = {"heartbeat_timeout_s": 1.0, "dequeue_timeout_s": 0.2}
        return replace(
            preset,
            settings={**preset.settings, **quick},
            rescue=Rescue("stale heartbeat", 1.0, 0.0, 0.2),
        )

    def child_argv(self) -> list[str]:
        return [sys.executable, "-m", "tests.process.wrong_worker", self._plant]


def run(plant: str, database: Database, results: Path, *overrides: str) -> Summary:
    resolved = resolve_scenario(str(SCENARIO), overrides)
    adapter = PlantedAdapter(plant)
    request = Request(
        resolved=resolved,
        library="pgqueuer",
        library_given="pgqueuer",
        adapter=adapter,
        preset=adapter.preset("tuned", workers_of(resolved)),
        ordinal=1,
        dsn=database.dsn,
        results=results,
        overwrite=False,
    )
    return analyse(carry_out(request, lambda status: None).history)


def sleepers(mark: str) -> list[int]:
    """The grandchildren that a run's workers planted and that live."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if {"import time; time.sleep(600)", mark} <= set(process.info["cmdline"] or [])
    ]


def test_a_kill_of_a_sound_worker_is_certified(database: Database, tmp_path: Path) -> None:
    summary = run("nothing", database, tmp_path)
    assert summary.verdict == "pass", summary.reasons
    assert summary.recovery[0].certificate.missing == []


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        ("grandchild", "members of its process group live on"),
        ("pipe", "its pipe was not read to the end"),
        ("nameless", "sessions that bear no name of the run were open"),
        ("held", "sessions of the victim are left"),
    ],
)
def test_a_planted_flaw_makes_the_run_invalid(
    database: Database, tmp_path: Path, plant: str, reason: str
) -> None:
    waits_in_vain = "limits.sessions_gone_s=1"
    summary = run(plant, database, tmp_path, waits_in_vain)
    assert (summary.verdict, summary.exit_code) == ("invalid", 3)
    assert reason in " ".join(summary.reasons)


def test_no_grandchild_outlives_the_run(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[str] = []
    spawn, living = Spawner.spawn, []

    def spawn_and_note(self: Spawner, init: Init, argv: Sequence[str]) -> ChildHandle:
        marks.append(f"{self._mark}:{init.slot}:{init.incarnation}")
        living.extend(sleepers(marks[0]))
        return spawn(self, init, argv)

    monkeypatch.setattr(Spawner, "spawn", spawn_and_note)
    run("grandchild", database, tmp_path)
    assert living, "the plant had not been there when the second worker was spawned"
    assert sleepers(marks[0]) == []


def test_a_worker_that_leaves_cleanly_instead_of_being_killed_makes_the_run_invalid(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask_instead_of_killing(self: ChildHandle) -> int:
        self.killed_ns = time.monotonic_ns()
        self.stop()
        self.state = State.KILLED
        return self.killed_ns

    monkeypatch.setattr(ChildHandle, "kill", ask_instead_of_killing)
    summary = run("nothing", database, tmp_path)
    assert (summary.verdict, summary.exit_code) == ("invalid", 3)
    assert "the wait status is not SIGKILL" in " ".join(summary.reasons)

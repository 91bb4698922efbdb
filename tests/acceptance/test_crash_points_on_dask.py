"""Crash points and faults over a real Dask scheduler and two real worker processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_matrix_on_dask import (
    below,
    folder,
    machines,
    registered,
    wait_until,
)
from tests.process.dask_machines import DaskMachines

__all__ = ["folder", "machines"]

LIBRARY = "control_delete_first"
LIMIT_S = 1000

pytestmark = [pytest.mark.database, pytest.mark.on_dask, pytest.mark.timeout(1500)]


def start(command: str, results: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", command, LIBRARY, "--results", str(results), *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def table_in(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(results.glob("crash-points-*.json")).read_text())
    return found


def test_crash_points_outlive_a_killed_worker_and_one_machine_keeps_what_two_have_done(
    machines: DaskMachines,
    folder: Path,
) -> None:
    workers = [machines.add_worker() for _ in range(2)]
    registered(machines, 2)
    results = folder / "r"
    words = ("--actions", "kill")
    spread = start("crash-points", results, *words, "--dask", machines.address)
    wait_until("a point has arrived", lambda: list(results.rglob("point_*.jsonl")))
    wait_until("a worker is at its next run", lambda: below(workers[0]))
    workers[0].send_signal(signal.SIGKILL)
    printed, _ = spread.communicate(timeout=LIMIT_S)

    assert "is lost: its run will be done again elsewhere" in printed
    table = table_in(results)
    assert table["complete"], printed
    found = {point["verdict"] for point in table["points"]} - {"not_reached"}
    assert found == {"clean", "lost"}, printed
    assert spread.returncode == 1

    alone = start("crash-points", results, *words)
    said, _ = alone.communicate(timeout=LIMIT_S)
    assert alone.returncode == 1, said
    again = table_in(results)
    assert (again["runs"], again["points"]) == (0, table["points"]), said


def test_crash_points_are_refused_where_the_machines_have_different_servers(
    machines: DaskMachines,
    folder: Path,
) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text(
        "from orchestrator.postgres.binaries import Binaries\n"
        "Binaries.version = lambda self: '9.6'\n"
    )
    machines.add_worker()
    machines.add_worker(environment={"PYTHONPATH": str(other)})
    registered(machines, 2)
    refused = start("crash-points", folder / "r", "--dask", machines.address)
    printed, _ = refused.communicate(timeout=LIMIT_S)

    assert refused.returncode == 2, printed
    assert "its machines have different PostgreSQL: " in printed and " has 9.6" in printed
    assert list((folder / "r").rglob("*.jsonl")) == []


def test_faults_are_spread_and_one_table_has_all_of_them(
    machines: DaskMachines,
    folder: Path,
) -> None:
    for _ in range(2):
        machines.add_worker()
    registered(machines, 2)
    results = folder / "r"
    words = ("--only", "kill", "--only", "pause")
    spread = start("faults", results, *words, "--dask", machines.address)
    printed, _ = spread.communicate(timeout=LIMIT_S)

    histories = sorted(path.name for path in results.glob("*.jsonl"))
    assert len(histories) == 2, printed
    assert len(set(re.findall(r" on (127\.0\.0\.1:\d+)", printed))) == 2, printed
    assert "kill   " in printed and "pause  " in printed and "error" not in printed

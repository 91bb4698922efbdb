"""A matrix over a real Dask scheduler and two real worker processes: all of it, whatever falls."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.paths import ROOT
from tests.process.dask_machines import QUIET, DaskMachines

SCENARIOS = Path(__file__).parent.parent / "scenarios"
SCENARIO = SCENARIOS / "tiny_matrix.toml"
HELD = SCENARIOS / "tiny_held.toml"
CELLS = [
    f"tiny_matrix-{library}-stock-{ordinal:03d}"
    for library in ("control_holding", "control_late_ack")
    for ordinal in (1, 2)
]
NANNYS = {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""What a worker's nanny would have set."""
LIMIT_S = 400
COUNTS_OF_A_CRASH = ("kills", "duplicated", "duplicates_live", "re_executions")
"""The others are of a moment: how many claims a kill happened to find."""

pytestmark = [pytest.mark.database, pytest.mark.on_dask, pytest.mark.timeout(900)]


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="cbd-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def machines(folder: Path) -> Iterator[DaskMachines]:
    with DaskMachines(folder) as started:
        yield started


def start(results: Path, *more: str) -> subprocess.Popen[str]:
    options = {
        "--libraries": "control_holding,control_late_ack",
        "--presets": "stock",
        "--scenarios": SCENARIO,
        "--repetitions": 2,
        "--results": results,
    }
    words = [str(word) for option in options.items() for word in option]
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "matrix", *words, *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {LIMIT_S} s in vain: {what}"
        time.sleep(0.05)


def registered(machines: DaskMachines, count: int) -> None:
    """Wait until so many workers have told the scheduler of themselves."""
    wait_until(f"{count} workers are registered", lambda: machines.registered() >= count)


def below(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes of the run that a worker has under way."""
    return psutil.Process(process.pid).children(recursive=True)


def environments_of(processes: list[psutil.Process]) -> Iterator[dict[str, str]]:
    """Of those that have not ended meanwhile."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield process.environ()


def figures(results: Path, run_id: str) -> dict[str, Any]:
    """What must not depend on where a run was carried out."""
    summary = json.loads((results / f"{run_id}.summary.json").read_bytes())
    with (results / f"{run_id}.jsonl").open() as history:
        start = json.loads(history.readline())["fields"]
    counted = {
        f"{section}.{name}": count
        for section, names in (("jobs", summary["jobs"]), ("crash", COUNTS_OF_A_CRASH))
        for name in names
        if isinstance(count := summary[section][name], int)
    }
    return {
        "verdict": summary["verdict"],
        "counts": counted,
        "cell": start["cell_hash"],
        "hardware": start["environment"]["hardware_hash"],
        "scenario": start["scenario_sha256"],
    }


def test_a_killed_worker_loses_only_its_unfinished_runs_and_every_figure_is_as_on_one_machine(
    machines: DaskMachines, folder: Path
) -> None:
    workers = [machines.add_worker(environment=NANNYS) for _ in range(2)]
    registered(machines, 2)
    results, alone = folder / "r", folder / "alone"
    matrix = start(results, "--dask", machines.address)
    wait_until("a run has arrived", lambda: list(results.glob("*.jsonl")))
    wait_until("a worker is at its next run", lambda: below(workers[0]))
    busy = below(workers[0])
    environments = list(environments_of(busy))
    kept = {path: path.stat().st_ino for path in results.glob("*.jsonl")}
    workers[0].send_signal(signal.SIGKILL)
    printed, _ = matrix.communicate(timeout=LIMIT_S)

    assert matrix.returncode == 0, printed
    assert "is lost: " in printed and "will be done again elsewhere" in printed
    assert sorted(path.stem for path in results.glob("*.jsonl")) == sorted(CELLS)
    assert {path: path.stat().st_ino for path in kept} == kept, "a finished run was done again"
    ours = [name for found in environments for name in found if name.startswith("DASK_")]
    assert (
        environments
        and ours == []
        and not any(name in found for found in environments for name in NANNYS)
    )
    _, alive = psutil.wait_procs(busy, timeout=30)
    assert alive == [], "a run outlived its worker"

    local = start(alone)
    printed, _ = local.communicate(timeout=LIMIT_S)
    assert local.returncode == 0, printed
    assert {cell: figures(results, cell) for cell in CELLS} == {
        cell: figures(alone, cell) for cell in CELLS
    }


def test_a_matrix_over_two_workers_gives_the_cells_verdicts_and_exact_counts_of_one_machine(
    machines: DaskMachines, folder: Path
) -> None:
    for _ in range(2):
        machines.add_worker()
    registered(machines, 2)
    results, alone = folder / "r", folder / "alone"
    words = ("--libraries", "pgqueuer,control_late_ack", "--scenarios", str(HELD))
    cells = [
        f"tiny_held-{library}-stock-{ordinal:03d}"
        for library in ("pgqueuer", "control_late_ack")
        for ordinal in (1, 2)
    ]
    printed, _ = start(results, *words, "--dask", machines.address).communicate(timeout=LIMIT_S)
    said, _ = start(alone, *words).communicate(timeout=LIMIT_S)

    found = {cell: figures(results, cell) for cell in cells}
    assert found == {cell: figures(alone, cell) for cell in cells}, printed + said
    assert {figure["verdict"] for figure in found.values()} == {"pass"}, printed
    assert {figure["counts"]["crash.duplicated"] for figure in found.values()} == {3}
    assert {figure["counts"]["crash.re_executions"] for figure in found.values()} == {5}
    assert len(set(re.findall(r" on (127\.0\.0\.1:\d+)", printed))) == 2, printed


def test_a_lost_scheduler_ends_the_matrix_and_the_same_command_goes_on(
    machines: DaskMachines, folder: Path
) -> None:
    machines.add_worker()
    registered(machines, 1)
    results = folder / "r"
    matrix = start(results, "--dask", machines.address)
    wait_until("a run has arrived", lambda: list(results.glob("*.jsonl")))
    machines.scheduler.send_signal(signal.SIGKILL)
    machines.scheduler.wait(LIMIT_S)
    printed, _ = matrix.communicate(timeout=LIMIT_S)
    assert matrix.returncode == 2, printed
    assert f"the Dask scheduler at {machines.address} is gone. What is finished is kept" in printed
    kept = {path: path.stat().st_ino for path in results.glob("*.jsonl")}
    assert 0 < len(kept) < len(CELLS)

    before = machines.registered()
    machines.start_scheduler()
    machines.add_worker()
    machines.add_worker()
    registered(machines, before + 2)
    again = start(results, "--dask", machines.address)
    printed, _ = again.communicate(timeout=LIMIT_S)

    assert again.returncode == 0, printed
    assert sorted(path.stem for path in results.glob("*.jsonl")) == sorted(CELLS)
    assert {path: path.stat().st_ino for path in kept} == kept
    assert f"4 runs, {len(kept)} kept" in printed


def test_workers_with_other_code_or_without_the_resource_are_refused_before_any_run(
    machines: DaskMachines, folder: Path
) -> None:
    copy = folder / "copy"
    for package in ("orchestrator", "worker_child", "analysis"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("lang"))
    with (copy / "orchestrator" / "errors.py").open("a") as changed:
        changed.write("# another state of the code\n")
    machines.add_worker(cell=False)
    registered(machines, 1)
    results = folder / "r"
    without, _ = start(results, "--dask", machines.address).communicate(timeout=LIMIT_S)
    machines.add_worker(environment={"PYTHONPATH": str(copy)})
    registered(machines, 2)
    mixed, _ = start(results, "--dask", machines.address).communicate(timeout=LIMIT_S)

    assert "none of its 1 workers has the resource cell: start them with" in without
    assert "it has other code (" in mixed and "start its Dask worker anew" in mixed
    assert list(results.glob("*")) == []


def test_a_cluster_with_dasks_own_defaults_is_told_everything_that_is_to_be_set(
    folder: Path,
) -> None:
    with DaskMachines(folder, {}) as machines:
        machines.add_worker()
        registered(machines, 1)
        matrix = start(folder / "r", "--dask", machines.address)
        printed, _ = matrix.communicate(timeout=LIMIT_S)

    assert matrix.returncode == 2
    assert [name for name in QUIET if name not in printed] == []


def test_nobody_at_the_address_and_a_connection_string_are_a_sentence_each(folder: Path) -> None:
    nobody = start(folder / "r", "--dask", "tcp://127.0.0.1:9")
    printed, _ = nobody.communicate(timeout=LIMIT_S)
    secret = start(folder / "r", "--dask", "tcp://127.0.0.1:9", "--dsn", "postgresql://u:pw@h/d")
    refused, _ = secret.communicate(timeout=LIMIT_S)

    assert (nobody.returncode, secret.returncode) == (2, 2)
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in printed
    assert "--dsn (or CRASHBENCH_DSN) cannot go with --dask" in refused and "pw" not in refused
    assert "Traceback" not in printed + refused

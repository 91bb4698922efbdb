"""Machines that cannot take part, over a real Dask scheduler: each a sentence, nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.libraries.build import _STAMP, _digest
from orchestrator.libraries.library import find_library
from orchestrator.paths import ROOT
from tests.acceptance.test_matrix_on_dask import (
    CELLS,
    LIMIT_S,
    folder,
    machines,
    registered,
    start,
)
from tests.process.dask_machines import DaskMachines

__all__ = ["folder", "machines"]

pytestmark = [pytest.mark.database, pytest.mark.on_dask, pytest.mark.timeout(900)]


@contextmanager
def small_disk(at: Path) -> Iterator[None]:
    """A file system of 2 MiB, there."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    assert mount is not None and umount is not None
    at.mkdir()
    words = ("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(at))
    if subprocess.run([mount, *words]).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run([umount, "--lazy", str(at)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk that is full")
@pytest.mark.parametrize("what", ["local directory", "TMPDIR"])
def test_a_machine_whose_disk_is_full_is_named_and_its_runs_are_done_elsewhere(
    what: str, machines: DaskMachines, folder: Path
) -> None:
    disk = folder / ("worker1" if what == "local directory" else "temporary")
    with small_disk(disk):
        machines.add_worker(environment={} if what == "local directory" else {"TMPDIR": str(disk)})
        machines.add_worker()
        registered(machines, 2)
        results = folder / "r"
        matrix = start(results, "--dask", machines.address)
        printed, _ = matrix.communicate(timeout=LIMIT_S)

    assert matrix.returncode == 0, printed
    assert "takes no further part: " in printed and str(disk) in printed
    assert "MiB of the 256 MiB that a run needs are free" in printed
    assert sorted(path.stem for path in results.glob("*.jsonl")) == sorted(CELLS)


def checkout_at(place: Path) -> Path:
    """A copy of this one, without anything that was built."""
    place.mkdir()
    for package in ("orchestrator", "worker_child", "analysis", "scenarios"):
        shutil.copytree(ROOT / package, place / package)
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy2(ROOT / name, place / name)
    return place


def test_a_machine_without_the_librarys_worker_is_refused_with_the_command_that_builds_it(
    machines: DaskMachines, folder: Path
) -> None:
    here, there = checkout_at(folder / "here"), checkout_at(folder / "there")
    river = find_library("river")
    assert river.build is not None
    stamp = here / ".adapters" / "river" / _STAMP
    stamp.parent.mkdir(parents=True)
    stamp.write_text(_digest(river, river.build))
    program = stamp.with_name("worker")
    program.write_text("#!/bin/sh\necho 1.0.0\n")
    program.chmod(0o755)
    machines.add_worker(environment={"PYTHONPATH": str(there)})
    registered(machines, 1)
    cells = ("--libraries", "river", "--presets", "tuned", "--scenarios", "crash_recovery_short")
    words = (*cells, "--dask", machines.address, "--results", str(folder / "r"))
    matrix = subprocess.run(
        [sys.executable, "-P", "-m", "orchestrator", "matrix", *words],
        env={**os.environ, "PYTHONPATH": str(here)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )

    assert matrix.returncode == 2, matrix.stdout + matrix.stderr
    assert "the worker of river is not built. Run `" in matrix.stderr
    assert "adapters --build river`" in matrix.stderr
    assert list((folder / "r").glob("*.jsonl")) == []

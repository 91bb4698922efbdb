"""A matrix that is killed with SIGKILL in the middle and started again has every cell once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_matrix.toml"
CELLS = [
    f"tiny_matrix-{library}-stock-{ordinal:03d}"
    for library in ("control_holding", "control_late_ack")
    for ordinal in (1, 2)
]
LIMIT_S = 200

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(500)]


@pytest.fixture
def results() -> Iterator[Path]:
    """A short path: the server's socket lies below it."""
    folder = Path(tempfile.mkdtemp(prefix="cbm-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def start(results: Path, *more: str) -> subprocess.Popen[str]:
    options = {
        "--libraries": "control_holding,control_late_ack",
        "--presets": "stock",
        "--scenarios": SCENARIO,
        "--repetitions": 2,
        "--results": results,
        "--junit": results / "junit.xml",
    }
    words = [str(word) for option in options.items() for word in option]
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "matrix", *words, *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_half(matrix: subprocess.Popen[str], results: Path) -> str:
    """Wait until one run is finished and the next has begun to write; returns the latter's name."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        assert matrix.poll() is None, matrix.communicate()[0]
        partial = sorted(results.glob("*.jsonl.partial"))
        if partial and list(results.glob("*.jsonl")):
            return partial[0].name.removesuffix(".jsonl.partial")
        time.sleep(0.05)
    raise AssertionError(f"waited {LIMIT_S} s in vain for a finished and a half run")


def test_a_killed_matrix_goes_on_where_it_was(results: Path) -> None:
    matrix = start(results)
    half = wait_until_half(matrix, results)
    kept = {path: path.stat().st_ino for path in results.glob("*.jsonl")}
    (run,) = psutil.Process(matrix.pid).children()
    os.kill(matrix.pid, signal.SIGKILL)
    matrix.communicate(timeout=30)
    gone, alive = psutil.wait_procs([run], timeout=10)
    assert (len(gone), alive) == (1, []), "the run under way outlived its matrix"
    assert (results / f"{half}.jsonl.partial").exists()

    again = start(results)
    printed, _ = again.communicate(timeout=LIMIT_S)

    assert again.returncode == 0, printed
    assert [path.stem for path in sorted(results.glob("*.jsonl"))] == sorted(CELLS)
    assert {path: path.stat().st_ino for path in kept} == kept
    verdicts = [
        json.loads((results / f"{cell}.summary.json").read_bytes())["verdict"] for cell in CELLS
    ]
    assert verdicts == ["pass"] * 4
    report = ElementTree.parse(results / "junit.xml")  # noqa: S314 - our own file
    cases = sorted(str(case.get("name")) for case in report.iter("testcase"))
    assert cases == sorted(CELLS)
    assert "kept" in printed


def test_a_wish_to_end_lets_the_run_under_way_end_in_good_order(results: Path) -> None:
    matrix = start(results)
    half = wait_until_half(matrix, results)
    (run,) = psutil.Process(matrix.pid).children()
    matrix.terminate()
    printed, _ = matrix.communicate(timeout=LIMIT_S)

    assert matrix.returncode == 130, printed
    assert not run.is_running()
    last = (results / f"{half}.jsonl.partial").read_text().splitlines()[-1]
    assert json.loads(last)["fields"]["ended"] == "interrupted"

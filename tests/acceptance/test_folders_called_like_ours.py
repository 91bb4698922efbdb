"""Where the user has folders called like our packages, no process of ours takes them for ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.command_line import ROOT
from tests.trap import RAISED, set_trap

TINY = ROOT / "tests" / "scenarios" / "tiny_kill.toml"
LIMIT_S = 100.0


@pytest.mark.database
@pytest.mark.slow
def test_a_matrix_runs_among_them(tmp_path: Path) -> None:
    """The parent of a run, its janitor, its worker and its analysis are processes of ours."""
    program = Path(sys.executable).with_name("crashbench")
    words = ["--libraries=pgqueuer", "--presets=tuned", "--repetitions=1", "--no-control"]
    done = subprocess.run(
        [program, "matrix", f"--scenarios={TINY}", *words, "--results=found"],
        cwd=set_trap(tmp_path),
        env={key: value for key, value in os.environ.items() if key != "CRASHBENCH_DSN"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )

    assert RAISED not in done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "found").rglob("*.summary.json"))) == 1

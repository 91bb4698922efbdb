"""One run by the command line, as a user starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PASS, UNKNOWN = 0, 4
_RUN_LIMIT_S = 300.0


def one_run(scenario: str, results: Path, *options: str) -> Path:
    """Carry a scenario out, by name or path; returns its history. RuntimeError: it had no verdict
    that a run without a flaw can have."""
    argv = [sys.executable, "-m", "orchestrator", "--mode=parent"]
    argv += ["--scenario", scenario, "--results", str(results), *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_RUN_LIMIT_S)
    if done.returncode not in (PASS, UNKNOWN):
        raise RuntimeError(
            f"{' '.join(argv)} ended with exit code {done.returncode} where {PASS} was "
            f"expected:\n{done.stdout}{done.stderr}"
        )
    (path,) = results.glob("*.jsonl")
    return path

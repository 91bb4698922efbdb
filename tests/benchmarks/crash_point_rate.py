"""How many crash points a second: in lanes, beside one `crashbench run` a point.

Each counts as done with its certificate, its history and its verdict; what does not have all three
is an error. The runs without harm that list the points take part in the time.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.compare.crash_points import CrashPoints, read_table
from analysis.summary.summary import read_summary
from tests.benchmarks.figure import Effort, Figure
from tests.benchmarks.one_run import one_run

LIBRARY = "control_holding"
LEAST_PER_S = 3.0
REPETITIONS = {"full": 7, "quick": 1}
LEAST_POINTS = {"full": 200, "quick": 25}
ALONE = {"full": 3, "quick": 1}
"""Runs of their own, one after the other."""
_LIMIT_S = 1800.0
_POINT = str(Path(__file__).with_name("point.toml"))
_JUDGED = frozenset({"clean", "re-executed", "duplicated"})
"""What this control can come to; any other verdict, `invalid` first, is none of its points done."""


def measure(effort: Effort) -> list[Figure]:
    """One figure. RuntimeError: the enumeration failed, or a point of it is not whole."""
    with TemporaryDirectory() as folder:
        results = Path(folder)
        table = _enumerate(results, REPETITIONS[effort])
        points = count_whole(table, results)
        alone_s = [_alone_s(results / f"alone{number}") for number in range(ALONE[effort])]
    return [figure(points, LEAST_POINTS[effort], table, alone_s)]


def figure(points: int, least_points: int, table: CrashPoints, alone_s: list[float]) -> Figure:
    """The rate beside that of runs by themselves. Binding: what `make bench` promises."""
    rate_per_s, alone_per_s = points / table.took_s, len(alone_s) / sum(alone_s)
    kept = rate_per_s >= LEAST_PER_S and points >= least_points
    return Figure(
        "crash points of the holding control",
        f"{rate_per_s:.2f} /s",
        f">= {LEAST_PER_S:g} /s",
        "met" if kept else "MISSED",
        True,
        f"{points} (at least {least_points}) in {table.took_s:.0f} s on {table.lanes} lanes, each "
        f"with certificate, history and verdict; a `crashbench run` a point: {alone_per_s:.2f} /s, "
        f"so {rate_per_s / alone_per_s:.1f} x",
    )


def count_whole(table: CrashPoints, results: Path) -> int:
    """The runs of points, each with all that it is to have. RuntimeError: one has not."""
    runs = [run for point in table.points for run in point.runs]
    for run in runs:
        history = results / table.folder / f"{run.run_id}.jsonl"
        recovery = read_summary(history.with_suffix(".summary.json")).recovery
        if run.verdict not in _JUDGED or [r for r in recovery if r.certificate.missing]:
            raise RuntimeError(f"{run.run_id} is {run.verdict}: {recovery}")
        if len(recovery) != 1 or not history.exists():
            raise RuntimeError(f"{run.run_id} has {len(recovery)} certificates, or no history")
    return len(runs)


def _enumerate(results: Path, repetitions: int) -> CrashPoints:
    argv = [sys.executable, "-m", "orchestrator", "crash-points", LIBRARY, "--actions=kill"]
    argv += [f"--repetitions={repetitions}", f"--results={results}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_LIMIT_S)
    written = list(results.glob("crash-points-*.json"))
    if len(written) != 1:
        raise RuntimeError(f"{' '.join(argv)} failed:\n{done.stdout}{done.stderr}")
    table = read_table(written[0])
    if not table.complete or table.kept:
        raise RuntimeError(f"{written[0]} is not of one whole enumeration")
    return table


def _alone_s(results: Path) -> float:
    results.mkdir()
    begun_s = time.monotonic()
    one_run(_POINT, results, "--library", LIBRARY)
    return time.monotonic() - begun_s

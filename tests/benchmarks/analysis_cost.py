"""CPU and memory of the analysis of two million lines over half a million jobs.

The floor is decoding the needed fields of the same file with msgspec, and nothing else.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.benchmarks import analysing
from tests.benchmarks.analysing import Spent
from tests.benchmarks.figure import Costs, Effort, Figure, ratio
from tests.benchmarks.synthetic_history import RUN_ID, Told, write_history

CPU_LIMIT = 3.0
RSS_LIMIT_MIB = 400.0
ROUNDS = {"full": 3, "quick": 2}
JOBS = {"full": 500_000, "quick": 50_000}
_LIMIT_S = 120.0


def measure(effort: Effort) -> list[Figure]:
    """CPU seconds as a ratio, and the highest resident memory of the judging process."""
    with TemporaryDirectory() as name:
        path = Path(name) / f"{RUN_ID}.jsonl"
        told = write_history(path, JOBS[effort])
        judged, rounds = [], []
        for _ in range(ROUNDS[effort]):
            judged.append(_spent("judge", path))
            rounds.append(Costs(judged[-1].cpu_s, _spent("decode", path).cpu_s))
        _check(path.with_name(f"{RUN_ID}.summary.json"), told)
    peak_mib = max(spent.peak_rss_mib for spent in judged)
    size = f"{told.events / 1e6:.1f} M lines"
    return [
        ratio(f"analysis of {size}", rounds, CPU_LIMIT, unit="s CPU"),
        Figure(
            name=f"analysis of {size}, memory (absolute)",
            measured=f"{peak_mib:.0f} MiB",
            limit=f"<= {RSS_LIMIT_MIB:.0f} MiB",
            standing="met" if peak_mib <= RSS_LIMIT_MIB else "MISSED",
            binding=True,
        ),
    ]


def _spent(work: str, path: Path) -> Spent:
    argv = [sys.executable, analysing.__file__, work, str(path)]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=_LIMIT_S)
    return msgspec.json.decode(done.stdout, type=Spent)


def _check(summary_path: Path, told: Told) -> None:
    """A fast wrong answer is worth nothing."""
    summary = msgspec.json.decode(summary_path.read_bytes())
    found = {
        "verdict": summary["verdict"],
        "jobs": summary["jobs"]["enqueued"],
        "lost": summary["jobs"]["lost"],
        "duplicates": summary["crash"]["duplicates_by_crash"],
        "re_executions": summary["crash"]["re_executions"],
    }
    expected = {
        "verdict": "pass",
        "jobs": told.jobs,
        "lost": 0,
        "duplicates": told.duplicates,
        "re_executions": told.re_executions,
    }
    assert found == expected, f"found {found}, expected {expected}: {summary['reasons']}"

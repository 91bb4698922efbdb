"""CPU and memory of the analysis of two million lines over half a million jobs.

The floor is decoding the needed fields of the same file with msgspec, and nothing else.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.benchmarks import analysing
from tests.benchmarks.analysing import Spent
from tests.benchmarks.figure import Costs, Effort, Figure, ratio
from tests.benchmarks.synthetic_history import RUN_ID, Told, write_history

CPU_LIMIT = 2.2
RSS_LIMIT_MIB = 400.0
ROUNDS = {"full": 6, "quick": 2}
JOBS = {"full": 500_000, "quick": 50_000}
_LIMIT_S = 900.0
"""For ten million lines on a busy machine."""


def measure(effort: Effort) -> list[Figure]:
    """CPU seconds as a ratio, and the highest resident memory of the judging process."""
    with TemporaryDirectory() as name:
        path = Path(name) / f"{RUN_ID}.jsonl"
        told = write_history(path, JOBS[effort])
        judged, rounds = [], []
        for _ in range(ROUNDS[effort]):
            judged.append(spent("judge", path))
            rounds.append(Costs(judged[-1].cpu_s, spent("decode", path).cpu_s))
        check(path, told)
    return [
        ratio(f"analysis of {size(told)}", rounds, CPU_LIMIT, unit="s CPU"),
        memory(told, judged, RSS_LIMIT_MIB),
    ]


def size(told: Told) -> str:
    """How long a history is, for people."""
    return f"{told.events / 1e6:.1f} M lines"


def memory(told: Told, judged: Sequence[Spent], limit_mib: float) -> Figure:
    """The highest resident memory of any process that judged the history."""
    peak_mib = max(one.peak_rss_mib for one in judged)
    return Figure(
        name=f"analysis of {size(told)}, memory (absolute)",
        measured=f"{peak_mib:.0f} MiB",
        limit=f"<= {limit_mib:.0f} MiB",
        standing="met" if peak_mib <= limit_mib else "MISSED",
        binding=True,
    )


def spent(work: str, path: Path) -> Spent:
    """What one of `analysing.WORKS` takes, in a process of its own."""
    argv = [sys.executable, analysing.__file__, work, str(path)]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=_LIMIT_S)
    return msgspec.json.decode(done.stdout, type=Spent)


def check(path: Path, told: Told) -> None:
    """A fast wrong answer is worth nothing."""
    summary = msgspec.json.decode(path.with_suffix(".summary.json").read_bytes())
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

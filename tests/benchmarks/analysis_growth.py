"""How the analysis grows: ten times the history must take ten times the CPU, and bounded memory.

Histories of one and of ten million lines take turns, the short one ten times for each time of the
long one, half of them before it and half after, so that a machine that slows down meanwhile slows
both. `GROWTH_LIMIT` leaves room for the sorts, which grow as n log n (log 10 M / log 1 M = 1.17),
and for caches that the long history outgrows; anything quadratic would show 10. The memory's limit
is the project's own promise: 600 MiB at ten million lines.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.analysing import Spent
from tests.benchmarks.analysis_cost import check, memory, size, spent
from tests.benchmarks.figure import Costs, Effort, Figure, NoRoomError, ratio
from tests.benchmarks.synthetic_history import RUN_ID, Told, write_history

GROWTH_LIMIT = 1.25
RSS_LIMIT_MIB = 600.0
TIMES = 10
"""How many times as long the longer history is."""
ROUNDS = {"full": 3, "quick": 2}
JOBS = {"full": 250_000, "quick": 25_000}
"""Of the shorter history; a job has four lines."""
BYTES_PER_JOB = 1100
"""Of a synthetic history, rounded up."""
SPARE_BYTES = 500_000_000
"""Left to everybody else on the same file system."""


def measure(effort: Effort) -> list[Figure]:
    """CPU time an event of the long history against the short one, and memory of the long one.

    Raises `NoRoomError` where the temporary folder cannot hold the histories.
    """
    jobs = JOBS[effort]
    with TemporaryDirectory() as name:
        require_room(Path(name), (1 + TIMES) * jobs * BYTES_PER_JOB)
        short, short_told = _written(Path(name) / "short", jobs)
        long, long_told = _written(Path(name) / "long", TIMES * jobs)
        judged: list[Spent] = []
        rounds: list[Costs] = []
        for _ in range(ROUNDS[effort]):
            before = [spent("judge", short) for _ in range(TIMES // 2)]
            judged.append(spent("judge", long))
            after = [spent("judge", short) for _ in range(TIMES - TIMES // 2)]
            short_s = sum(one.cpu_s for one in (*before, *after))
            rounds.append(growth(judged[-1].cpu_s, long_told, short_s, short_told))
        check(short, short_told)
        check(long, long_told)
    name = f"an event of {size(long_told)} against {size(short_told)}"
    return [
        ratio(name, rounds, GROWTH_LIMIT, unit="us CPU"),
        memory(long_told, judged, RSS_LIMIT_MIB),
    ]


def growth(long_cpu_s: float, long: Told, short_cpu_s: float, short: Told) -> Costs:
    """CPU microseconds an event; `short_cpu_s` is the sum over `TIMES` judgements."""
    return Costs(1e6 * long_cpu_s / long.events, 1e6 * short_cpu_s / (TIMES * short.events))


def require_room(folder: Path, needed_bytes: int) -> None:
    """Raises `NoRoomError` where the file system would not have `SPARE_BYTES` left."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise NoRoomError(
            f"the histories need {needed_bytes / 1e9:.1f} GB in {folder.parent}, which has "
            f"{free_bytes / 1e9:.1f} GB free, and {SPARE_BYTES / 1e9:.1f} GB are to be left: make "
            "room, set TMPDIR to a folder that has it, or measure with --quick"
        )


def _written(folder: Path, jobs: int) -> tuple[Path, Told]:
    folder.mkdir()
    path = folder / f"{RUN_ID}.jsonl"
    return path, write_history(path, jobs)

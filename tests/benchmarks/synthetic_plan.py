"""Who runs which job when, in a synthetic run with one kill: pure arithmetic, as columns.

Four workers share the jobs; worker 0 is killed half-way. What it had open is run again by its
successor, and what it had finished but not acknowledged is run twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLOTS = 4
MS = 1_000_000
SECOND = 1_000_000_000
BEGIN_NS = 5 * SECOND
"""T = 0 on the monotonic clock of the history."""
GAP_NS = MS
"""One job a millisecond."""
RESPAWN_NS = 3 * SECOND
READY_NS = 4 * SECOND
UNACKNOWLEDGED_NS = 400 * MS
"""What worker 0 finished so shortly before its kill is run again."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Executions:
    """One row an execution, in the order of their starts; `completed_ns` -1 = killed before."""

    job: Ints
    started_ns: Ints
    completed_ns: Ints
    worker: Ints
    """0 .. SLOTS - 1; the successor of worker 0 is SLOTS."""
    number: Ints


def intended_ns(job: Any) -> Any:
    """When a job (or each of a column of jobs) is to be enqueued, nanoseconds."""
    return BEGIN_NS + job * GAP_NS


def length_us(job: Any) -> Any:
    """The planned length: 20 to 100 ms, differing from job to job."""
    return 20_000 + job * 7919 % 80_000


def kill_ns_of(jobs: int) -> int:
    """When worker 0 is killed: half-way, between two jobs."""
    return int(intended_ns(jobs // 2)) + MS // 2


def settled_ns(jobs: int) -> int:
    """When everything has settled and the rows are read."""
    return int(intended_ns(jobs)) + SECOND


def executions(jobs: int, kill_ns: int) -> Executions:
    """Every execution of every job, the second ones of those that the kill found in flight too."""
    job = np.arange(jobs, dtype=np.int64)
    started = intended_ns(job) + 5 * MS
    completed = started + length_us(job) * 1000
    worker = job % SLOTS
    first = worker == 0
    absent = first & (started >= kill_ns) & (started < kill_ns + READY_NS)
    worker[absent] = 1 + job[absent] % (SLOTS - 1)
    worker[first & (started >= kill_ns + READY_NS)] = SLOTS
    victims = first & (started < kill_ns)
    cut = victims & (completed >= kill_ns)
    unacknowledged = victims & (completed < kill_ns) & (completed >= kill_ns - UNACKNOWLEDGED_NS)
    completed[cut] = -1
    redone = job[cut | unacknowledged]
    restarted = kill_ns + READY_NS + (1 + np.arange(len(redone))) * GAP_NS
    columns = (
        np.concatenate([job, redone]),
        np.concatenate([started, restarted]),
        np.concatenate([completed, restarted + length_us(redone) * 1000]),
        np.concatenate([worker, np.full(len(redone), SLOTS)]),
    )
    order = np.argsort(columns[1], kind="stable")
    job, started, completed, worker = (column[order] for column in columns)
    return Executions(job, started, completed, worker, places(worker) + 1)


def places(worker: Ints) -> Ints:
    """By row: how many rows of the same worker stand before it."""
    before = np.empty(len(worker), np.int64)
    for one in range(SLOTS + 1):
        mine = worker == one
        before[mine] = np.arange(int(mine.sum()))
    return before


def place(worker: int) -> tuple[int, int]:
    """A worker's (slot, incarnation)."""
    return (0, 1) if worker == SLOTS else (worker, 0)


def identity(worker: int) -> str:
    """The identity that a worker announces."""
    return "worker-{}-{}".format(*place(worker))

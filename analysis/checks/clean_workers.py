"""Workers that stopped when asked: each has told the end of all that it began."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from analysis.checks.completeness import worker_name
from analysis.checks.naming import jobs_named
from analysis.checks.poisons import announced_keys
from analysis.history.columns import EXECUTION_BITS, Ints, pack_one, worker_key
from analysis.history.history import History
from orchestrator.history.records import ChildExited
from worker_child.protocol import JobDiscarded, JobRetried


def _clean_workers(history: History) -> Iterator[str]:
    """Who stopped with all others has told the end of all that it began. One that was told to stop
    while the others went on may leave what it is at to them, and a job that waits to kill its
    worker never ends.

    Counted first: `misused_executions` sees to it that each end has a start of its own.
    """
    assert history.end is not None, "asked of an unfinished history"
    stopped = sorted(
        worker_key(left.slot, left.incarnation)
        for left in history.records.of(ChildExited)
        if left.reason == "stopped" and left.fault is None
    )
    if not stopped:
        return
    completed, failed = history.completions.key, history.failures.key
    if failed.size:  # Numpy would sort millions of keys to look for none among them.
        failed = failed[~np.isin(failed, completed)]
    ended = np.concatenate([completed, failed])
    unended = _by_worker(history.starts.key, stopped) != _by_worker(ended, stopped)
    for worker in np.array(stopped, np.int64)[unended].tolist():
        yield from _left_open(history, worker, agreed=history.end.drain == "agreed")


def _by_worker(keys: Ints, workers: list[int]) -> Ints:
    """How many keys are of each of some workers."""
    counts = np.bincount(keys >> EXECUTION_BITS, minlength=max(workers) + 1)
    mine: Ints = counts[np.array(workers, np.int64)]
    return mine


def _told_by_the_library(history: History) -> Ints:
    """Executions that the library itself ended, whatever their handler came to."""
    lines: list[JobDiscarded | JobRetried] = [
        *history.records.of(JobDiscarded),
        *history.records.of(JobRetried),
    ]
    keys = [
        pack_one(line.slot, line.incarnation, line.execution)
        for line in lines
        if line.slot is not None and line.incarnation is not None and line.execution is not None
    ]
    return np.array(keys, np.int64)


def _left_open(history: History, worker: int, *, agreed: bool) -> Iterator[str]:
    mine = (history.starts.key >> EXECUTION_BITS) == worker
    key, job = history.starts.key[mine], history.starts.job[mine]
    told = [_told_by_the_library(history), announced_keys(history)]
    ended = np.isin(key, np.concatenate([history.completions.key, history.failures.key, *told]))
    with_effect = np.isin(key, history.effects.key)
    silent, still_open = job[~ended & with_effect], job[~ended & ~with_effect]
    name = worker_name(worker).capitalize()
    if silent.size:
        jobs = jobs_named(history, silent)
        yield f"{name} stopped cleanly, and an effect of it has no event: {jobs}."
    if still_open.size and agreed:
        yield (
            f"{name} stopped cleanly after a drain that agreed, and an execution is still open: "
            f"{jobs_named(history, still_open)}."
        )


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_clean_workers,)

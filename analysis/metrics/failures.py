"""What went wrong inside the jobs themselves: error rates by class, attempts, discards."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from analysis.figures import Figures, put
from analysis.history.columns import Ints
from analysis.history.history import History
from analysis.metrics.retries import retries_block
from worker_child.protocol import JobDiscarded


def errors_block(history: History) -> Figures:
    """Error rate by error class = executions failed with it / all executions (METHODOLOGY)."""
    executions = _distinct(history.starts.key)
    failures = history.failures
    keys, firsts = np.unique(failures.key, return_index=True)
    names, codes = failures.error_class.names, failures.error_class.code[firsts]
    counts = np.bincount(codes, minlength=len(names)).tolist()
    figures: Figures = {"executions": executions, "failed": len(keys)}
    why = "nothing was ever executed"
    put(figures, "rate", _share(len(keys), executions), why)
    figures["by_class"] = {}
    for name, count in zip(names, counts, strict=True):
        figures["by_class"][name] = {"failed": count}
        put(figures["by_class"][name], "rate", _share(count, executions), why)
    figures["attempts"] = _attempts(history)
    figures["discards"] = _discards(history)
    return figures | {"retries": retries_block(history)}


def _distinct(keys: Ints) -> int:
    ordered = np.sort(keys)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(keys))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _attempts(history: History) -> Figures:
    """Executions a job, over all jobs that were enqueued."""
    jobs = len(history.jobs)
    enqueued = np.zeros(jobs, np.bool_)
    enqueued[history.enqueues.job] = True
    executions = np.bincount(history.starts.job, minlength=jobs)[enqueued]
    n = len(executions)
    figures: Figures = {"n": n}
    put(figures, "mean", round(int(executions.sum()) / n, 6) if n else None, "no job was enqueued")
    put(figures, "max", int(executions.max()) if n else None, "no job was enqueued")
    counts = np.bincount(executions).tolist()
    figures["histogram"] = [
        {"executions": number, "jobs": count} for number, count in enumerate(counts) if count
    ]
    return figures


def _discards(history: History) -> Figures:
    """Jobs that the library said it gave up, and who saw it."""
    discarded = history.records.of(JobDiscarded)
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for record in discarded:
        seen[record.observed_by].add(record.job_id)
    return {
        "jobs": len({record.job_id for record in discarded}),
        "observed_by": {who: len(jobs) for who, jobs in seen.items()},
    }

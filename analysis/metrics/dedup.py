"""Where several enqueue one key at once: how often it was executed, and what each was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from analysis.figures import Figures
from analysis.history.columns import Ints
from analysis.history.job_ids import JobIds, stream_index
from analysis.ledger.case import Case
from orchestrator.history.records import EnqueueFailed


def dedup_block(case: Case) -> Figures:
    """Counts by key and by answer; empty where the scenario has no ``workload.dedup``.

    Job i of the stream bears key i // enqueuers.
    """
    dedup, history = case.scenario.workload.dedup, case.history
    if dedup is None:
        return {}
    taken = _keys(history.jobs, np.unique(history.enqueues.job), dedup.enqueuers)
    executed = _keys(history.jobs, history.starts.job, dedup.enqueuers)
    refused = list(_refused(case, dedup.enqueuers))
    told = Counter(record.outcome for record, _ in refused)
    keys = {*taken.tolist(), *(key for _, key in refused)}
    takings, executions = Counter(taken.tolist()), Counter(executed.tolist())
    return {
        "enqueuers": dedup.enqueuers,
        "keys": len(keys),
        "enqueues": len(taken) + len(refused),
        "accepted": len(taken),
        "deduplicated": told["deduplicated"],
        "deduplicated_told_which": sum(record.into is not None for record, _ in refused),
        "rejected": told["rejected"],
        "indeterminate": told["indeterminate"],
        "keys_taken_more_than_once": sum(count > 1 for count in takings.values()),
        "keys_never_taken": sum(key not in takings for key in keys),
        "executions": len(executed),
        "max_executions_per_key": max(executions.values(), default=0),
        "keys_executed_more_than_once": sum(count > 1 for count in executions.values()),
        "keys_never_executed": sum(key not in executions for key in keys),
    }


def _keys(ids: JobIds, jobs: Ints, enqueuers: int) -> Ints:
    """The keys of the jobs of the stream among some numbers."""
    of_stream = jobs[jobs < len(ids.stream)]
    keys: Ints = ids.stream[of_stream] // enqueuers
    return keys


def _refused(case: Case, enqueuers: int) -> Iterator[tuple[EnqueueFailed, int]]:
    """Enqueues that put no job into the queue, and their keys."""
    recovered = {case.history.jobs.name(job) for job in np.unique(case.history.enqueues.job)}
    for record in case.history.records.of(EnqueueFailed):
        index = stream_index(record.job_id)
        if index is not None and record.job_id not in recovered:
            yield record, index // enqueuers

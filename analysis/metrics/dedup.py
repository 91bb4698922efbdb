"""Several enqueuers of one key at once: how often it ran, and what each enqueue was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from analysis.history.columns import Ints
from analysis.history.job_ids import JobIds, stream_index
from analysis.ledger.case import Case
from analysis.section import Section
from orchestrator.history.records import EnqueueFailed


class Dedup(Section, frozen=True, kw_only=True):
    """What became of the keys that several enqueuers enqueue at once."""

    enqueuers: int
    """How many enqueue each key."""
    keys: int
    """Keys that were enqueued."""
    enqueues: int
    """Enqueues of all keys."""
    accepted: int
    """Enqueues that the queue took as a job of their own."""
    deduplicated: int
    """Enqueues that the queue answered with the job that it had already."""
    deduplicated_told_which: int
    """Those of them whose answer named that job."""
    rejected: int
    """Enqueues that the queue refused."""
    indeterminate: int
    """Enqueues whose outcome is not known."""
    keys_taken_more_than_once: int
    """Keys of which the queue took several jobs."""
    keys_never_taken: int
    """Keys of which the queue took no job."""
    executions: int
    """Executions of all keys."""
    max_executions_per_key: int
    """Executions of the key that was executed most often."""
    keys_executed_more_than_once: int
    """Keys with several executions."""
    keys_never_executed: int
    """Keys without any execution."""


def dedup_section(case: Case) -> Dedup | None:
    """Counts by key and by answer; None where the scenario has no ``workload.dedup``.

    Job i of the stream bears key i // enqueuers.
    """
    dedup, history = case.scenario.workload.dedup, case.history
    if dedup is None:
        return None
    taken = _keys(history.jobs, np.unique(history.enqueues.job), dedup.enqueuers)
    executed = _keys(history.jobs, history.starts.job, dedup.enqueuers)
    refused = list(_refused(case, dedup.enqueuers))
    answers = Counter(record.outcome for record, _ in refused)
    keys = {*taken.tolist(), *(key for _, key in refused)}
    takings, executions = Counter(taken.tolist()), Counter(executed.tolist())
    return Dedup(
        enqueuers=dedup.enqueuers,
        keys=len(keys),
        enqueues=len(taken) + len(refused),
        accepted=len(taken),
        deduplicated=answers["deduplicated"],
        deduplicated_told_which=sum(record.into is not None for record, _ in refused),
        rejected=answers["rejected"],
        indeterminate=answers["indeterminate"],
        keys_taken_more_than_once=sum(count > 1 for count in takings.values()),
        keys_never_taken=sum(key not in takings for key in keys),
        executions=len(executed),
        max_executions_per_key=max(executions.values(), default=0),
        keys_executed_more_than_once=sum(count > 1 for count in executions.values()),
        keys_never_executed=sum(key not in executions for key in keys),
    )


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

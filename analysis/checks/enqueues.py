"""What was put into the queue: each job once, by one line, refused or accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from analysis.checks.naming import jobs_named
from analysis.history.columns import ABSENT, digests
from analysis.history.history import History
from orchestrator.history.records import EnqueueFailed


def _tenants(history: History) -> Iterator[str]:
    """A kind of job is a tenant's or the system's, always."""
    lines = history.enqueues
    for code, kind in enumerate(lines.kind.names):
        ownerless = lines.tenant.code[lines.kind.code == code] == ABSENT
        if ownerless.any() and not ownerless.all():
            yield f"Some jobs of the kind {kind} lack the tenant that others have."


def _deduplicated(history: History) -> Iterator[str]:
    """What an enqueue was deduplicated into is a row that some line names."""
    into = [
        (failed.job_id, failed.into)
        for failed in history.records.of(EnqueueFailed)
        if failed.into is not None
    ]
    if into:
        rows = np.concatenate([history.enqueues.inbox, history.rows.inbox])
        known = np.isin(digests([row for _, row in into]), rows)
        for (job_id, row), found in zip(into, known.tolist(), strict=True):
            if not found:
                yield f"{job_id} was deduplicated into the row {row!r}, which no line names."
    for failed in history.records.of(EnqueueFailed):
        if failed.into is not None and failed.outcome != "deduplicated":
            yield f"{failed.job_id} was {failed.outcome}, and deduplicated into a row."


def _accepted_once(history: History) -> Iterator[str]:
    """The parent enqueues a job once, and recovers only what nobody else has told of."""
    lines = history.enqueues
    mine = lines.job[lines.worker == ABSENT]
    if mine.size:
        twice = np.flatnonzero(np.bincount(mine) > 1)
        if twice.size:
            named = jobs_named(history, twice)
            yield f"{twice.size} jobs were accepted twice from the parent: {named}."
    recovered = lines.recovered != 0
    if recovered.any():
        # A coordinator that died unheard and was run again has put a job in twice: two rows.
        with_row = lines.inbox != ABSENT
        both = np.intersect1d(lines.inbox[recovered & with_row], lines.inbox[~recovered & with_row])
        if both.size:
            named = jobs_named(history, lines.job[recovered & np.isin(lines.inbox, both)])
            yield f"Jobs were recovered although their enqueue is told of: {named}."
    if history.records.of(EnqueueFailed):
        yield from _refused_and_accepted(history)


def _refused_and_accepted(history: History) -> Iterator[str]:
    accepted = np.zeros(len(history.jobs), np.bool_)
    accepted[history.enqueues.job[history.enqueues.recovered == 0]] = True
    failed = history.records.of(EnqueueFailed)
    for record in failed:
        job = history.jobs.number(record.job_id)
        if job is not None and accepted[job]:
            yield f"{record.job_id} was accepted, and {record.outcome} as well."
    for job_id, times in Counter(record.job_id for record in failed).items():
        if times > 1:
            yield f"The enqueue of {job_id} failed {times} times; it was sent once."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _tenants,
    _deduplicated,
    _accepted_once,
)

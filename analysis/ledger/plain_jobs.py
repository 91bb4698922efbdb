"""The common case, a million at a time: jobs that ran once and of which nothing is to be learnt.

For every job that is marked here `ledger.judge` says ``completed_once`` and `flags.flags` says
nothing; a property test holds the two together. All other jobs are judged one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from analysis.history.columns import ABSENT, EXECUTION_BITS, Bools, Ints
from analysis.history.history import History
from analysis.history.tables import STATE_CODES, Table
from analysis.ledger.ledger import Rules
from worker_child.protocol import JobDiscarded, JobRetried


def plain_jobs(history: History, rules: Rules, in_flight: Iterable[int]) -> Bools:
    """Marks the jobs that were enqueued, started and completed once, by one execution.

    `in_flight` = numbers of the jobs that some death found in flight: they are never plain.
    """
    jobs = len(history.jobs)
    if not rules.final_read or (rules.effects and not rules.effects_readable):
        return np.zeros(jobs, np.bool_)
    plain: Bools = (
        (_count(history.enqueues, jobs) > 0)
        & (_count(history.starts, jobs) == 1)
        & (_count(history.completions, jobs) == 1)
        & (_count(history.failures, jobs) == 0)
        & _settled(history, rules)
    )
    started = _key_of(history.starts, history.starts.key, jobs)
    plain &= started == _key_of(history.completions, history.completions.key, jobs)
    if rules.effects:
        plain &= started == _key_of(history.effects, history.effects.key, jobs)
    plain[list(in_flight)] = False
    if rules.voids:
        plain[list(_mentioned(history))] = False
        plain &= ~np.isin(started >> EXECUTION_BITS, list(rules.voids))
    return plain


def _mentioned(history: History) -> Iterator[int]:
    """Numbers of the jobs that a retry or a discard speaks of: its author may be a void one."""
    said: list[JobRetried | JobDiscarded] = [
        *history.records.of(JobRetried),
        *history.records.of(JobDiscarded),
    ]
    for line in said:
        number = history.jobs.number(line.job_id)
        assert number is not None, f"job {line.job_id} has no number"
        yield number


def _count(table: Table, jobs: int) -> Ints:
    return np.bincount(table.job, minlength=jobs)


def _key_of(table: Table, key: Ints, jobs: int) -> Ints:
    keys = np.full(jobs, ABSENT, np.int64)
    keys[table.job] = key
    return keys


def _settled(history: History, rules: Rules) -> Bools:
    """Marks jobs of which the final read has nothing left to do, and no more than one effect."""
    jobs = len(history.jobs)
    rows = history.rows
    effects = _count(history.effects, jobs)
    settled: Bools = (_count(rows, jobs) <= 1) & (effects == (1 if rules.effects else 0))
    owed = (rows.state < STATE_CODES["done"]) | (rows.claimant != ABSENT)
    settled[rows.job[owed]] = False
    return settled

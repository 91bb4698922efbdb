"""The final read of the rows and effects, held against itself and against the events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from analysis.checks.naming import MOST_NAMED, jobs_named
from analysis.history.columns import ABSENT, EXECUTION_BITS, Bools, Ints, pack_one, worker_key
from analysis.history.history import History
from analysis.history.tables import STATE_CODES
from orchestrator.history.records import ChildExited, FaultInjected

BY_PLAN = frozenset({"rate_limit", "transient", "permanent"})
"""Classes of errors that a job's plan, or the provider's, asks for; all else is `unplanned`."""


def _rows_read_once(history: History) -> Iterator[str]:
    """No row and no effect is read twice in one read."""
    rows = history.rows
    if rows.job.size and np.bincount(rows.job).max() > 1:
        pairs = np.stack([rows.job.astype(np.int64), rows.inbox])
        distinct, times = np.unique(pairs, axis=1, return_counts=True)
        twice = distinct[0][times > 1]
        if twice.size:
            yield f"The final read has one row twice: {jobs_named(history, twice)}."
        shared = np.isin(rows.job, rows.job[rows.inbox == ABSENT])
        several = np.bincount(rows.job)[rows.job] > 1
        none_and_some = rows.job[shared & several]
        if none_and_some.size:
            yield f"The final read has no row and a row: {jobs_named(history, none_and_some)}."
    effects = history.effects
    order = np.argsort(effects.key, kind="stable")
    again = effects.key[order][1:] == effects.key[order][:-1]
    if again.any():
        named = jobs_named(history, effects.job[order][1:][again])
        yield f"The final read has one effect row twice: {named}."


def _whole_rows(history: History) -> Iterator[str]:
    """Only a row that is there has an id."""
    rows = history.rows
    stateless = (rows.state == STATE_CODES["absent"]) & (rows.inbox != ABSENT)
    if stateless.any():
        named = jobs_named(history, rows.job[stateless])
        yield f"Rows were read that are absent and have an inbox_id: {named}."


def _effects_gone(history: History) -> Iterator[str]:
    """A committed effect stays, unless the server itself was harmed after it was seen."""
    closing = history.closings[0] if len(history.closings) == 1 else None
    if closing is None or closing.error is not None or closing.effects_error is not None:
        return
    harmed = [sent.t_ns for sent in history.records.of(FaultInjected) if not sent.target.workers]
    last_harm_ns = max(harmed, default=-1)
    seen = {
        pack_one(*effect): read.job_id
        for read in history.kill_reads
        if read.t_ns > last_harm_ns
        for effect in read.effects
    }
    if not seen:
        return
    # Looked for among these jobs' effects alone: numpy would sort all of them.
    effects, mine = history.effects, np.zeros(len(history.jobs), np.bool_)
    known = (history.jobs.number(str(job_id)) for job_id in seen.values())
    mine[[job for job in known if job is not None]] = True
    there = set(effects.key[mine[effects.job]].tolist())
    gone = [job_id for key, job_id in seen.items() if key not in there]
    for job_id in sorted({str(job_id) for job_id in gone})[:MOST_NAMED]:
        yield f"An effect of {job_id} was read at a kill and is gone at the final read."


def _one_snapshot(history: History) -> Iterator[str]:
    """All lines of a read bear its instant."""
    t_ns = history.rows.t_ns
    if len(history.closings) != 1 or not t_ns.size:
        return
    if not int(t_ns.min()) == int(t_ns.max()) == history.closings[0].t_ns:
        yield "The lines of the final read bear several instants."
    committed = np.bincount(history.rows.job, weights=history.rows.failures)
    for read in history.kill_reads:
        job = None if read.job_id is None else history.jobs.number(read.job_id)
        if job is not None and read.failures > (committed[job] if job < len(committed) else 0):
            yield f"A failure of {read.job_id} was read at a kill and is gone at the final read."


def knows_failures(history: History) -> bool:
    """Whether planned failures are committed and read, as they are beside effects."""
    return history.start.scenario.effects and bool((history.rows.failures > 0).any())


def by_plan(history: History) -> Bools:
    """Marks the job_failed lines that a job's plan, or the provider's, asked for."""
    classes = history.failures.error_class
    planned = [name in BY_PLAN for name in classes.names]
    marked: Bools = np.isin(classes.code, np.flatnonzero(planned))
    return marked


def _cut_short(history: History) -> Ints:
    """The job of each execution that was open in a worker when that died, or when a signal ended
    it that had been asked to stop."""
    cut = [
        worker_key(left.slot, left.incarnation)
        for left in history.records.of(ChildExited)
        if left.signal is not None or left.reason == "died"
    ]
    dead = np.isin(history.starts.key >> EXECUTION_BITS, cut)
    job, key = history.starts.job[dead], history.starts.key[dead]
    theirs = np.zeros(len(history.jobs), np.bool_)
    theirs[job] = True  # numpy would sort all ends
    ended = [table.key[theirs[table.job]] for table in (history.failures, history.completions)]
    open_: Ints = job[~np.isin(key, np.concatenate(ended))]
    return open_


def _failures(history: History) -> Iterator[str]:
    """A failure by plan is committed and then told of; where no worker died, both or neither, and
    where one did at most one more for each execution that was open in it."""
    rows, failures = history.rows, history.failures
    if not knows_failures(history) or history.server_harmed:
        return
    count = len(history.jobs)
    committed = np.bincount(rows.job, weights=rows.failures, minlength=count)
    planned = by_plan(history)
    told = np.bincount(failures.job[planned], minlength=count)
    judged = np.zeros(count, np.bool_)
    judged[rows.job] = True
    judged[failures.job[~planned]] = False
    untold = np.bincount(_cut_short(history), minlength=count)
    differ = (committed < told) | (committed > told + untold)
    wrong = np.flatnonzero(judged & differ)
    if wrong.size:
        yield f"Other failures were committed than were told of: {jobs_named(history, wrong)}."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _rows_read_once,
    _whole_rows,
    _effects_gone,
    _one_snapshot,
    _failures,
)

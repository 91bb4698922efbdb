"""One job, one row: which rows of the queue the lines of a job name.

Vectorised where every job's lines pass through: only jobs whose lines differ are looked at closely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.checks.naming import jobs_named
from analysis.history.columns import (
    ABSENT,
    EXECUTION_BITS,
    Bools,
    Ints,
    digests,
    worker_key,
)
from analysis.history.history import History
from analysis.history.tables import STATE_CODES
from orchestrator.history.records import ChildExited


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of one sort that name a row: whose it is, and a digest of its inbox_id."""

    job: Ints
    inbox: Ints

    def where(self, wanted: Bools) -> _Lines:
        """Some of them."""
        return _Lines(self.job[wanted], self.inbox[wanted])

    def pairs(self) -> list[tuple[int, int]]:
        """(job, row), line by line."""
        return list(zip(self.job.tolist(), self.inbox.tolist(), strict=True))


def _inbox_ids(history: History) -> Iterator[str]:
    """A row is one job's for ever, and all that is told of an undisturbed job names one row.

    A library may give a job another row when it rescues or retries it, so that a job that was in
    flight at a death, or that has failed, may have several.
    """
    first = _first_rows(history)
    tables = (history.enqueues, history.starts, history.rows)
    at_kills = _at_kills(history)
    odd = [
        lines.where((lines.inbox != ABSENT) & (lines.inbox != first[lines.job]))
        for lines in (*(_Lines(t.job, t.inbox) for t in tables), at_kills)
    ]
    known = np.flatnonzero(first != ABSENT)
    everyone = _joined([_Lines(known, first[known]), *odd])
    order = np.argsort(everyone.inbox, kind="stable")
    job, inbox = everyone.job[order], everyone.inbox[order]
    shared = (inbox[1:] == inbox[:-1]) & (job[1:] != job[:-1])
    if shared.any():
        two = [history.jobs.name(int(job[i])) for i in (np.flatnonzero(shared)[0] + [0, 1])]
        yield f"One row of the queue is told of as {two[0]}'s and as {two[1]}'s."
    others = _joined(odd)
    if others.job.size:
        quiet = _undisturbed(history, at_kills)
        moved = others.job[quiet[others.job]]
        if moved.size:
            named = jobs_named(history, moved)
            yield f"The lines of an undisturbed job name several rows: {named}."
        yield from _rows_of_starts_alone(history, odd)


def _first_rows(history: History) -> Ints:
    """By a job: the row that its first line names, its enqueues' before its starts'."""
    first = np.full(len(history.jobs), ABSENT, np.int64)
    for table in (history.rows, history.starts, history.enqueues):
        some = table.inbox != ABSENT
        first[table.job[some][::-1]] = table.inbox[some][::-1]
    return first


def _at_kills(history: History) -> _Lines:
    reads = [(history.jobs.number(r.job_id), r) for r in history.kill_reads if r.job_id is not None]
    known = [(job, read) for job, read in reads if job is not None]
    job = np.array([job for job, _ in known], np.int64)
    return _Lines(job, digests([read.inbox_id for _, read in known]))


def _joined(parts: list[_Lines]) -> _Lines:
    return _Lines(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("job", "inbox")))


def _undisturbed(history: History, at_kills: _Lines) -> Bools:
    """Marks the jobs of one enqueue, one row and one start, in a live worker, that never failed."""
    jobs = len(history.jobs)
    once: Bools = np.bincount(history.enqueues.job, minlength=jobs) == 1
    once &= np.bincount(history.starts.job, minlength=jobs) == 1
    once &= np.bincount(history.rows.job, minlength=jobs) == 1
    in_dead = history.starts.job[starts_in_dead(history)]
    for touched in (in_dead, history.failures.job, at_kills.job):
        once[touched] = False
    return once


def starts_in_dead(history: History) -> Bools:
    """Marks the starts in workers that died, by a fault or unasked."""
    dead = [
        worker_key(left.slot, left.incarnation)
        for left in history.records.of(ChildExited)
        if left.reason in ("killed", "died")
    ]
    marked: Bools = np.isin(history.starts.key >> EXECUTION_BITS, dead)
    return marked


def _rows_of_starts_alone(history: History, odd: list[_Lines]) -> Iterator[str]:
    """A job that started once, never failed, and whose row is there at the end, started from no
    unknown row. One that started again may have been put back as a row of its own."""
    enqueues, starts, *reads = odd
    told = {*_joined([enqueues, *reads]).pairs()}
    judged = np.zeros(len(history.jobs), np.bool_)
    judged[history.rows.job[history.rows.inbox != ABSENT]] = True
    judged[history.failures.job] = False
    judged &= np.bincount(history.starts.job, minlength=len(history.jobs)) == 1
    mine = starts.where(judged[starts.job])
    strange = [job for job, inbox in mine.pairs() if (job, inbox) not in told]
    if strange:
        named = jobs_named(history, np.array(strange, np.int64))
        yield f"Jobs started from rows that neither an enqueue nor a read names: {named}."


def _all_or_none(history: History) -> Iterator[str]:
    """A child or a producer that knows its rows knows them always."""
    accepted = (history.enqueues.worker == ABSENT) & (history.enqueues.recovered == 0)
    there = history.rows.state != STATE_CODES["absent"]
    by_child = history.enqueues.worker != ABSENT
    kinds = (
        ("job_enqueued", history.enqueues.job[by_child], history.enqueues.inbox[by_child]),
        ("row_read", history.rows.job[there], history.rows.inbox[there]),
        ("job_started", history.starts.job, history.starts.inbox),
        ("job_enqueued", history.enqueues.job[accepted], history.enqueues.inbox[accepted]),
    )
    for kind, jobs, inbox in kinds:
        lacking = inbox == ABSENT
        if lacking.any() and not lacking.all():
            yield f"Some {kind} lines lack the inbox_id that others have: " + (
                f"{jobs_named(history, jobs[lacking])}."
            )
    uncounted = history.starts.library_attempt == ABSENT
    if uncounted.any() and not uncounted.all():
        yield "Some job_started lines lack the library_attempt that others have."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _inbox_ids,
    _all_or_none,
)

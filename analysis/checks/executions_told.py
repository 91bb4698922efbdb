"""What several lines tell of one execution: whose it was, of which row, and in which order.

Vectorised: only lines that differ from the usual are looked at one by one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.checks.completeness import worker_name
from analysis.history.columns import (
    ABSENT,
    EXECUTION_BITS,
    Ints,
    digests,
    pack_one,
)
from analysis.history.history import History
from worker_child.protocol import JobDiscarded, JobRetried

OBSERVERS = frozenset({"executor", "hook", "rows"})
"""Who can have seen that the library took a job back or gave it up."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A job_started line."""

    job: int
    inbox: int
    t_ns: int
    n: int


def _starts_of(history: History, keys: Ints) -> dict[int, _Begun]:
    """By an execution's key: its start, of those that are asked for."""
    starts = history.starts
    mine = np.flatnonzero(np.isin(starts.key, keys))
    columns = (starts.key, starts.job, starts.inbox, starts.t_ns, starts.n)
    rows = zip(*(column[mine].tolist() for column in columns), strict=True)
    return {key: _Begun(*rest) for key, *rest in rows}


def _rows_of_ends(history: History) -> Iterator[str]:
    """An execution ends for the row that it was started for."""
    first = np.full(len(history.jobs), ABSENT, np.int64)
    first[history.starts.job] = history.starts.inbox
    for kind, ends in (("job_completed", history.completions), ("job_failed", history.failures)):
        odd = np.flatnonzero((ends.inbox != ABSENT) & (ends.inbox != first[ends.job]))
        begun = _starts_of(history, ends.key[odd])
        for place in odd.tolist():
            start = begun.get(int(ends.key[place]))
            if start is not None and ABSENT != start.inbox != ends.inbox[place]:
                name = history.jobs.name(int(ends.job[place]))
                yield f"A {kind} line of {name} names another row than its job_started."
                break
        lacking = ends.inbox == ABSENT
        if lacking.any() and not lacking.all():
            yield f"Some {kind} lines lack the inbox_id that others have."


Told = JobRetried | JobDiscarded


def _told(history: History) -> list[Told]:
    return [*history.records.of(JobRetried), *history.records.of(JobDiscarded)]


def _key(line: Told) -> int | None:
    if line.slot is None or line.incarnation is None or line.execution is None:
        return None
    return pack_one(line.slot, line.incarnation, line.execution)


def _by_the_library(history: History) -> Iterator[str]:
    """What the library made of an execution comes after its start, and is said of its own job."""
    lines = _told(history)
    keys = [_key(line) for line in lines]
    known = np.array([key for key in keys if key is not None], np.int64)
    begun = _starts_of(history, known)
    failures = history.failures
    mine = np.isin(failures.key, known)
    failed = dict(np.column_stack((failures.key[mine], failures.t_ns[mine])).tolist())
    rows = digests([line.inbox_id for line in lines]).tolist()
    for line, key, row in zip(lines, keys, rows, strict=True):
        start = None if key is None else begun.get(key)
        if key is None:
            continue
        if start is None:
            yield f"The library told of an execution of {line.job_id} that no job_started names."
        elif start.job != history.jobs.number(line.job_id):
            yield f"The library told of {line.job_id} with another job's execution."
        elif ABSENT not in (row, start.inbox) and row != start.inbox:
            yield f"The library told of {line.job_id} with another row than it was started for."
        elif line.t_ns < failed.get(key, start.t_ns):
            yield f"The library told of an execution of {line.job_id} before it had failed."


def _of_one_form(history: History) -> Iterator[str]:
    """A line of a child says whose it is; lines of one observer are all of one form."""
    by_observer: defaultdict[tuple[type, str], list[Told]] = defaultdict(list)
    for line in _told(history):
        by_observer[type(line), line.observed_by].append(line)
        if line.observed_by not in OBSERVERS:
            yield f"{line.observed_by!r} cannot have observed what became of {line.job_id}."
        if line.n is not None and (line.slot is None or line.incarnation is None):
            yield f"A child told of {line.job_id} and does not say which child it is."
    for (_, observer), lines in by_observer.items():
        for name in ("execution", "inbox_id"):
            if _mixed(getattr(line, name) is None for line in lines):
                yield f"Some lines that {observer} observed lack the {name} that others have."


def _told_once(history: History) -> Iterator[str]:
    """The library takes an execution back once, and gives it up once."""
    times = Counter((type(line), key) for line in _told(history) if (key := _key(line)) is not None)
    twice = [key for (_, key), count in times.items() if count > 1]
    if twice:
        name = worker_name(min(twice) >> EXECUTION_BITS).capitalize()
        yield f"{name} told twice of what the library made of one execution."


def _mixed(lacking: Iterable[bool]) -> bool:
    return len({*lacking}) > 1


def _numbered(history: History) -> Iterator[str]:
    """A child counts its executions: 1, 2, 3, ..."""
    keys = history.starts.key
    workers, numbers = keys >> EXECUTION_BITS, keys & ((1 << EXECUTION_BITS) - 1)
    count = np.bincount(workers)
    # No number is used twice, so that only those from 1 on have so small a sum.
    wrong = np.flatnonzero(np.bincount(workers, weights=numbers) != count * (count + 1) // 2)
    for worker in wrong.tolist():
        name = worker_name(worker).capitalize()
        yield f"{name} did not number its {count[worker]} executions from 1 on, each once."


def _coordinators(history: History) -> Iterator[str]:
    """A job that another one enqueued was enqueued from within an execution of that other one."""
    lines = history.enqueues
    mine = lines.worker != ABSENT
    keys, jobs, sent_ns, n = lines.by_child, lines.job[mine], lines.sent_ns[mine], lines.n[mine]
    named = keys != ABSENT
    if not named.any():
        return
    if not named.all():
        yield "Some job_enqueued lines of workers lack the execution that others have."
    begun = _starts_of(history, keys[named])
    some = zip(*(column[named].tolist() for column in (keys, jobs, sent_ns, n)), strict=True)
    for key, job, at_ns, place in some:
        start, name = begun.get(key), history.jobs.name(job)
        if (
            start is None
            or name.rpartition("/")[0] != history.jobs.name(start.job)
            or not start.t_ns <= at_ns
            or not start.n < place
        ):
            where = worker_name(key >> EXECUTION_BITS)
            yield f"{name} was enqueued by {where}, in an execution that was not its coordinator's."
            return


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _rows_of_ends,
    _by_the_library,
    _of_one_form,
    _told_once,
    _numbered,
    _coordinators,
)

"""The rows and effects that were read, held against one another and against the events.

Vectorised where every job's lines pass through: only jobs whose lines differ are looked at closely.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.checks.completeness import worker_name
from analysis.checks.effects_at_kills import effects_at_kills
from analysis.history.columns import (
    ABSENT,
    EXECUTION_BITS,
    Bools,
    Ints,
    digests,
    pack_one,
    worker_key,
)
from analysis.history.history import History, read_fault
from analysis.history.tables import STATE_CODES
from orchestrator.history.records import (
    ChildExited,
    ChildSpawned,
    EnqueueFailed,
    FaultEnded,
    FaultInjected,
    ProcessEnd,
    RowRead,
)
from worker_child.protocol import ChildReady, JobDiscarded, JobRetried

MOST_NAMED = 3
BY_PLAN = frozenset({"rate_limit", "transient", "permanent"})
"""Classes of errors that a job's plan, or the provider's, asks for; all else is `unplanned`."""


def _named(history: History, jobs: Ints) -> str:
    some = [history.jobs.name(job) for job in np.unique(jobs)[: MOST_NAMED + 1].tolist()]
    return ", ".join(some[:MOST_NAMED]) + (", ..." if len(some) > MOST_NAMED else "")


# One row, one job


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of one sort that name a row: whose it is, and a digest of its inbox_id."""

    job: Ints
    inbox: Ints

    def where(self, wanted: Bools) -> _Lines:
        """Some of them."""
        return _Lines(self.job[wanted], self.inbox[wanted])


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
            yield f"The lines of an undisturbed job name several rows: {_named(history, moved)}."
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
    in_dead = history.starts.job[_in_dead(history)]
    for touched in (in_dead, history.failures.job, at_kills.job):
        once[touched] = False
    return once


def _in_dead(history: History) -> Bools:
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
    _, starts, rows, at_kills = odd
    told = {*zip(rows.job.tolist(), rows.inbox.tolist(), strict=True)}
    told |= {*zip(at_kills.job.tolist(), at_kills.inbox.tolist(), strict=True)}
    judged = np.zeros(len(history.jobs), np.bool_)
    judged[history.rows.job[history.rows.inbox != ABSENT]] = True
    judged[history.failures.job] = False
    judged &= np.bincount(history.starts.job, minlength=len(history.jobs)) == 1
    mine = starts.where(judged[starts.job])
    pairs = zip(mine.job.tolist(), mine.inbox.tolist(), strict=True)
    strange = [job for job, inbox in pairs if (job, inbox) not in told]
    if strange:
        named = _named(history, np.array(strange, np.int64))
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
                f"{_named(history, jobs[lacking])}."
            )
    uncounted = history.starts.library_attempt == ABSENT
    if uncounted.any() and not uncounted.all():
        yield "Some job_started lines lack the library_attempt that others have."


def _whole_rows(history: History) -> Iterator[str]:
    """A row that is there has a state; only a claimed one has a holder and becomes claimable."""
    rows = history.rows
    stateless = (rows.state == STATE_CODES["absent"]) & (rows.inbox != ABSENT)
    if stateless.any():
        named = _named(history, rows.job[stateless])
        yield f"Rows were read that are absent and have an inbox_id: {named}."
    for read in history.kill_reads:
        if read.job_id is None:
            continue
        if read.state is None:
            yield f"A row of {read.job_id} was read without a state."
        elif read.state != "claimed" and read.claimable_ns is not None:
            yield f"A row of {read.job_id} is {read.state}, and claimable as if it were claimed."
        elif read.state == "claimed" and read.claimed_by is None:
            yield f"A row of {read.job_id} is claimed, and by nobody."


def _rows_of_one_form(history: History) -> Iterator[str]:
    """What a library says of one row of a holder at a kill it says of all."""
    claimable: defaultdict[tuple[int | None, str], set[bool]] = defaultdict(set)
    for read in history.kill_reads:
        if read.state == "claimed" and read.claimed_by is not None:
            claimable[read.fault, read.claimed_by].add(read.claimable_ns is None)
    nameless = [
        read.inbox_id is None
        for read in history.kill_reads
        if read.job_id is not None and read.state != "absent"
    ]
    if any(nameless) and not all(nameless):
        yield "Some rows that were read at kills lack the inbox_id that others have."
    for (fault, holder), found in claimable.items():
        if len(found) > 1:
            yield f"Of the rows of {holder!r} at kill {fault} some become claimable, some not."


def _failures(history: History) -> Iterator[str]:
    """A failure by plan is committed and told of; where no worker died, both or neither."""
    rows, failures = history.rows, history.failures
    if not history.start.scenario.effects or not (rows.failures > 0).any():
        return
    count = len(history.jobs)
    committed = np.bincount(rows.job, weights=rows.failures, minlength=count)
    by_plan = [name in BY_PLAN for name in failures.error_class.names]
    planned = np.isin(failures.error_class.code, np.flatnonzero(by_plan))
    told = np.bincount(failures.job[planned], minlength=count)
    judged = np.zeros(count, np.bool_)
    judged[rows.job] = True
    judged[failures.job[~planned]] = False
    judged[history.starts.job[_in_dead(history)]] = False
    wrong = np.flatnonzero(judged & (committed != told))
    if wrong.size:
        yield f"Other failures were committed than were told of: {_named(history, wrong)}."


def _tenants(history: History) -> Iterator[str]:
    """A kind of job is a tenant's or the system's, always."""
    lines = history.enqueues
    for code, kind in enumerate(lines.kind.names):
        ownerless = lines.tenant.code[lines.kind.code == code] == ABSENT
        if ownerless.any() and not ownerless.all() and not history.by_hand:
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
            named = _named(history, twice)
            yield f"{twice.size} jobs were accepted twice from the parent: {named}."
    recovered = lines.recovered != 0
    if recovered.any():
        # A coordinator that died unheard and was run again has put a job in twice: two rows.
        with_row = lines.inbox != ABSENT
        both = np.intersect1d(lines.inbox[recovered & with_row], lines.inbox[~recovered & with_row])
        if both.size:
            named = _named(history, np.unique(lines.job[recovered & np.isin(lines.inbox, both)]))
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


# The final read


def _rows_read_once(history: History) -> Iterator[str]:
    """No row and no effect is read twice in one read."""
    rows = history.rows
    if rows.job.size and np.bincount(rows.job).max() > 1:
        pairs = np.stack([rows.job.astype(np.int64), rows.inbox])
        distinct, times = np.unique(pairs, axis=1, return_counts=True)
        twice = distinct[0][times > 1]
        if twice.size:
            yield f"The final read has one row twice: {_named(history, twice)}."
        shared = np.isin(rows.job, rows.job[rows.inbox == ABSENT])
        several = np.bincount(rows.job)[rows.job] > 1
        none_and_some = rows.job[shared & several]
        if none_and_some.size:
            yield f"The final read has no row and a row: {_named(history, none_and_some)}."
    effects = history.effects
    order = np.argsort(effects.key, kind="stable")
    again = effects.key[order][1:] == effects.key[order][:-1]
    if again.any():
        named = _named(history, effects.job[order][1:][again])
        yield f"The final read has one effect row twice: {named}."


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
    there = np.isin(np.array([*seen], np.int64), history.effects.key)
    gone = [job_id for job_id, is_there in zip(seen.values(), there, strict=True) if not is_there]
    for job_id in sorted({str(job_id) for job_id in gone})[:MOST_NAMED]:
        yield f"An effect of {job_id} was read at a kill and is gone at the final read."


def _one_snapshot(history: History) -> Iterator[str]:
    """All lines of a read bear its instant."""
    t_ns = history.rows.t_ns
    if len(history.closings) != 1 or history.by_hand or not t_ns.size:
        return
    if not int(t_ns.min()) == int(t_ns.max()) == history.closings[0].t_ns:
        yield "The lines of the final read bear several instants."
    committed = np.bincount(history.rows.job, weights=history.rows.failures)
    for read in history.kill_reads:
        job = None if read.job_id is None else history.jobs.number(read.job_id)
        if job is not None and read.failures > (committed[job] if job < len(committed) else 0):
            yield f"A failure of {read.job_id} was read at a kill and is gone at the final read."


# The reads at kills


def _kill_reads(history: History) -> Iterator[str]:
    """A kill whose rows were read has that read whole; no other fault has one."""
    by_fault: defaultdict[int | None, list[RowRead]] = defaultdict(list)
    for read in history.kill_reads:
        by_fault[read.fault].append(read)
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    for fault in by_fault:
        if fault not in ended:
            yield f"Rows were read for fault {fault}, which has no fault_ended line."
    for fault, seen in ended.items():
        if not isinstance(seen.after, ProcessEnd) or seen.after.rows_read_ns is None:
            continue
        reads = by_fault[fault]
        closings = [read for read in reads if read.job_id is None]
        why = read_fault(closings, len(reads) - len(closings))
        if why is not None:
            yield f"The read of the rows after kill {fault} does not count: {why}."
        if any(read.t_ns != seen.after.rows_read_ns for read in reads):
            yield f"The read of the rows after kill {fault} was not when its certificate says."
        rows = Counter((read.job_id, read.inbox_id) for read in reads)
        if any(times > 1 for times in rows.values()):
            yield f"The read of the rows after kill {fault} has one row twice."


def _held_before_spawn(history: History) -> Iterator[str]:
    """Nobody holds a row before its process is there."""
    spawned = {(r.slot, r.incarnation): r.t_ns for r in history.records.of(ChildSpawned)}
    since: dict[str, int] = {}
    for ready in history.records.of(ChildReady):
        at_ns = spawned.get((ready.slot, ready.incarnation), 0)
        since[ready.identity] = min(since.get(ready.identity, at_ns), at_ns)
    for read in history.kill_reads:
        if read.claimed_by is not None and since.get(read.claimed_by, 0) > read.t_ns:
            yield (
                f"The row of {read.job_id} was held by {read.claimed_by!r} at a kill, before that "
                "incarnation was spawned."
            )


# Workers that stopped cleanly


def _clean_workers(history: History) -> Iterator[str]:
    """Who stopped when asked has told the end of all that it began.

    Counted first: `misused_executions` sees to it that each end has a start of its own.
    """
    assert history.end is not None, "asked of an unfinished history"
    stopped = sorted(
        worker_key(left.slot, left.incarnation)
        for left in history.records.of(ChildExited)
        if left.reason == "stopped"
    )
    begun, completed, failed = (
        _by_worker(table.key, stopped)
        for table in (history.starts, history.completions, history.failures)
    )
    failures = history.failures.key
    # Numpy would sort millions of keys to look for none among them.
    both = failures[np.isin(failures, history.completions.key)] if failures.size else failures
    unended = begun - completed - failed + _by_worker(both, stopped)
    for worker in np.array(stopped, np.int64)[unended != 0].tolist():
        yield from _left_open(history, worker, agreed=history.end.drain == "agreed")


def _by_worker(keys: Ints, workers: list[int]) -> Ints:
    """How many keys are of each of some workers."""
    counts = np.bincount(keys >> EXECUTION_BITS, minlength=max(workers, default=0) + 1)
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
    settled = _told_by_the_library(history)
    ended = np.isin(key, np.concatenate([history.completions.key, history.failures.key, settled]))
    with_effect = np.isin(key, history.effects.key)
    silent, still_open = job[~ended & with_effect], job[~ended & ~with_effect]
    name = worker_name(worker).capitalize()
    if silent.size:
        jobs = _named(history, silent)
        yield f"{name} stopped cleanly, and an effect of it has no event: {jobs}."
    if still_open.size and agreed:
        yield (
            f"{name} stopped cleanly after a drain that agreed, and an execution is still open: "
            f"{_named(history, still_open)}."
        )


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _inbox_ids,
    _all_or_none,
    _whole_rows,
    _rows_of_one_form,
    _failures,
    _tenants,
    _deduplicated,
    _accepted_once,
    _rows_read_once,
    _effects_gone,
    _one_snapshot,
    effects_at_kills,
    _kill_reads,
    _held_before_spawn,
    _clean_workers,
)

"""The reads of rows and effects after kills, held against the events and the certificates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.checks.effects_at_kills import effects_at_kills
from analysis.checks.final_read import by_plan, knows_failures
from analysis.checks.naming import jobs_named
from analysis.faults_named import nth
from analysis.history.columns import EXECUTION_BITS, digests, pack_one, worker_key
from analysis.history.history import History, read_fault
from orchestrator.history.records import ChildSpawned, FaultEnded, RowRead
from orchestrator.history.worker_faults import ProcessEnd
from worker_child.protocol import ChildReady


def _kill_reads(history: History) -> Iterator[str]:
    """A kill whose rows were read has that read whole; no other fault has one."""
    by_fault: defaultdict[int | None, list[RowRead]] = defaultdict(list)
    for read in history.kill_reads:
        by_fault[read.fault].append(read)
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    for fault in by_fault:
        if fault not in ended:
            yield f"Rows were read for fault {nth(fault)}, which has no fault_ended line."
    for fault, seen in ended.items():
        if not isinstance(seen.after, ProcessEnd) or seen.after.rows_read_ns is None:
            continue
        reads = by_fault[fault]
        closings = [read for read in reads if read.job_id is None]
        why = read_fault(closings, len(reads) - len(closings))
        if why is not None:
            yield f"The read of the rows after kill {nth(fault)} does not count: {why}."
        if any(read.t_ns != seen.after.rows_read_ns for read in reads):
            yield f"The read of the rows after kill {nth(fault)} was not when its certificate says."
        rows = Counter((read.job_id, read.inbox_id) for read in reads)
        if any(times > 1 for times in rows.values()):
            yield f"The read of the rows after kill {nth(fault)} has one row twice."


def _done_before(history: History) -> Iterator[str]:
    """What a worker had told of before a read is there to be read: effects and planned failures.

    Both are committed before they are told of, and only a harmed server can lose them.
    """
    if history.server_harmed:
        return
    told = _Told.of(history)
    unread = {read.fault for read in history.kill_reads if read.error or read.effects_error}
    effects: defaultdict[tuple[int | None, int, int], set[int]] = defaultdict(set)
    failures: Counter[tuple[int | None, int, int]] = Counter()
    for read in history.kill_reads:
        job = None if read.job_id is None else history.jobs.number(read.job_id)
        if job is not None and read.fault not in unread:
            effects[read.fault, job, read.t_ns] |= {pack_one(*effect) for effect in read.effects}
            failures[read.fault, job, read.t_ns] += read.failures
    undone: defaultdict[tuple[int | None, str], list[int]] = defaultdict(list)
    for (fault, job, at_ns), found in effects.items():
        done = {key for key, t_ns in told.completions[job] if t_ns <= at_ns}
        failed = sum(t_ns <= at_ns for t_ns in told.failures[job])
        if history.start.scenario.effects and not done <= found:
            undone[fault, "an effect"].append(job)
        if knows_failures(history) and failed > failures[fault, job, at_ns]:
            undone[fault, "a planned failure"].append(job)
    for (fault, what), jobs in undone.items():
        name = jobs_named(history, np.array(jobs, np.int64))
        yield f"The read after kill {nth(fault)} lacks {what} that had been told of before: {name}."


@dataclass(frozen=True, slots=True)
class _Told:
    """Of the jobs that are read at kills: what their workers told of."""

    completions: defaultdict[int, list[tuple[int, int]]]
    """By a job's number: the executions' keys, and when they were completed."""
    failures: defaultdict[int, list[int]]
    """By a job's number: when it failed by plan."""

    @classmethod
    def of(cls, history: History) -> _Told:
        named = (history.jobs.number(r.job_id) for r in history.kill_reads if r.job_id is not None)
        wanted = np.zeros(len(history.jobs), np.bool_)
        wanted[[job for job in named if job is not None]] = True
        completions: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        failures: defaultdict[int, list[int]] = defaultdict(list)
        done, failed = history.completions, history.failures
        mine = np.flatnonzero(wanted[done.job])
        ended = np.column_stack((done.job[mine], done.key[mine], done.t_ns[mine]))
        for job, key, t_ns in ended.tolist():
            completions[job].append((key, t_ns))
        mine = np.flatnonzero(wanted[failed.job] & by_plan(history))
        for job, t_ns in np.column_stack((failed.job[mine], failed.t_ns[mine])).tolist():
            failures[job].append(t_ns)
        return cls(completions, failures)


def _held_before_spawn(history: History) -> Iterator[str]:
    """Nobody holds a row before its process is there."""
    spawned = {(r.slot, r.incarnation): r.t_ns for r in history.records.of(ChildSpawned)}
    since: dict[str, int] = {}
    for ready in history.records.of(ChildReady):
        at_ns = spawned.get((ready.slot, ready.incarnation), 0)
        since[ready.identity] = min(since.get(ready.identity, at_ns), at_ns)
    for read in history.kill_reads:
        if read.claimed_by is not None and since.get(read.claimed_by, read.t_ns) > read.t_ns:
            yield (
                f"The row of {read.job_id} was held by {read.claimed_by!r} at a kill, before that "
                "incarnation was spawned."
            )


def _whole_rows(history: History) -> Iterator[str]:
    """A row that is there has a state; only a claimed one has a holder and becomes claimable."""
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
            yield f"Of the rows of {holder!r} at kill {nth(fault)} some become claimable, some not."
    uncounted = [read.library_attempt is None for read in _held(history)]
    if any(uncounted) and not all(uncounted):
        yield "Some rows that were held at kills lack the library_attempt that others have."


def _held(history: History) -> list[RowRead]:
    return [read for read in history.kill_reads if read.state == "claimed"]


def _attempts(history: History) -> Iterator[str]:
    """The library counts a row that a worker holds no lower than at that worker's own starts.

    It may count higher: the worker may have taken the row again. Only a harmed server can lose what
    was counted.
    """
    if history.server_harmed:
        return
    workers: defaultdict[str | None, list[int]] = defaultdict(list)
    for ready in history.records.of(ChildReady):
        workers[ready.identity].append(worker_key(ready.slot, ready.incarnation))
    counted = [
        (read, read.library_attempt)
        for read in _held(history)
        if read.library_attempt is not None and read.inbox_id is not None
    ]
    starts, rows = history.starts, digests([read.inbox_id for read, _ in counted])
    mine = np.flatnonzero(np.isin(starts.inbox, rows))
    told: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    columns = (starts.inbox, starts.key >> EXECUTION_BITS, starts.t_ns, starts.library_attempt)
    for row, worker, t_ns, count in zip(*(part[mine].tolist() for part in columns), strict=True):
        told[row, worker].append((t_ns, count))
    for (read, attempt), row in zip(counted, rows.tolist(), strict=True):
        counts = [one for worker in workers[read.claimed_by] for one in told[row, worker]]
        if any(t_ns <= read.t_ns and count > attempt for t_ns, count in counts):
            yield f"A row of {read.job_id} was counted lower at a kill than when it had started."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _kill_reads,
    effects_at_kills,
    _done_before,
    _held_before_spawn,
    _whole_rows,
    _rows_of_one_form,
    _attempts,
)

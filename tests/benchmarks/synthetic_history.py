"""A history of any size that the analysis accepts: four lines a job, one kill, everything settles.

The same size gives the same bytes. Who runs what is `synthetic_plan`'s; here it is told, line by
line, as children and parent would.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from orchestrator.history.records import (
    HISTORY_VERSION,
    KIND_OF,
    ChildExited,
    ChildSpawned,
    ClockAnchorRecord,
    FaultEnded,
    FaultInjected,
    HistoryRecord,
    QueueSnapshot,
    ResourceSample,
    RowRead,
    RunEnd,
    RunStart,
)
from orchestrator.history.sessions import Session
from orchestrator.history.targets import WorkerTarget
from orchestrator.history.worker_faults import ProcessEnd, SessionsBefore
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.load import digest_of, resolved
from orchestrator.scenario.types import (
    Expectations,
    Limits,
    Scenario,
    Tenants,
    Wave,
    WorkerSettings,
    WorkloadSettings,
)
from tests.benchmarks.synthetic_plan import (
    BEGIN_NS,
    MS,
    READY_NS,
    RESPAWN_NS,
    SECOND,
    SLOTS,
    Executions,
    executions,
    identity,
    intended_ns,
    kill_ns_of,
    place,
    places,
    settled_ns,
)
from worker_child.names import session_name, stream_job_id
from worker_child.protocol import ChildReady, Note, Rescue

RUN_ID = "synthetic-none-tuned-001"
WALL_OFFSET_NS = 1_790_000_000 * SECOND
CONCURRENCY = 100
LENGTH_US = 20_000
"""How long each job is planned."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Told:
    """What the history tells, to be held against what the analysis finds."""

    jobs: int
    events: int
    """Lines of jobs: enqueued, started, completed and read rows."""
    duplicates: int
    re_executions: int


def write_history(path: Path, jobs: int) -> Told:
    """Write a history of `jobs` jobs (at least 20,000: the kill needs room on both sides)."""
    assert jobs >= 20_000, jobs
    kill_ns = kill_ns_of(jobs)
    done = executions(jobs, kill_ns)
    again = np.unique(done.job, return_counts=True)[1] > 1
    finished = np.bincount(done.job[done.completed_ns >= 0], minlength=jobs)
    lines = 0
    with path.open("wb", buffering=1 << 20) as file:
        for record in _opening(jobs, kill_ns):
            file.write(_line(record))
        for line in _job_lines(jobs, done):
            file.write(line)
            lines += 1
        for record in _kill(done, kill_ns):
            file.write(_line(record))
        for line in _final_read(jobs, done):
            file.write(line)
        for record in _ending(jobs, done, kill_ns):
            told = record
            if isinstance(record, RunEnd):
                told = msgspec.structs.replace(record, bytes_written=file.tell())
            file.write(_line(told))
    return Told(jobs, lines + jobs, int((finished > 1).sum()), int(again.sum()))


# Lines by the million


def _job_lines(jobs: int, done: Executions) -> Iterator[bytes]:
    """Enqueues, starts and completions in the order of time."""
    whole = np.flatnonzero(done.completed_ns >= 0)
    rows = np.concatenate([np.arange(len(done.job)), whole])
    t_ns = np.concatenate([done.started_ns, done.completed_ns[whole]])
    order = np.argsort(t_ns, kind="stable")
    rows, t_ns = rows[order], t_ns[order]
    is_start = order < len(done.job)
    worker = done.worker[rows]
    columns = (t_ns, is_start, places(worker) + 1, worker, done.job[rows], done.number[rows])
    enqueued = 0
    for at_ns, start, n, who, job, number in zip(*(c.tolist() for c in columns), strict=True):
        if start and job == enqueued:
            yield _enqueued(job)
            enqueued += 1
        slot, incarnation = place(who)
        yield _START_OR_END[start] % (_stamp(at_ns), at_ns, n, slot, incarnation, job, number, job)


_HEAD = b'{"run_id":"%b","timestamp":"%%b","kind":"' % RUN_ID.encode()
_ENQUEUED = (
    _HEAD + b'job_enqueued","fields":{"t_ns":%d,"job_id":"j%06d","outcome":"accepted",'
    b'"kind":"entity_update","class":"short","length_us":%d,"intended_ns":%d,"sent_ns":%d,'
    b'"acknowledged_ns":%d,"tenant":"t0000","inbox_id":"%d"}}\n'
)
_EVENT = (
    b'"fields":{"t_ns":%d,"n":%d,"slot":%d,"incarnation":%d,"job_id":"j%06d","execution":%d,'
    b'"inbox_id":"%d"'
)
_START_OR_END = {
    True: _HEAD + b'job_started",' + _EVENT + b',"library_attempt":0}}\n',
    False: _HEAD + b'job_completed",' + _EVENT + b"}}\n",
}
_ROW = (
    _HEAD + b'row_read","fields":{"t_ns":%d,"read":"final","job_id":"j%06d","inbox_id":"%d",'
    b'"state":"done","effects":[%b]}}\n'
)


def _enqueued(job: int) -> bytes:
    due_ns = intended_ns(job)
    at_ns = due_ns + 2 * MS
    numbers = (LENGTH_US, due_ns, due_ns + MS // 2, at_ns, job)
    return _ENQUEUED % (_stamp(at_ns), at_ns, job, *numbers)


def _final_read(jobs: int, done: Executions) -> Iterator[bytes]:
    order = np.argsort(done.job, kind="stable")
    order = order[done.completed_ns[order] >= 0]
    effects: list[bytes] = [b""] * jobs
    columns = (done.job[order], done.worker[order], done.number[order])
    for job, worker, number in zip(*(column.tolist() for column in columns), strict=True):
        comma = b"," if effects[job] else b""
        effects[job] += comma + b"[%d,%d,%d]" % (*place(worker), number)
    at_ns = settled_ns(jobs)
    stamp = _stamp(at_ns)
    for job, text in enumerate(effects):
        yield _ROW % (stamp, at_ns, job, job, text)


def _stamp(t_ns: int) -> bytes:
    second, rest_ns = divmod(t_ns + WALL_OFFSET_NS, SECOND)
    return b"%b.%06dZ" % (_second(second), rest_ns // 1000)


@lru_cache(maxsize=4)
def _second(second: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()


# Lines of the parent


def _line(record: HistoryRecord) -> bytes:
    head = _HEAD % _stamp(record.t_ns)
    return b'%b%b","fields":%b}\n' % (head, KIND_OF[type(record)].encode(), _encode(record))


def _opening(jobs: int, kill_ns: int) -> Iterator[HistoryRecord]:
    yield _run_start(jobs, kill_ns)
    for worker in range(SLOTS + 1):
        slot, incarnation = place(worker)
        name = session_name(RUN_ID, slot, incarnation)
        after = {"after_fault": 0} if worker == SLOTS else {}
        at_ns = kill_ns + RESPAWN_NS if worker == SLOTS else SECOND
        ready_ns = kill_ns + READY_NS if worker == SLOTS else 2 * SECOND
        pid = 100 + worker
        yield ChildSpawned(at_ns, slot, incarnation, pid, "worker", name, **after)
        yield ChildReady(ready_ns, 0, slot, incarnation, pid, identity(worker))
    yield from (_entered("setup", SECOND // 2), _entered("load", BEGIN_NS))
    for second_ns in range(SECOND, settled_ns(jobs), SECOND):
        yield _anchor(second_ns)
        yield ResourceSample(t_ns=second_ns, subject="children", capacity=SLOTS * CONCURRENCY)
        yield ResourceSample(t_ns=second_ns, subject="parent")
        queued, claimed = (5, 60) if second_ns > BEGIN_NS else (0, 0)
        yield QueueSnapshot(t_ns=second_ns, queued=queued, claimed=claimed, retrying=0, dead=0)
        yield ResourceSample(
            t_ns=second_ns, subject="hiccup", ticks=1000, ticks_over_50_ms=0, max_us=900
        )


def _entered(phase: str, at_ns: int) -> Note:
    return Note(t_ns=at_ns, code="phase", detail={"phase": phase})


def _anchor(at_ns: int) -> ClockAnchorRecord:
    return ClockAnchorRecord(t_ns=at_ns, wall_ns=at_ns + WALL_OFFSET_NS, bracket_ns=0)


def _run_start(jobs: int, kill_ns: int) -> RunStart:
    scenario = _scenario(jobs, (kill_ns - MS // 10 - BEGIN_NS) / SECOND)
    return RunStart(
        t_ns=SECOND // 2,
        history_version=HISTORY_VERSION,
        scenario_name="synthetic",
        library="none",
        preset="tuned",
        ordinal=1,
        seed=1,
        scenario=scenario,
        scenario_sha256=digest_of(resolved(scenario)),
        settings={},
        library_version="0",
        rescue=Rescue("lease", 3.0, 0.5, 0.5),
        acknowledges_in_transaction=False,
        periods_s={"poll": 0.5},
        environment={},
        cell_hash="0" * 16,
        planned_stream_jobs=jobs,
    )


def _scenario(jobs: int, kill_s: float) -> Scenario:
    return Scenario(
        name="synthetic",
        description="Written by a program, not by a run.",
        seed=1,
        workers=WorkerSettings(slots=SLOTS, concurrency=CONCURRENCY),
        workload=WorkloadSettings(
            duration_s=60.0,
            rate_per_s=1.0,
            mix={"entity_update": 1.0},
            warmup_s=5.0,
            waves=(Wave(count=jobs, kind="entity_update", length_s=LENGTH_US / 1e6),),
            waves_from="before",
            tenants=Tenants(count=1),
        ),
        limits=Limits(backlog_margin_s=10.0, max_bound_s=60.0),
        expectations=Expectations(certificates=1),
        faults=(Kill(at_s=kill_s),),
    )


def _kill(done: Executions, kill_ns: int) -> Iterator[HistoryRecord]:
    session = Session(pid=200, backend_start="2026-01-01 00:00:00+00", state="idle")
    victim = WorkerTarget(slot=0, incarnation=0, pid=100)
    end = ProcessEnd(
        reaped_ns=kill_ns + 20 * MS,
        signal=9,
        eof_ns=kill_ns + 21 * MS,
        sessions_gone_ns=kill_ns + 30 * MS,
        rows_read_ns=kill_ns + 50 * MS,
    )
    yield FaultInjected(
        t_ns=kill_ns,
        fault=0,
        what="kill",
        target=victim,
        ends_process=True,
        trigger="timed",
        biased=False,
        intended_ns=kill_ns - MS // 10,
        parts=msgspec.to_builtins(SessionsBefore([session])),
    )
    yield FaultEnded(
        t_ns=kill_ns + 60 * MS,
        fault=0,
        what="kill",
        target=victim,
        parts=msgspec.to_builtins(end),
    )
    at_ns = kill_ns + 50 * MS
    finished = (done.worker == 0) & (done.completed_ns >= 0)
    effects = dict(zip(done.job[finished].tolist(), done.number[finished].tolist(), strict=True))
    redone = done.job[(done.worker == SLOTS) & np.isin(done.job, done.job[done.worker == 0])]
    for job in sorted(redone.tolist()):
        yield RowRead(
            t_ns=at_ns,
            read="kill",
            job_id=stream_job_id(job),
            fault=0,
            inbox_id=str(job),
            state="claimed",
            claimed_by=identity(0),
            claimable_ns=kill_ns + 3 * SECOND,
            effects=[(0, 0, effects[job])] if job in effects else [],
        )
    yield RowRead(t_ns=at_ns, read="kill", fault=0, lines=len(redone))


def _ending(jobs: int, done: Executions, kill_ns: int) -> Iterator[HistoryRecord]:
    end_ns = settled_ns(jobs)
    yield from (_entered(phase, end_ns) for phase in ("drain", "stop", "audit"))
    yield RowRead(t_ns=end_ns, read="final", lines=jobs)
    for worker in range(SLOTS + 1):
        mine = done.worker == worker
        events = 1 + int(mine.sum()) + int((done.completed_ns[mine] >= 0).sum())
        slot, incarnation = place(worker)
        pid = 100 + worker
        if worker == 0:
            at_ns = kill_ns + 20 * MS
            yield ChildExited(
                at_ns, slot, incarnation, pid, "killed", signal=9, fault=0, events=events
            )
        else:
            yield ChildExited(end_ns, slot, incarnation, pid, "stopped", exit_code=0, events=events)
    yield _anchor(end_ns)
    yield RunEnd(
        t_ns=end_ns + MS,
        ended="completed",
        drain="agreed",
        stream_jobs=jobs,
        held_jobs=0,
        started_ns=BEGIN_NS,
        cut_ns=int(intended_ns(jobs)),
        max_lateness_us=400,
    )

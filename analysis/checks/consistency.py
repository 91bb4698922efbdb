"""Facts that two lines tell must agree: whatever does not makes the run invalid.

Each check takes the whole history and yields sentences; `CHECKS` lists those of this room.
"""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np

from analysis.checks import (
    bystanders,
    clean_workers,
    crash_loops,
    departures,
    enqueues,
    executions_told,
    faults,
    final_read,
    freeze,
    instants,
    kill_reads,
    leaders,
    namesakes,
    networks,
    outages,
    pauses,
    phases,
    poisons,
    producers,
    questions,
    rows,
    run_lines,
    samples,
    workload,
)
from analysis.checks.completeness import worker_name
from analysis.faults_named import nth
from analysis.history.columns import ABSENT, distinct_workers, unpack_worker, worker_key
from analysis.history.history import History
from orchestrator.history.records import (
    KIND_OF,
    ChildExited,
    ChildSpawned,
    ClockAnchorRecord,
    EnqueueFailed,
    FaultEnded,
    FaultInjected,
    QueueSnapshot,
    ResourceSample,
)
from orchestrator.history.worker_faults import Departure, ProcessEnd
from orchestrator.scenario.worker_faults import named_slots
from worker_child.names import session_name
from worker_child.protocol import ChildReady, JobDiscarded, JobRetried, Note

PARENTS_KINDS: tuple[type[Any], ...] = (
    ChildSpawned,
    ChildExited,
    FaultInjected,
    FaultEnded,
    EnqueueFailed,
    QueueSnapshot,
    ResourceSample,
    ClockAnchorRecord,
    Note,
    JobRetried,
    JobDiscarded,
)
"""The rarer kinds that the parent writes; of the last three a child may write some."""


ROOMS: Final = (
    faults,
    freeze,
    pauses,
    poisons,
    producers,
    networks,
    outages,
    departures,
    leaders,
    crash_loops,
    run_lines,
    instants,
    executions_told,
    enqueues,
    rows,
    final_read,
    kill_reads,
    namesakes,
    clean_workers,
    questions,
    bystanders,
    phases,
    samples,
    workload,
)


def disagreements(history: History) -> list[str]:
    """A sentence for every two lines that cannot both be true.

    An unfinished history lacks lines by its nature and is not asked.
    """
    if history.end is None or history.truncated:
        return []
    rooms = (CHECKS, *(module.CHECKS for module in ROOMS))
    return [sentence for room in rooms for check in room for sentence in check(history)]


def _records(history: History, *kinds: type[Any]) -> list[Any]:
    return [record for kind in kinds for record in history.records.of(kind)]


def _repeated(values: Iterable[int]) -> list[int]:
    return sorted(value for value, times in Counter(values).items() if times > 1)


def _fault_numbers(history: History) -> Iterator[str]:
    for kind in (FaultInjected, FaultEnded):
        for fault in _repeated(record.fault for record in _records(history, kind)):
            yield f"Fault {nth(fault)} has several {KIND_OF[kind]} lines."


def _fault_lines(history: History) -> Iterator[str]:
    """fault_injected, fault_ended and child_exited speak of the same processes and signal."""
    sent = {record.fault: record for record in history.records.of(FaultInjected)}
    seen = {record.fault: record for record in history.records.of(FaultEnded)}
    left: defaultdict[int, list[ChildExited]] = defaultdict(list)
    for record in history.records.of(ChildExited):
        if record.fault is not None:
            left[record.fault].append(record)
    for fault in sorted({*sent, *seen, *left}):
        if fault not in sent:
            yield f"Fault {nth(fault)} has a victim and no fault_injected line."
        elif sent[fault].ends_process and not left[fault]:
            yield f"Fault {nth(fault)} was injected, and no child_exited line names it."
        elif not _agree(sent[fault], left[fault], seen.get(fault)):
            yield f"Fault {nth(fault)}: its lines disagree about the victim or how it ended."


def _agree(sent: FaultInjected, left: list[ChildExited], seen: FaultEnded | None) -> bool:
    if seen is not None and seen.target != sent.target:
        return False
    end = None if seen is None else seen.after
    if isinstance(end, Departure):
        return _left_as_told(sent, left, end)
    if seen is None and sent.lets_go:
        return _who(left) <= _victims(sent)
    if not sent.ends_process:
        return not left
    signals = {record.signal for record in left}
    if isinstance(end, ProcessEnd) and end.reaped_ns is not None:
        signals.add(end.signal)
    return (
        _victims(sent) == _who(left)
        and len(signals) == 1
        and all(record.reason == "killed" for record in left)
    )


def _left_as_told(sent: FaultInjected, left: list[ChildExited], end: Departure) -> bool:
    """Of a worker that was told to leave; one that was not told has not left for that."""
    if end.told_ns is None:
        return not left
    seen = {(end.killed_ns is not None, end.exit_code, end.signal)}
    told = {(record.reason == "killed", record.exit_code, record.signal) for record in left}
    return _victims(sent) == _who(left) and (end.reaped_ns is None or told == seen)


def _victims(sent: FaultInjected) -> set[tuple[int, int, int]]:
    return {(worker.slot, worker.incarnation, worker.pid) for worker in sent.target.workers}


def _who(left: list[ChildExited]) -> set[tuple[int, int, int]]:
    return {(record.slot, record.incarnation, record.pid) for record in left}


def _seen_workers(history: History) -> set[int]:
    """Keys of all incarnations that any line names."""
    tables = (history.starts, history.completions, history.failures, history.effects)
    seen = {worker for table in tables for worker in distinct_workers(table.key)}
    seen |= set(np.unique(history.enqueues.worker).tolist()) - {ABSENT}
    faults = _records(history, FaultInjected, FaultEnded)
    hit = [worker for record in faults for worker in record.target.workers]
    told = [*_records(history, ChildReady, ChildExited), *hit]
    seen |= {worker_key(r.slot, r.incarnation) for r in told}
    effects = (effect for read in history.kill_reads for effect in read.effects)
    return seen | {worker_key(slot, number) for slot, number, _ in effects}


def _lives(history: History) -> Iterator[str]:
    """Every incarnation is spawned once and leaves at most once."""
    spawned = [worker_key(r.slot, r.incarnation) for r in history.records.of(ChildSpawned)]
    exited = [worker_key(r.slot, r.incarnation) for r in history.records.of(ChildExited)]
    for worker in sorted(_seen_workers(history) - set(spawned)):
        yield f"Lines tell of {worker_name(worker)}, which was never spawned."
    for worker in _repeated(spawned):
        yield f"{worker_name(worker).capitalize()} was spawned more than once."
    yield from _order_of_lives(history)
    for worker in _repeated(exited):
        yield f"{worker_name(worker).capitalize()} left more than once."


def _order_of_lives(history: History) -> Iterator[str]:
    lives: defaultdict[int, list[int]] = defaultdict(list)
    for spawned in history.records.of(ChildSpawned):
        lives[spawned.slot].append(spawned.incarnation)
    for slot, numbers in sorted(lives.items()):
        if numbers != sorted(numbers):
            yield f"The incarnations of slot {slot} were not spawned in their order."


def _process_ids(history: History) -> Iterator[str]:
    """All lines about one incarnation speak of one process."""
    pids: defaultdict[int, set[int]] = defaultdict(set)
    for told in _records(history, ChildSpawned, ChildReady, ChildExited):
        pids[worker_key(told.slot, told.incarnation)].add(told.pid)
    for worker, found in sorted(pids.items()):
        if len(found) > 1:
            numbers = " and ".join(map(str, sorted(found)))
            yield f"{worker_name(worker).capitalize()} has several process ids: {numbers}."


def _ready_once(history: History) -> Iterator[str]:
    ready = [worker_key(r.slot, r.incarnation) for r in history.records.of(ChildReady)]
    for worker in _repeated(ready):
        yield f"{worker_name(worker).capitalize()} became ready more than once."


def _session_names(history: History) -> Iterator[str]:
    """An incarnation's sessions are told by its run, slot and number; its role is a known one."""
    for spawned in history.records.of(ChildSpawned):
        name = session_name(history.run_id, spawned.slot, spawned.incarnation)
        if spawned.application_name != name:
            yield (
                f"{worker_name(worker_key(spawned.slot, spawned.incarnation)).capitalize()} bears "
                f"the name {spawned.application_name!r} in the database; by its run it is {name!r}."
            )
        if spawned.role != "worker":
            yield f"A {spawned.role!r} was spawned in a slot for a worker."


def _ways_of_leaving(history: History) -> Iterator[str]:
    """How a child left, its wait status and its fault must go together."""
    for left in history.records.of(ChildExited):
        name = worker_name(worker_key(left.slot, left.incarnation)).capitalize()
        if left.reason == "killed" and left.fault is None:
            yield f"{name} was killed by no fault."
        by_sigterm = left.fault is not None and left.signal == signal.SIGTERM
        if left.reason == "stopped" and left.exit_code != 0 and not by_sigterm:
            yield f"{name} stopped when asked, by its wait status it did not."
        if left.signal is not None and left.exit_code is not None:
            yield f"{name} left by a signal and by itself."


def _identities(history: History) -> Iterator[str]:
    """No two incarnations claim under one identity, but those of a slot that keeps its name."""
    named = named_slots(history.start.scenario.faults)
    announced: defaultdict[str, set[int]] = defaultdict(set)
    for ready in history.records.of(ChildReady):
        announced[ready.identity].add(worker_key(ready.slot, ready.incarnation))
    for identity, workers in sorted(announced.items()):
        slots = {unpack_worker(worker)[0] for worker in workers}
        if len(workers) > 1 and not (len(slots) == 1 and slots <= named):
            two = " and ".join(worker_name(worker) for worker in sorted(workers)[:2])
            yield f"The identity {identity!r} was announced by {two}."


def _run_end(history: History) -> Iterator[str]:
    """Nothing that the parent writes is stamped later than the run's end."""
    assert history.end is not None, "asked of an unfinished history"
    mine = history.enqueues.t_ns[history.enqueues.worker == ABSENT]
    instants = [
        *(int(t_ns.max()) for t_ns in (mine, history.rows.t_ns) if t_ns.size),
        *(read.t_ns for read in (*history.closings, *history.kill_reads)),
        *(
            record.t_ns
            for record in _records(history, *PARENTS_KINDS)
            if getattr(record, "n", None) is None
        ),
    ]
    if max(instants, default=history.end.t_ns) > history.end.t_ns:
        yield "The parent wrote lines that are stamped later than its run_end."


def _final_read(history: History) -> Iterator[str]:
    """The final read comes when every worker has left."""
    exits = [left.t_ns for left in history.records.of(ChildExited)]
    reads = [read.t_ns for read in history.closings]
    if history.rows.t_ns.size:
        reads.append(int(history.rows.t_ns.min()))
    if exits and reads and min(reads) < max(exits):
        yield "The final read of the rows was taken before every worker had left."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _fault_numbers,
    _fault_lines,
    _lives,
    _process_ids,
    _session_names,
    _ready_once,
    _ways_of_leaving,
    _identities,
    _run_end,
    _final_read,
)

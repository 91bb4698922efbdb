"""Those that outlived their worker's first process were let be for as long as was planned."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.checks.instants import PATIENCE_NS
from analysis.evidence.run_spec import planned_by_number
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.records import ChildExited, ChildSpawned, FaultEnded, FaultInjected
from orchestrator.history.worker_faults import LeaderEnd
from orchestrator.scenario.worker_faults import KillLeaderOnly


def _as_planned(history: History) -> Iterator[str]:
    """They are killed when their time is over, not sooner; and the next worker of the slot comes
    when their leader is dead, not when they are."""
    planned = planned_by_number(history)
    sent_ns = {sent.fault: sent.t_ns for sent in history.records.of(FaultInjected)}
    spawned_ns = {one.after_fault: one.t_ns for one in history.records.of(ChildSpawned)}
    for seen in history.records.of(FaultEnded):
        end, at_ns = seen.after, sent_ns.get(seen.fault)
        entry = planned.get(seen.fault)
        if not isinstance(end, LeaderEnd) or not isinstance(entry, KillLeaderOnly):
            continue
        if at_ns is None or end.reaped_ns is None or end.alone_ns is None:
            continue  # its certificate says so
        name, due_ns = f"Fault {nth(seen.fault)}", at_ns + round(entry.survivors_for_s * 1e9)
        if end.killed_ns is not None and end.killed_ns < due_ns:
            yield f"{name} killed those that lived on before their time was over."
        if (end.killed_ns or end.alone_ns) > due_ns + PATIENCE_NS:
            yield f"{name} let those that lived on go on when their time was over."
        next_ns = spawned_ns.get(seen.fault)
        if next_ns is None:
            yield f"{name} is over, and no other worker was started in its slot."
        elif not end.reaped_ns <= next_ns <= end.reaped_ns + PATIENCE_NS:
            yield f"{name}: the next worker of its slot did not come at its leader's end."


def _of_their_own_worker(history: History) -> Iterator[str]:
    """Nobody of them is the first process of another worker, which lived at that time."""
    left_ns = {(one.slot, one.incarnation): one.t_ns for one in history.records.of(ChildExited)}
    for seen in history.records.of(FaultEnded):
        end = seen.after
        if not isinstance(end, LeaderEnd) or end.still_ns is None:
            continue  # its certificate says so
        victims = {(worker.slot, worker.incarnation) for worker in seen.target.workers}
        for other in history.records.of(ChildSpawned):
            place = other.slot, other.incarnation
            if place in victims or other.pid not in end.lived_on:
                continue  # of the victim's own its certificate says so
            was_there = place not in left_ns or end.still_ns < left_ns[place]
            if other.t_ns <= end.still_ns and was_there:
                yield (
                    f"Fault {nth(seen.fault)}: process {other.pid}, which is said to have outlived "
                    f"its leader, is slot {other.slot} incarnation {other.incarnation} itself."
                )


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_as_planned, _of_their_own_worker)

"""A worker that a fault told to leave was given its time, and its successor came when planned."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.checks.instants import PATIENCE_NS
from analysis.evidence.run_spec import planned_by_number
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.records import ChildSpawned, FaultEnded
from orchestrator.history.targets import WorkerTarget
from orchestrator.history.worker_faults import Departure
from orchestrator.scenario.worker_faults import Deploy, Terminate
from worker_child.protocol import ChildReady


def _departures(
    history: History,
) -> Iterator[tuple[FaultEnded, Departure, Deploy | Terminate, WorkerTarget]]:
    planned = planned_by_number(history)
    for seen in history.records.of(FaultEnded):
        end = seen.after
        entry = planned.get(seen.fault)
        if isinstance(end, Departure) and isinstance(entry, Deploy | Terminate):
            for worker in seen.target.workers:
                yield seen, end, entry, worker


def _grace(history: History) -> Iterator[str]:
    """It is killed when its grace is over: not sooner, and not let go on."""
    for seen, end, entry, _ in _departures(history):
        if end.told_ns is None:
            continue  # its certificate says so
        due_ns = end.told_ns + round(entry.grace_s * 1e9)
        if end.killed_ns is not None and end.killed_ns < due_ns:
            yield f"Fault {nth(seen.fault)} killed its worker before its grace was over."
        gone_ns = end.killed_ns or end.reaped_ns
        if gone_ns is not None and gone_ns > due_ns + PATIENCE_NS:
            yield f"Fault {nth(seen.fault)} let its worker go on when its grace was over."


def _second_signal(history: History) -> Iterator[str]:
    """It comes when it is due, to a worker that is still there, and in a `terminate` alone."""
    for seen, end, entry, _ in _departures(history):
        if not isinstance(entry, Terminate):
            if end.again_ns is not None:
                yield f"Fault {nth(seen.fault)} signalled twice, and is no terminate."
            continue
        if end.told_ns is None:
            continue  # its certificate says so
        due_ns = end.told_ns + round(entry.again_after_s * 1e9)
        if end.again_ns is not None and end.again_ns < due_ns:
            yield f"Fault {nth(seen.fault)} signalled again sooner than was planned."
        at_ns = end.again_ns or end.reaped_ns
        if at_ns is not None and at_ns > due_ns + PATIENCE_NS:
            yield f"Fault {nth(seen.fault)} did not signal again when it was due."


def _successor(history: History) -> Iterator[str]:
    """The next process of the slot came in the planned order, and ended the fault."""
    spawned_ns = {(one.slot, one.incarnation): one.t_ns for one in history.records.of(ChildSpawned)}
    ready_ns = {(one.slot, one.incarnation): one.t_ns for one in history.records.of(ChildReady)}
    for seen, end, entry, worker in _departures(history):
        name, place = f"Fault {nth(seen.fault)}", (worker.slot, worker.incarnation + 1)
        began_ns, could_ns = spawned_ns.get(place), ready_ns.get(place)
        if end.told_ns is None or end.reaped_ns is None:
            continue  # its certificate says so
        if began_ns is None or could_ns is None or seen.healed_ns is None:
            yield f"{name} is over, and no other worker was ready in its slot."
            continue
        order = entry.successor if isinstance(entry, Deploy) else "after"
        gone_ns = end.killed_ns or end.reaped_ns
        earliest_ns = {"before": began_ns, "at": end.told_ns, "after": gone_ns}
        late = order == "before" and could_ns > end.told_ns
        if began_ns < earliest_ns[order] or late:
            yield f"{name}: the next worker of its slot did not come when it was planned to."
        if seen.healed_ns != max(could_ns, end.reaped_ns):
            yield f"{name} was over at another instant than its slot was filled again."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_grace, _second_signal, _successor)

"""Faults against the scenario that planned them, and against the workers that came after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from analysis.evidence.run_spec import planned_by_number, started_ns
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.records import ChildExited, ChildSpawned, FaultEnded, FaultInjected
from orchestrator.history.worker_faults import LeaderEnd, ProcessEnd
from orchestrator.scenario.faults import Fault

INSTANT_NS = 1_000_000
"""An instant that was planned as seconds may be this far from the one that was intended."""


def _trigger(entry: Fault) -> Literal["timed", "state", "held", "point"]:
    if entry.at_point is not None:
        return "point"
    return "held" if entry.when_held else "state" if entry.when or entry.BY_JOBS else "timed"


def _as_planned(history: History) -> Iterator[str]:
    """What was injected is what the scenario's entry of that number asks for."""
    planned = planned_by_number(history)
    begun_ns = started_ns(history)
    for sent in history.records.of(FaultInjected):
        entry = planned.get(sent.fault)
        if entry is None:
            yield f"Fault {nth(sent.fault)} was injected; the scenario plans {len(planned)} faults."
            continue
        trigger = _trigger(entry)
        if sent.trigger != trigger:
            yield f"Fault {nth(sent.fault)} was planned as {trigger} and is called {sent.trigger}."
        if sent.biased != (trigger != "timed"):
            yield f"Fault {nth(sent.fault)} is wrongly called {'' if sent.biased else 'un'}biased."
        word = str(entry.__struct_config__.tag)
        if sent.what != word:
            yield f"Fault {nth(sent.fault)} was planned as a {word} and is called a {sent.what}."
        slots = {worker.slot for worker in sent.target.workers}
        if not entry.BY_JOBS and slots != set(entry.slots):
            yield f"Fault {nth(sent.fault)} hit another slot than the one that was planned."
        if entry.at_s is not None and sent.intended_ns is not None and begun_ns is not None:
            planned_ns = begun_ns + round(entry.at_s * 1e9)
            if abs(sent.intended_ns - planned_ns) > INSTANT_NS:
                yield f"Fault {nth(sent.fault)} was intended for another instant than was planned."
        if sent.phases_s and not entry.repeat:
            yield f"Fault {nth(sent.fault)} was aimed at phases; the scenario plans none."


def _there(history: History) -> Iterator[str]:
    """Whom a fault hits has been started by then, and has not left."""
    begun = {(one.slot, one.incarnation): one.t_ns for one in history.records.of(ChildSpawned)}
    left = {(one.slot, one.incarnation): one.t_ns for one in history.records.of(ChildExited)}
    for sent in history.records.of(FaultInjected):
        for worker in sent.target.workers:
            place = worker.slot, worker.incarnation
            if begun.get(place, sent.t_ns) > sent.t_ns:
                yield f"Fault {nth(sent.fault)} hit a worker that was not there yet."
            if left.get(place, sent.t_ns) < sent.t_ns:
                yield f"Fault {nth(sent.fault)} hit a worker that had left before it."


def _successors(history: History) -> Iterator[str]:
    """A slot that a fault had emptied is filled after that fault, and says so."""
    ends = {(left.slot, left.incarnation): left.fault for left in history.records.of(ChildExited)}
    sent_ns = {sent.fault: sent.t_ns for sent in history.records.of(FaultInjected)}
    for spawned in history.records.of(ChildSpawned):
        before = ends.get((spawned.slot, spawned.incarnation - 1))
        name = f"slot {spawned.slot} incarnation {spawned.incarnation}"
        if spawned.after_fault != before:
            yield f"{name.capitalize()} was spawned after another fault than had emptied its slot."
        elif before is not None and spawned.t_ns < sent_ns.get(before, spawned.t_ns):
            yield f"{name.capitalize()} was spawned before the fault that it comes after."


def _instants(history: History) -> Iterator[str]:
    """The rows are read when all else has been seen, and a victim leaves when it is reaped."""
    left = {one.fault: one.t_ns for one in history.records.of(ChildExited)}
    for seen in history.records.of(FaultEnded):
        end = seen.after
        if not isinstance(end, ProcessEnd):
            continue
        before = [end.reaped_ns, end.eof_ns, end.sessions_gone_ns]
        before += [end.alone_ns] if isinstance(end, LeaderEnd) else []
        read_ns = end.rows_read_ns
        if read_ns is not None and any(one is not None and one > read_ns for one in before):
            yield f"Kill {nth(seen.fault)}: the rows were read before its victim was wholly gone."
        exited_ns = left.get(seen.fault, end.reaped_ns)
        if end.reaped_ns is not None and exited_ns != end.reaped_ns:
            yield f"Kill {nth(seen.fault)}: its victim was reaped, and left, at two instants."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _as_planned,
    _there,
    _successors,
    _instants,
)

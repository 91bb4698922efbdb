"""A worker behind a proxy: all its round trips were listed, or it was frozen at one of them and
nothing of it came any more before it was killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.checks.instants import PATIENCE_NS
from analysis.checks.lines_of_workers import lines_between
from analysis.evidence.run_spec import planned_by_number
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.round_trips import Freeze
from orchestrator.history.worker_faults import ProcessEnd, StallEnd
from orchestrator.scenario.faults import Kill, Stall
from orchestrator.scenario.triggered import AtPoint
from worker_child.protocol import ChildReady, Note

AT_ROUND_TRIPS = frozenset({"kill", "stall", "backend_terminate"})
"""The faults that may wait for a round trip: what is seen after each tells of its freeze."""


def _of_its_sort(history: History) -> Iterator[str]:
    for sent in history.records.of(FaultInjected):
        if sent.trigger == "point" and sent.what not in AT_ROUND_TRIPS:
            yield f"Fault {nth(sent.fault)} is a {sent.what}, which waits for no round trip."


def _at_points(history: History) -> Iterator[tuple[FaultInjected, Freeze | None]]:
    """Faults at a round trip, and what their freeze has let through, as far as that is told."""
    ended = {(seen.fault, seen.what): seen.after for seen in history.records.of(FaultEnded)}
    for sent in history.records.of(FaultInjected):
        if sent.trigger == "point" and sent.what in AT_ROUND_TRIPS:
            end = ended.get((sent.fault, sent.what))
            yield sent, None if end is None else end.freeze


def _silent(history: History) -> Iterator[str]:
    """No line of a killed worker is stamped later than the freeze; a stalled one lives on."""
    for sent, freeze in _at_points(history):
        if freeze is None or not sent.ends_process:
            continue  # its certificate says so
        for victim in sent.target.workers:
            place = victim.slot, victim.incarnation
            count = lines_between(history, place, freeze.frozen_ns)
            if count:
                yield (
                    f"The worker that fault {nth(sent.fault)} killed wrote {count} lines after its "
                    "connections had been frozen: it was not stopped where it seems."
                )


def _planned_point(history: History) -> Iterator[str]:
    """The round trip is the one that the scenario asks for."""
    planned = planned_by_number(history)
    for sent, _ in _at_points(history):
        entry = planned.get(sent.fault)
        point = None if entry is None else entry.at_point
        seen = sent.before.at_point
        if point is None or seen is None:
            continue  # said elsewhere
        name = f"Fault {nth(sent.fault)}"
        if any(victim.incarnation for victim in sent.target.workers):
            yield f"{name} hit another process than the slot's first, which was held."
        phase = "completed" if point.statement is None else point.phase
        phase_fits = phase in (None, seen.phase)
        statement_fits = point.statement in (None, seen.statement)
        if not (statement_fits and phase_fits and seen.side == point.side):
            yield f"{name} stopped its worker at another round trip than was planned."
        elif _rows_contradict(point, seen.rows):
            yield f"{name} stopped its worker at a round trip without any rows."
        elif point.statement is None and seen.rows == 0:
            yield f"{name} stopped its worker where no row was changed: nothing was acknowledged."


def _planned_rescuer(history: History) -> Iterator[str]:
    """A rescuer was held where the scenario asks for it, if anywhere."""
    planned = planned_by_number(history)
    for seen in history.records.of(FaultEnded):
        held = seen.after.rescuer if isinstance(seen.after, StallEnd) else None
        if held is None:
            continue
        entry = planned.get(seen.fault)
        point = entry.rescuer_at if isinstance(entry, Stall) else None
        if point is None:
            yield f"The rescuer of fault {nth(seen.fault)} was held though nothing was planned so."
        elif (held.at_point.statement, held.at_point.side) != (point.statement, point.side):
            yield f"The rescuer of fault {nth(seen.fault)} was held elsewhere than was planned."
        elif _rows_contradict(point, held.at_point.rows):
            yield f"The rescuer of fault {nth(seen.fault)} was held at a round trip without rows."


def _rows_contradict(point: AtPoint, rows: int | None) -> bool:
    return point.with_rows and (rows == 0 or (rows is None and point.side == "after"))


def _late(history: History) -> Iterator[str]:
    """A delayed request reaches the server when the next process has said that it is ready, and so
    long after it as is planned at the latest."""
    planned = planned_by_number(history)
    ready_ns = {(line.slot, line.incarnation): line.t_ns for line in history.records.of(ChildReady)}
    for seen in history.records.of(FaultEnded):
        end = seen.after
        if not isinstance(end, ProcessEnd) or end.delivery is None or end.delivery.sent_ns is None:
            continue
        entry = planned.get(seen.fault)
        within_s = entry.deliver_within_s if isinstance(entry, Kill) else None
        for victim in seen.target.workers:
            next_ns = ready_ns.get((victim.slot, victim.incarnation + 1))
            request = f"The request that fault {nth(seen.fault)} delayed was delivered"
            if next_ns is None or end.delivery.sent_ns < next_ns:
                yield f"{request} before the next process of slot {victim.slot} was ready."
            elif within_s is not None and (
                end.delivery.sent_ns > next_ns + round(within_s * 1e9) + PATIENCE_NS
            ):
                yield f"{request} long after it was to be."


_UNLISTED = {
    "unexplained_bytes": "bytes passed that the proxy did not understand",
    "broken": "a connection was lost although nobody was harmed",
    "outside": "a session of the worker did not go through the proxy",
}


def _listed(history: History) -> Iterator[str]:
    """A run that lists round trips has seen all of them."""
    if not history.start.scenario.list_round_trips:
        return
    yield from _told_once(history, "round_trips_listed")


def _listed_of_the_rescuer(history: History) -> Iterator[str]:
    """So has one that lists those of a worker that comes while another one is stalled."""
    faults = history.start.scenario.faults
    if any(isinstance(fault, Stall) and fault.list_rescuer for fault in faults):
        yield from _told_once(history, "rescuer_listed")


def _told_once(history: History, code: str) -> Iterator[str]:
    told = [note.detail for note in history.records.of(Note) if note.code == code]
    if len(told) != 1:
        yield f"It is told {len(told)} times, not once, that all round trips have been listed."
        return
    (detail,) = told
    for name, says in _UNLISTED.items():
        if detail.get(name):
            yield f"The round trips that are listed are not all that there were: {says}."
    if not detail.get("sessions"):
        yield "No session of the worker went through the proxy that lists its round trips."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _of_its_sort,
    _silent,
    _planned_point,
    _planned_rescuer,
    _late,
    _listed,
    _listed_of_the_rescuer,
)

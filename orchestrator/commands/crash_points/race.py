"""The rescuer's race: where a worker completes its job, and what rescues it meanwhile: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from orchestrator.commands.crash_points.listing import Name, Point, RoundTripNote
from orchestrator.scenario.triggered import AtPoint, PointSide


class RescuerNote(msgspec.Struct, frozen=True):
    """The `detail` of a ``rescuer_round_trip`` note."""

    answered_ns: int
    statement: str
    sql: str
    rows: int | None
    foretold: bool
    executes: bool


@dataclass(frozen=True)
class RescuerRun:
    """What a run has seen of a worker that came while another one was stalled."""

    notes: tuple[RescuerNote, ...]
    ready_ns: int | None
    """None = it never was."""
    started_ns: int | None
    """When it began with its first job; None = it was given none."""


def completion_of(runs: Sequence[Sequence[RoundTripNote]]) -> AtPoint | None:
    """Before which round trip the first job of *single* is done and the queue does not know it.

    None = that was not the same one in all of these runs without harm.
    """
    found = {_completion(notes) for notes in runs}
    return found.pop() if len(found) == 1 else None


def _completion(notes: Sequence[RoundTripNote]) -> AtPoint | None:
    in_order = sorted(notes, key=lambda note: note.number)
    settling = next((note for note in in_order if note.settles and note.wave == 0), None)
    if settling is None:
        return None
    place = settling.statement, settling.phase, settling.wave
    equal = [
        note
        for note in in_order
        if note.executes and (note.statement, note.phase, note.wave) == place
    ]
    return AtPoint(
        statement=settling.statement,
        phase=settling.phase,
        wave=settling.wave,
        ordinal=equal.index(settling) + 1,
        side="before",
    )


def race_points(runs: Iterable[RescuerRun], idle: Iterable[Sequence[RoundTripNote]]) -> list[Point]:
    """What a rescuer has said in all of these runs, from when it was ready until it began with the
    job, and what an idle worker does not say: or not with rows.

    What an idle worker says with rows too nobody can tell from a rescue.
    """
    empty, with_rows = _said_by_idle(idle)
    each = [_of_run(run, empty, with_rows) for run in runs]
    names = set.intersection(*map(set, each)) if each else set()
    return [point for name, point in each[0].items() if name in names] if each else []


def _said_by_idle(runs: Iterable[Sequence[RoundTripNote]]) -> tuple[set[str], set[str]]:
    """Without rows, and with them."""
    notes = [note for run in runs for note in run if note.phase == "idle" and note.wave < 0]
    with_rows = {note.statement for note in notes if note.rows}
    return {note.statement for note in notes} - with_rows, with_rows


def _of_run(
    run: RescuerRun, empty: Collection[str], with_rows: Collection[str]
) -> dict[Name, Point]:
    found: dict[Name, Point] = {}
    for note in run.notes:
        told = note.statement in empty
        is_rescue = note.executes and note.statement not in with_rows and (not told or note.rows)
        if run.ready_ns is None or not is_rescue or note.answered_ns < run.ready_ns:
            continue
        if run.started_ns is not None and note.answered_ns > run.started_ns:
            continue
        name = Name("single", note.statement, "idle", None, 1, with_rows=told, executes=True)
        found.setdefault(name, Point(name, "idle", note.sql, 0, note.foretold, None))
    return found


def rescuer_at(point: Point, side: PointSide) -> AtPoint | None:
    """As that of a stall, which has no phase; None = before it nobody can tell whether it will find
    a job to rescue."""
    at = point.at(side)
    return None if at is None else msgspec.structs.replace(at, phase=None)

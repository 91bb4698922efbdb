"""From the notes of harmless runs to the points that there are: pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from orchestrator.commands.crash_points.workloads import WorkloadName
from orchestrator.proxy.statements import begins_transaction, ends_transaction
from orchestrator.scenario.triggered import AtPoint, PointPhase, PointSide
from worker_child.protocol import HoldPoint

_ID_DIGITS = 8
_NO_HANDLER: frozenset[PointPhase] = frozenset({"waiting", "completed"})
"""Phases beside ``idle`` in which no job's handler is at work or has failed."""


class RoundTripNote(msgspec.Struct, frozen=True):
    """The `detail` of a ``round_trip`` note."""

    number: int
    connection: int
    statement: str
    sql: str
    phase: PointPhase
    rows: int | None
    executes: bool
    wave: int
    foretold: bool
    """Whether it returns or changes rows was known before it already: it ends a transaction."""
    settles: bool
    """From its answer on the queue owed nothing of its wave."""


@dataclass(frozen=True)
class Name:
    """What names a point; equal in every run. No number of a connection is part of it."""

    workload: WorkloadName
    statement: str
    phase: PointPhase | None
    """None = wherever the worker's jobs stand, once it is ready: it is folded; or of several jobs
    at once, of which a busy machine decides how far each of them is."""
    wave: int | None
    """Which wave was the last to go out, from 0; None = it is of no wave: folded, or of a worker
    that starts or has had no job yet."""
    ordinal: int
    """From 1, among those that are equal in all else."""
    with_rows: bool
    """Of those that returned or changed rows; else whether they did or not."""
    executes: bool
    """False: it executes nothing (Parse, Describe), and is not tried."""

    @property
    def is_folded(self) -> bool:
        """Whether it stands for all that an idle worker says too."""
        return self.phase is None and self.wave is None

    @property
    def id(self) -> str:
        """Eight hexadecimal digits, for ``--only``."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:_ID_DIGITS]


@dataclass(frozen=True)
class Point:
    """A round trip that can be tried, or only listed."""

    name: Name
    phase: PointPhase | None
    """Where the jobs stood in the first of the runs; None = it is folded."""
    sql: str
    """As it was first sent."""
    folded: int
    """How many further round trips of the first harmless run are counted as this one."""
    foretold: bool
    """Whether it returns or changes rows is known before it."""
    among_all: int | None
    """Which it is of all of its statement, phase and wave, with rows or without, from 1; None =
    that was not the same in every run."""
    begins: bool = False
    """Whether it begins a transaction: whether that has to do with a job shows only later."""
    hold: HoldPoint | None = None
    """Where the job's body is held; None = it is a round trip."""

    def at(self, side: PointSide) -> AtPoint | None:
        """As a fault's trigger; None = there nobody can tell it yet from those without rows."""
        name = self.name
        ordinal, with_rows = name.ordinal, name.with_rows
        if self.begins or (side != "after" and with_rows and not self.foretold):
            if self.among_all is None:
                return None
            ordinal, with_rows = self.among_all, False
        return AtPoint(
            statement=name.statement,
            phase=name.phase,
            wave=name.wave,
            ordinal=ordinal,
            with_rows=with_rows,
            side=side,
        )


@dataclass(frozen=True)
class Listing:
    """The points of one workload."""

    steady: tuple[Point, ...]
    """In all of the runs, in the order of the first one."""
    unsteady: tuple[Point, ...]
    """In some of the runs only: listed, never tried."""


def idle_says(runs: Iterable[Sequence[RoundTripNote]]) -> frozenset[str]:
    """What a worker that has never had a job says in every one of these runs."""
    said = [
        {note.statement for note in notes if note.phase == "idle" and note.wave < 0}
        for notes in runs
    ]
    return frozenset(set.intersection(*said)) if said else frozenset()


def list_points(
    workload: WorkloadName,
    runs: Sequence[Sequence[RoundTripNote]],
    idle: Collection[str],
    *,
    fold: bool = True,
) -> Listing:
    """The points of one workload, by its harmless runs.

    What an idle worker says too bears no phase and is one point where it says nothing of a job: in
    the phase ``idle``; wherever it found no rows; and, where it counts none (BEGIN), in the phases
    in which no handler is at work, and wherever its transaction found none. With rows it keeps its
    phase: the same statement may then be the one that takes, fails or acknowledges a job. What a
    starting worker repeats for each connection is one point. Without `fold` each is a point of its
    own. Of several jobs at once (*batch*) no point is named by a phase.
    """
    named = [_named(workload, notes, idle, fold=fold) for notes in runs]
    everywhere = set.intersection(*(set(names) for names in named))
    order = dict.fromkeys(name for names in named for name in names)
    return Listing(
        steady=tuple(
            _agreed([names[name] for names in named]) for name in order if name in everywhere
        ),
        unsteady=tuple(
            _agreed([names[name] for names in named if name in names])
            for name in order
            if name not in everywhere
        ),
    )


def _agreed(seen: Sequence[Point]) -> Point:
    """One point as several runs have seen it."""
    places = {point.among_all for point in seen}
    return replace(
        seen[0],
        foretold=all(point.foretold for point in seen),
        among_all=places.pop() if len(places) == 1 else None,
    )


def _named(
    workload: WorkloadName, notes: Sequence[RoundTripNote], idle: Collection[str], *, fold: bool
) -> dict[Name, Point]:
    said_idle = idle if fold else ()
    ended = _rows_of_begun(notes)
    seen: Counter[Name | tuple[str, PointPhase | None, int]] = Counter()
    found: dict[Name, Point] = {}
    for note in sorted(notes, key=lambda note: note.number):
        starting, told = note.phase == "starting up", note.statement in said_idle
        is_idle = told and _is_of_no_job(note, ended.get(note.number))
        of_several = workload == "batch" and not starting
        phase = None if of_several else note.phase
        name = Name(
            workload=workload,
            statement=note.statement,
            phase=None if is_idle else phase,
            wave=None if is_idle or starting or note.wave < 0 else note.wave,
            ordinal=1,
            with_rows=told and not (starting or is_idle) and bool(note.rows),
            executes=note.executes,
        )
        seen[name] += 1
        place = note.statement, phase, note.wave
        seen[place] += note.executes
        is_one = is_idle or (fold and starting)
        if not is_one:
            name = replace(name, ordinal=seen[name])
        shown = None if is_idle else note.phase
        begins = note.number in ended and not is_one
        new = Point(name, shown, note.sql, -1, note.foretold, seen[place], begins)
        known = found.get(name, new)
        found[name] = replace(known, folded=known.folded + 1)
    return found


def _is_of_no_job(note: RoundTripNote, ended: int | None) -> bool:
    """Of a statement that an idle worker says too; `ended` is of the transaction that it begins."""
    if note.phase in ("starting up", "idle"):
        return note.phase == "idle"
    if note.rows is None:
        return note.phase in _NO_HANDLER or ended == 0
    return note.rows == 0


def _rows_of_begun(notes: Sequence[RoundTripNote]) -> Mapping[int, int | None]:
    """By the number of what began a transaction: how many rows all of it returned or changed, None
    = nobody saw its end."""
    found: dict[int, int | None] = {}
    begun: dict[int, int] = {}
    for note in sorted(notes, key=lambda note: note.number):
        if note.executes and begins_transaction(note.statement):
            begun[note.connection] = note.number
            found[note.number] = None
        elif ends_transaction(note.statement) and note.connection in begun:
            found[begun.pop(note.connection)] = note.rows
    return found

"""From the notes of harmless runs to the points that there are: pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from orchestrator.commands.crash_points.workloads import WorkloadName
from orchestrator.scenario.faults import AtPoint, PointPhase, PointSide

_ID_DIGITS = 8


class RoundTripNote(msgspec.Struct, frozen=True):
    """The `detail` of a ``round_trip`` note."""

    number: int
    statement: str
    sql: str
    phase: PointPhase
    rows: int | None
    executes: bool
    wave: int


Said = tuple[str, bool]
"""A statement, and whether it returned or changed rows."""


@dataclass(frozen=True)
class Name:
    """What names a point; equal in every run. No number of a connection is part of it."""

    workload: WorkloadName
    statement: str
    phase: PointPhase | None
    """None = folded: wherever the worker's jobs stand, once it is ready."""
    ordinal: int
    """From 1, among those that are equal in all else."""
    with_rows: bool
    """Of those that returned or changed rows; else whether they did or not."""
    executes: bool
    """False: it executes nothing (Parse, Describe), and is not tried."""

    @property
    def id(self) -> str:
        """Eight hexadecimal digits, for ``--only``."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:_ID_DIGITS]

    def at(self, side: PointSide) -> AtPoint:
        """As a fault's trigger."""
        return AtPoint(
            statement=self.statement,
            phase=self.phase,
            ordinal=self.ordinal,
            with_rows=self.with_rows,
            side=side,
        )


@dataclass(frozen=True)
class Point:
    """A round trip that can be tried, or only listed."""

    name: Name
    sql: str
    """As it was first sent."""
    folded: int
    """How many further round trips of the first harmless run are counted as this one."""


@dataclass(frozen=True)
class Listing:
    """The points of one workload."""

    steady: tuple[Point, ...]
    """In all of the runs, in the order of the first one."""
    unsteady: tuple[Point, ...]
    """In some of the runs only: listed, never tried."""


def idle_says(runs: Iterable[Sequence[RoundTripNote]]) -> frozenset[Said]:
    """What a worker says that has never had a job."""
    return frozenset(
        (note.statement, bool(note.rows))
        for notes in runs
        for note in notes
        if note.phase == "idle"
    )


def list_points(
    workload: WorkloadName,
    runs: Sequence[Sequence[RoundTripNote]],
    idle: Collection[Said],
    *,
    fold: bool = True,
) -> Listing:
    """The points of one workload, by its harmless runs.

    What an idle worker says too bears no phase and is one point, unless it returned or changed
    rows as it never does there; what a starting worker repeats for each connection is one point.
    Without `fold` each is a point of its own.
    """
    named = [_named(workload, notes, idle, fold=fold) for notes in runs]
    everywhere = set.intersection(*(set(names) for names in named))
    points = {name: point for names in reversed(named) for name, point in names.items()}
    order = dict.fromkeys(name for names in named for name in names)
    return Listing(
        steady=tuple(points[name] for name in order if name in everywhere),
        unsteady=tuple(points[name] for name in order if name not in everywhere),
    )


def _named(
    workload: WorkloadName, notes: Sequence[RoundTripNote], idle: Collection[Said], *, fold: bool
) -> dict[Name, Point]:
    idle_statements = {statement for statement, _ in idle} if fold else set()
    seen: Counter[Name] = Counter()
    found: dict[Name, Point] = {}
    for note in sorted(notes, key=lambda note: note.number):
        starting, told = note.phase == "starting up", note.statement in idle_statements
        is_idle = told and not starting and (not note.rows or (note.statement, True) in idle)
        name = Name(
            workload=workload,
            statement=note.statement,
            phase=None if is_idle else note.phase,
            ordinal=1,
            with_rows=told and not starting and not is_idle,
            executes=note.executes,
        )
        seen[name] += 1
        if not (is_idle or (fold and starting)):
            name = replace(name, ordinal=seen[name])
        known = found.get(name, Point(name, note.sql, folded=-1))
        found[name] = replace(known, folded=known.folded + 1)
    return found

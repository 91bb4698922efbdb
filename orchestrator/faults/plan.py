"""When is which fault due? Pure: the scenario's faults, the seed, and what has been seen so far.

The plan acts on nothing; the supervisor asks it what is due and carries that out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from orchestrator.scenario.faults import Fault
from orchestrator.scenario.triggered import When

Trigger = Literal["timed", "state", "held", "point"]

_NS_PER_S = 1_000_000_000
_CANDIDATES = 64


@dataclass(frozen=True)
class Phase:
    """A place within one of the library's rhythms, counted from the child's ready."""

    name: str
    period_ns: int
    at_ns: int
    begin_ns: int
    """Where the stratum begins in which it lies."""
    stratum_ns: int
    """How wide that stratum is."""

    def distance(self, since_ready_ns: int) -> float:
        """How far an instant is from this place, as a share of the period: 0 to 0.5."""
        off = (since_ready_ns - self.at_ns) % self.period_ns / self.period_ns
        return min(off, 1 - off)


@dataclass(frozen=True)
class PlannedFault:
    """One fault to come. Offsets count from T = 0; the phase counts from the child's ready."""

    fault: int
    """Its number in the run."""
    entry: Fault
    """The scenario's entry that it comes from."""
    trigger: Trigger
    at_ns: int | None = None
    when: When | None = None
    phases: tuple[Phase, ...] = ()
    """Repeated faults: where in each of the library's periods this one is to fall, the longest
    period first."""
    repeated: bool = False
    not_before_ns: int = 0
    round: int = 0
    """Those of one round are done at one instant."""
    round_slots: tuple[int, ...] = ()
    """Whose workers its round hits."""

    @property
    def heal_after_ns(self) -> int | None:
        """From the fault until it is to be healed; None = never."""
        return None if self.entry.outage_s is None else _ns(self.entry.outage_s)

    @property
    def biased(self) -> bool:
        """Aimed at a phase, so never pooled with timed ones."""
        return self.trigger != "timed"


@dataclass(frozen=True)
class View:
    """What the plan may look at. Instants are monotonic nanoseconds."""

    now_ns: int
    started_ns: int
    completed: int
    in_flight: int
    """Rows that are claimed and not yet acknowledged."""
    held_reached: bool
    point_ns: int | None
    """When the worker came to the round trip that is waited for; None = not yet."""
    announced_ns: int | None
    """When the first job announced that it kills its worker, of those that wait to; None = none
    does."""
    settled_since_ns: int | None
    """Since when every earlier fault has settled and the backlog is back in its band."""
    ready_ns: Mapping[int, int]
    """When the living incarnation of each slot became ready."""


def plan_faults(
    faults: tuple[Fault, ...],
    *,
    seed: int,
    ordinal: int,
    periods_s: Mapping[str, float],
    first_repeat_s: float,
) -> list[PlannedFault]:
    """Lay out every fault of a run, in the order in which they are to be carried out.

    Repeated ones get a place in each of `periods_s`, stratified: with k of them every kth part of a
    period is aimed at once, in seeded order, at a seeded place within it.
    """
    rounds: list[list[PlannedFault]] = []
    for number, fault in enumerate(faults):
        if fault.repeat:
            for phases in _spread(periods_s, fault.repeat, f"{seed}/{ordinal}/{number}"):
                repeated = PlannedFault(
                    fault=0,
                    entry=fault,
                    trigger="timed",
                    phases=phases,
                    repeated=True,
                    not_before_ns=_ns(first_repeat_s),
                )
                rounds.append([replace(repeated, entry=part) for part in fault.each])
        elif fault.BY_JOBS:
            rounds += [[_once(part)] for part in fault.each]
        else:
            for _, parts in groupby(fault.each, key=lambda part: part.at_s):
                rounds.append([_once(part) for part in parts])
    return _in_order([each for place in enumerate(rounds) for each in _round(*place)])


def _once(fault: Fault) -> PlannedFault:
    return PlannedFault(
        fault=0,
        entry=fault,
        trigger=trigger_of(fault),
        at_ns=None if fault.at_s is None else _ns(fault.at_s),
        when=fault.when,
    )


def _round(number: int, faults: list[PlannedFault]) -> Iterator[PlannedFault]:
    slots = tuple(sorted({slot for fault in faults for slot in fault.entry.slots}))
    return (replace(fault, round=number, round_slots=slots) for fault in faults)


def trigger_of(fault: Fault) -> Trigger:
    """The history's word for what makes it due, by the scenario's entry."""
    if fault.at_point is not None:
        return "point"
    return "held" if fault.when_held else "state" if fault.when or fault.BY_JOBS else "timed"


def _in_order(planned: list[PlannedFault]) -> list[PlannedFault]:
    """Timed faults of one run by their instant; the others keep their place in the file."""
    timed = sorted((fault for fault in planned if fault.at_ns is not None), key=_instant)
    upcoming = iter(timed)
    ordered = [fault if fault.at_ns is None else next(upcoming) for fault in planned]
    return [replace(fault, fault=number) for number, fault in enumerate(ordered)]


def _instant(fault: PlannedFault) -> int:
    assert fault.at_ns is not None
    return fault.at_ns


def due_ns(fault: PlannedFault, view: View) -> int | None:
    """The instant at which `fault` is intended, or None while that cannot be said.

    A state-triggered one is due at the moment its state is seen.
    """
    if fault.at_ns is not None:
        return view.started_ns + fault.at_ns
    if fault.when is not None:
        return view.now_ns if _reached(fault.when, view) else None
    if fault.entry.BY_JOBS:
        return view.announced_ns
    if fault.trigger == "held":
        return view.now_ns if view.held_reached else None
    if fault.trigger == "point":
        return view.point_ns
    ready_ns = phase_origin_ns(fault, view)
    if view.settled_since_ns is None or ready_ns is None:
        return None
    earliest_ns = max(view.settled_since_ns, view.started_ns + fault.not_before_ns)
    return _next_in_phase(earliest_ns, ready_ns, fault.phases)


def phase_origin_ns(fault: PlannedFault, view: View) -> int | None:
    """From when the library's periods are counted: the ready of the last of the workers that its
    round hits, of any worker where it hits none; None = one of them is not ready."""
    slots = fault.round_slots or tuple(view.ready_ns)
    known = [view.ready_ns[slot] for slot in slots if slot in view.ready_ns]
    return max(known, default=None) if len(known) == len(slots) else None


def phases_s(fault: PlannedFault, origin_ns: int | None, at_ns: int) -> dict[str, float]:
    """By a period's name: how far into it `at_ns` lies, seconds."""
    if origin_ns is None:
        return {}
    return {
        phase.name: round((at_ns - origin_ns) % phase.period_ns / _NS_PER_S, 6)
        for phase in fault.phases
    }


def _reached(when: When, view: View) -> bool:
    return view.completed >= (when.completed or 0) and view.in_flight >= (when.in_flight or 0)


def stratified(period_ns: int, count: int, seed: str) -> list[int]:
    """`count` phases in [0, period_ns), one in each of `count` equal strata, in seeded order."""
    order = sorted(range(count), key=lambda stratum: _draw(f"{seed}/order/{stratum}"))
    return [
        (stratum * 2**64 + _draw(f"{seed}/place/{stratum}")) * period_ns // (count * 2**64)
        for stratum in order
    ]


def _spread(periods_s: Mapping[str, float], count: int, seed: str) -> Iterator[tuple[Phase, ...]]:
    """A place in every period for each of `count` kills: a Latin hypercube of phases."""
    longest_first = sorted(periods_s.items(), key=lambda item: (-item[1], item[0]))
    columns = [
        [
            _phase(name, _ns(period_s), at_ns, count)
            for at_ns in stratified(_ns(period_s), count, f"{seed}/{name}")
        ]
        for name, period_s in longest_first
    ]
    return zip(*columns, strict=True) if columns else iter([()] * count)


def _phase(name: str, period_ns: int, at_ns: int, count: int) -> Phase:
    begin_ns = at_ns * count // period_ns * period_ns // count
    return Phase(name, period_ns, at_ns, begin_ns, period_ns // count)


def _next_in_phase(earliest_ns: int, ready_ns: int, phases: tuple[Phase, ...]) -> int:
    """The next instant in the stratum of the longest period, as near as can be to the other
    phases: of that stratum's instants the one with the least sum of distances."""
    if not phases:
        return earliest_ns
    longest = phases[0]
    first_ns = earliest_ns + (ready_ns + longest.begin_ns - earliest_ns) % longest.period_ns
    candidates = [first_ns + longest.stratum_ns * i // _CANDIDATES for i in range(_CANDIDATES)]
    return min(candidates, key=lambda at: sum(p.distance(at - ready_ns) for p in phases))


def _draw(text: str) -> int:
    digest = hashlib.blake2b(f"kill/{text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _ns(seconds: float) -> int:
    return round(seconds * _NS_PER_S)

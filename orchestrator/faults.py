"""When is which fault due? Pure: the scenario's faults, the seed, and what has been seen so far.

The plan acts on nothing; the supervisor asks it what is due and carries that out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.scenario_types import Fault, When

Trigger = Literal["timed", "state", "held"]

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class PlannedKill:
    """One SIGKILL to come. Offsets count from T = 0; the phase counts from the child's ready."""

    fault: int
    slot: int
    trigger: Trigger
    respawn_after_ns: int | None
    """None = the slot stays empty."""
    at_ns: int | None = None
    when: When | None = None
    phase_ns: int | None = None
    """Repeated kills: where in the longest period of the library this one falls."""
    period_ns: int | None = None
    not_before_ns: int = 0

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
    settled_since_ns: int | None
    """Since when every earlier kill has settled and the backlog is back in its band."""
    ready_ns: Mapping[int, int]
    """When the living incarnation of each slot became ready."""


def plan_kills(
    faults: tuple[Fault, ...],
    *,
    seed: int,
    ordinal: int,
    periods_s: Mapping[str, float],
    first_repeat_s: float,
) -> list[PlannedKill]:
    """Lay out every kill of a run, in the order in which they are to be carried out.

    Repeated kills get a phase each, stratified over the longest of `periods_s`: with k kills every
    kth part of the period is hit once, in seeded order, at a seeded place within it.
    """
    kills: list[PlannedKill] = []
    for number, fault in enumerate(faults):
        respawn_ns = None if fault.respawn_after_s is None else _ns(fault.respawn_after_s)
        if fault.repeat:
            period_ns = _ns(max(periods_s.values(), default=0.0))
            for phase_ns in stratified(period_ns, fault.repeat, f"{seed}/{ordinal}/{number}"):
                kills.append(
                    PlannedKill(
                        fault=len(kills),
                        slot=fault.slot,
                        trigger="timed",
                        respawn_after_ns=respawn_ns,
                        phase_ns=phase_ns,
                        period_ns=period_ns,
                        not_before_ns=_ns(first_repeat_s),
                    )
                )
        else:
            kills.append(
                PlannedKill(
                    fault=len(kills),
                    slot=fault.slot,
                    trigger="held" if fault.when_held else "state" if fault.when else "timed",
                    respawn_after_ns=respawn_ns,
                    at_ns=None if fault.at_s is None else _ns(fault.at_s),
                    when=fault.when,
                )
            )
    return _in_order(kills)


def _in_order(kills: list[PlannedKill]) -> list[PlannedKill]:
    """Timed kills of one run by their instant; the others keep their place in the file."""
    timed = sorted((kill for kill in kills if kill.at_ns is not None), key=_instant)
    upcoming = iter(timed)
    ordered = [kill if kill.at_ns is None else next(upcoming) for kill in kills]
    return [replace(kill, fault=number) for number, kill in enumerate(ordered)]


def _instant(kill: PlannedKill) -> int:
    assert kill.at_ns is not None
    return kill.at_ns


def due_ns(kill: PlannedKill, view: View) -> int | None:
    """The instant at which `kill` is intended, or None while that cannot be said.

    A state-triggered kill is due at the moment its state is seen.
    """
    if kill.at_ns is not None:
        return view.started_ns + kill.at_ns
    if kill.when is not None:
        return view.now_ns if _reached(kill.when, view) else None
    if kill.trigger == "held":
        return view.now_ns if view.held_reached else None
    ready_ns = view.ready_ns.get(kill.slot)
    if view.settled_since_ns is None or ready_ns is None:
        return None
    earliest_ns = max(view.settled_since_ns, view.started_ns + kill.not_before_ns)
    return _next_in_phase(earliest_ns, ready_ns, kill.phase_ns or 0, kill.period_ns or 0)


def _reached(when: When, view: View) -> bool:
    return view.completed >= (when.completed or 0) and view.in_flight >= (when.in_flight or 0)


def stratified(period_ns: int, count: int, seed: str) -> list[int]:
    """`count` phases in [0, period_ns), one in each of `count` equal strata, in seeded order."""
    order = sorted(range(count), key=lambda stratum: _draw(f"{seed}/order/{stratum}"))
    return [
        (stratum * 2**64 + _draw(f"{seed}/place/{stratum}")) * period_ns // (count * 2**64)
        for stratum in order
    ]


def _next_in_phase(earliest_ns: int, origin_ns: int, phase_ns: int, period_ns: int) -> int:
    if period_ns == 0:
        return earliest_ns
    return earliest_ns + (origin_ns + phase_ns - earliest_ns) % period_ns


def _draw(text: str) -> int:
    digest = hashlib.blake2b(f"kill/{text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _ns(seconds: float) -> int:
    return round(seconds * _NS_PER_S)

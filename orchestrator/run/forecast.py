"""What a run will be like, said before it starts: load, waits, an estimate of its length."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf

from orchestrator.faults.table import rescued_after_s, row_of
from orchestrator.scenario.arrivals import corners
from orchestrator.scenario.capacity import OVERHEAD_S, Capacity
from orchestrator.scenario.faults import Fault
from orchestrator.scenario.triggered import AtPoint
from orchestrator.scenario.types import Scenario
from worker_child.adapters.contract import Preset

_STEPS = 1000
_SQL_WIDTH = 60


@dataclass(frozen=True)
class Forecast:
    """Seconds count from T = 0. `expected_s` is None for a stream without an end."""

    capacity: Capacity
    bound_s: float | None
    """The longest rescue after any fault of the plan; None = this preset never rescues."""
    waits_s: float
    """How long the drain may last beyond the last enqueue, at the most foreseen."""
    expected_s: float | None
    lines: list[str]


def foresee(scenario: Scenario, preset: Preset, load: Capacity) -> Forecast:
    """Foresee a run from its scenario, its preset and what `capacity` says of the load; pure."""
    parts, rescue = _parts(scenario), preset.rescue
    bounds_s = [rescued_after_s(part, rescue, part.outage_s or 0.0) for part in parts]
    bound_s = max(bounds_s, default=0.0) if preset.rescue else None
    ends_s = [_end_of(fault, scenario, preset, load) for fault in parts]
    duration_s = scenario.workload.duration_s
    caught_up_s = _caught_up_s(scenario, load)
    expected_s = None if scenario.workload.endless else max([caught_up_s, *ends_s])
    waits_s = max(0.0, (expected_s or duration_s) - duration_s)
    closed = scenario.workload.closed_loop
    lines = [
        _closed_loop_line(scenario) if closed else _load_line(load),
        *_fault_lines(scenario, preset, load, bound_s),
    ]
    if expected_s is not None:
        lines.append(f"expected to take about {expected_s:.0f} s")
    return Forecast(load, bound_s, waits_s, expected_s, lines)


def _parts(scenario: Scenario) -> list[Fault]:
    """The faults that the scenario's entries come to."""
    return [part for fault in scenario.faults for part in fault.each]


def _end_of(fault: Fault, scenario: Scenario, preset: Preset, load: Capacity) -> float:
    at_s = fault.at_s if fault.at_s is not None else scenario.workload.duration_s
    outage_s = fault.outage_s or 0.0
    if preset.rescue is None:
        return at_s + outage_s + scenario.limits.confirm_s
    bound_s = rescued_after_s(fault, preset.rescue, outage_s)
    return at_s + min(bound_s, scenario.limits.max_bound_s) + load.mean_length_s


def _caught_up_s(scenario: Scenario, load: Capacity) -> float:
    """When the backlog that the load and its timed outages leave is gone, at least its end.

    The load goes on in small steps; in each the workers of the filled slots take what they can.
    """
    settings, slots = scenario.workload, scenario.workers.slots
    end_s = settings.duration_s
    if settings.endless or settings.closed_loop:
        return end_s
    line = [(float(at), float(factor)) for at, factor in corners(settings.curve, end_s)]
    per_factor = load.peak_rate_per_s / max(max(factor for _, factor in line), 1e-9)
    per_slot = load.sustainable_rate_per_s / slots
    step_s, backlog = end_s / _STEPS, 0.0
    for step in range(_STEPS):
        at_s = (step + 0.5) * step_s
        served = per_slot * _filled(scenario, at_s)
        backlog = max(0.0, backlog + (_factor(line, at_s) * per_factor - served) * step_s)
    respawns_s = [f.at_s + f.outage_s for f in _parts(scenario) if f.at_s and f.outage_s]
    again_s = end_s if _filled(scenario, end_s) else max([end_s, *respawns_s])
    served = per_slot * _filled(scenario, again_s)
    return again_s + backlog / served if backlog and served else end_s


def _filled(scenario: Scenario, at_s: float) -> int:
    """How many slots have a worker at an instant, as far as timed faults say."""
    if any(
        (fault.TAKES_SERVER or fault.STOPS_WORK)
        and fault.at_s is not None
        and fault.at_s <= at_s < fault.at_s + outage_s
        for fault in scenario.faults
        if (outage_s := fault.outage_s) is not None
    ):
        return 0
    empty = {
        slot
        for fault in _parts(scenario)
        if fault.at_s is not None
        and fault.at_s <= at_s < fault.at_s + (inf if fault.empty_s is None else fault.empty_s)
        for slot in fault.slots
    }
    return scenario.workers.slots - len(empty)


def _factor(line: list[tuple[float, float]], at_s: float) -> float:
    """The curve's value between two of its corners."""
    for (begin_s, first), (end_s, last) in pairwise(line):
        if begin_s <= at_s < end_s:
            return first + (last - first) * (at_s - begin_s) / (end_s - begin_s)
    return line[-1][1]


def _closed_loop_line(scenario: Scenario) -> str:
    return (
        f"load: a closed loop, each job goes out up to {scenario.workload.think_s or 0.0:g} s "
        "after the one before it has finished"
    )


def _load_line(load: Capacity) -> str:
    return (
        f"load: {load.peak_rate_per_s:g} jobs/s of {load.mean_length_s * 1000:.0f} ms on average, "
        f"and {OVERHEAD_S * 1000:.0f} ms allowed for claim and acknowledgement, fill "
        f"{load.utilisation:.0%} of the workers' total concurrency of {load.total_concurrency}"
    )


def _fault_lines(
    scenario: Scenario, preset: Preset, load: Capacity, bound_s: float | None
) -> list[str]:
    lines = []
    for fault in scenario.faults:
        row = row_of(fault)
        healing = f", {_healing(fault, row.healing)}" if row.healing else ""
        lines.append(f"fault: {row.describe(fault)} {_when(fault)}{healing}")
        if fault.empty_s and fault.HOLDS_UP and not (fault.when_held or fault.at_point):
            out = (
                1 if fault.at_s is None else scenario.workers.slots - _filled(scenario, fault.at_s)
            )
            catch_up_s = load.catch_up_s(fault.empty_s, out)
            backlog = load.backlog(fault.empty_s, out)
            lines.append(
                f"the outage leaves a backlog of about {backlog:.0f} jobs; catching up takes "
                + ("for ever at this load" if catch_up_s is None else f"about {catch_up_s:.0f} s")
            )
    if scenario.faults:
        lines.append(_rescue_line(scenario, preset, bound_s))
    return lines


def _rescue_line(scenario: Scenario, preset: Preset, bound_s: float | None) -> str:
    if preset.rescue is None or bound_s is None:
        return (
            f"rescue: never, under the preset {preset.name}; the drain watches for "
            f"{scenario.limits.confirm_s:g} s"
        )
    text = f"rescue: {preset.rescue.mechanism}; an orphan may wait up to {bound_s:.1f} s"
    if bound_s > scenario.limits.max_bound_s:
        text += (
            f", longer than the scenario waits (limits.max_bound_s = "
            f"{scenario.limits.max_bound_s:g}): such jobs will stay pending, the run unknown"
        )
    return text


def _when(fault: Fault) -> str:
    if fault.BY_JOBS:
        return "each when it runs"
    if fault.at_s is not None:
        return f"at T+{fault.at_s:g} s"
    if fault.repeat:
        return f"{fault.repeat} times, each after the last has settled"
    if fault.when is not None:
        wants = {"completed": fault.when.completed, "in flight": fault.when.in_flight}
        seen = " and ".join(f"{n} {what}" for what, n in wants.items() if n is not None)
        return f"as soon as {seen} are seen"
    if fault.at_point is not None:
        return _at_point(fault.at_point)
    return "as soon as every held job stands at its point"


def _at_point(point: AtPoint) -> str:
    if point.statement is not None:
        return f"{point.side} round trip {point.ordinal} of this name: {_short(point.statement)}"
    return "after the round trip that acknowledges"


def _short(statement: str) -> str:
    text = " ".join(statement.split())
    return text if len(text) <= _SQL_WIDTH else f"{text[:_SQL_WIDTH]} ..."


def _healing(fault: Fault, word: str) -> str:
    if fault.outage_s is None:
        return f"no {word}"
    return f"{word} {fault.outage_s:g} s later"

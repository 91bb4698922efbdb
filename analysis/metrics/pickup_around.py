"""How soon jobs were picked up before each fault, and after it: between the faults of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.evidence.fault_spans import FaultSpan
from analysis.history.columns import ABSENT
from analysis.metrics.latency import NEVER, Instants, Percentiles, by_group


@dataclass(frozen=True, slots=True)
class Around:
    """Of one fault: from the intended enqueue to the first start, milliseconds."""

    before: Percentiles
    """Of jobs that were intended before it, and after whatever was over before that."""
    after: Percentiles
    """Of jobs that were intended after it was over, and before whatever came next."""


def pickup_around(spans: Sequence[FaultSpan], times: Instants) -> dict[int, Around]:
    """By a fault's number. Faults that overlap have the same before and after; one that was never
    over has no job after it. `spans` are in the order of time."""
    if not spans:
        return {}
    outages, member = _outages(spans)
    group = np.full(len(times.intended), ABSENT, np.int64)
    quiet_from_ns = [0, *(over_ns for _, over_ns in outages)]
    quiet_to_ns = [*(begun_ns for begun_ns, _ in outages), NEVER]
    for place, (from_ns, to_ns) in enumerate(zip(quiet_from_ns, quiet_to_ns, strict=True)):
        if from_ns is not None:
            inside = (times.intended > from_ns) & (times.intended < to_ns)
            group[inside & times.counted] = place
    quiet = by_group(times.intended, times.started, group, len(outages) + 1)
    return {
        fault: Around(before=quiet[place], after=quiet[place + 1])
        for fault, place in member.items()
    }


def _outages(spans: Sequence[FaultSpan]) -> tuple[list[tuple[int, int | None]], dict[int, int]]:
    """Spans that overlap as one, None = never over; and by a fault's number which of them it is
    in."""
    outages: list[tuple[int, int | None]] = []
    member = {}
    for span in spans:
        over_ns = outages[-1][1] if outages else 0
        if outages and (over_ns is None or span.began_ns <= over_ns):
            ends = (over_ns, span.healed_ns)
            outages[-1] = outages[-1][0], None if None in ends else max(filter(None, ends))
        else:
            outages.append((span.began_ns, span.healed_ns))
        member[span.fault] = len(outages) - 1
    return outages, member

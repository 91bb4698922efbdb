"""What became of workers that a fault told to leave, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from analysis.faults_named import fault_named
from analysis.metrics.departures import DepartureFound, DepartureOutcome

_HOW: Mapping[DepartureOutcome, str] = {
    "drained": "had nothing open any more and left {s} later",
    "abandoned": "left {s} later, with {left_open} executions open",
    "died": "died {s} later, with {left_open} executions open",
    "killed": "had not left when its grace was over, and was killed {s} after it was told, with "
    "{left_open} executions open",
    "unknown": "was not seen to leave",
}


def departure_findings(departures: Sequence[DepartureFound]) -> Iterator[str]:
    """A sentence for each."""
    for one in departures:
        name = fault_named(one.what, one.fault).capitalize()
        lasted = "some time" if one.left_s is None else f"{one.left_s:.1f} s"
        how = _HOW[one.outcome].format(s=lasted, left_open=one.left_open)
        if one.told_ns is None:
            yield f"{name}: slot {one.slot} was not told to leave."
            continue
        yield (
            f"{name}: slot {one.slot} was told to leave with {one.open} executions "
            f"open, began {one.begun} more and completed {one.completed}; it {how}. While it was "
            f"at them, another worker took {one.taken} of its jobs."
        )

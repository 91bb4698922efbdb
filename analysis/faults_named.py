"""What a fault is called where people read of it.

A history counts its faults from 0 (`fault`, which the summary repeats); people count from 1.
"""

from __future__ import annotations

from collections.abc import Sequence

UNNUMBERED = "?"


def nth(fault: int | None) -> str:
    """The number of a fault as people count, given the history's: the first is 1.

    `UNNUMBERED` of a line that names no fault and should.
    """
    return UNNUMBERED if fault is None else f"{fault + 1:,}"


def fault_named(what: str, fault: int) -> str:
    """A fault by its sort, the scenario's word for it, and its number: ``pause 2``."""
    return f"{what.replace('_', ' ')} {nth(fault)}"


def kills_named(faults: Sequence[int]) -> str:
    """Several kills, ascending, given the history's numbers: two that follow each other are a
    list, more a range. Raises IndexError where there is none."""
    first, last = faults[0], faults[-1]
    if last - first == len(faults) - 1 > 1:
        return f"kills {nth(first)} to {nth(last)}"
    return f"kill{'s' if len(faults) > 1 else ''} {', '.join(map(nth, faults))}"

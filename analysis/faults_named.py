"""What a fault is called where people read of it.

A history counts its faults from 0 (`fault`, which the summary repeats); people count from 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

UNNUMBERED = "?"


def nth(fault: int | None) -> str:
    """The number of a fault as people count, given the history's: the first is 1.

    `UNNUMBERED` of a line that names no fault and should.
    """
    return UNNUMBERED if fault is None else f"{fault + 1:,}"


def fault_named(what: str, fault: int) -> str:
    """A fault by its sort, the scenario's word for it, and its number: ``pause 2``."""
    return f"{what.replace('_', ' ')} {nth(fault)}"


def faults_counted(sorts: Iterable[str]) -> str:
    """How many faults there were of each sort, given the scenario's word for each fault's: ``2 x
    kill, 1 pause``; empty where there was none."""
    of_sort = Counter(what.replace("_", " ") for what in sorts)
    return ", ".join(f"1 {word}" if n == 1 else f"{n:,} x {word}" for word, n in of_sort.items())


def kills_named(faults: Sequence[int]) -> str:
    """Several kills, ascending, given the history's numbers: two that follow each other are a
    list, more a range. Raises IndexError where there is none."""
    first, last = faults[0], faults[-1]
    if last - first == len(faults) - 1 > 1:
        return f"kills {nth(first)} to {nth(last)}"
    return f"kill{'s' if len(faults) > 1 else ''} {', '.join(map(nth, faults))}"

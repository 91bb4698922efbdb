"""What no history can hold: numbers that would only make the analysis run out of memory or bits.

A column as long as a run's seconds, or a list as long as its plan, is made from numbers in the
file. They are believed up to here; how true they are is for the checks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from analysis.history.columns import ABSENT, INCARNATION_BITS, MAX_SLOT, Ints
from orchestrator.history.records import RunEnd

LONGEST_RUN_S: Final = 30 * 24 * 3600
GREATEST: Final = {
    "t_ns": (1 << 63) - 1,
    "slot": MAX_SLOT,
    "incarnation": (1 << INCARNATION_BITS) - 1,
    "n": (1 << 31) - 1,
    "execution": (1 << 32) - 1,
    "delay_s": LONGEST_RUN_S,
}
"""By the name of a field that several kinds of line have: the greatest number in it."""
COUNTED: Final = frozenset({"t_ns", "slot", "incarnation", "execution"})
"""Of these, what is counted upwards from nought: keys are made of the last three, and the clock
begins with the machine. None is negative."""


def check_plan(end: RunEnd | None, size: int) -> None:
    """See that a file of `size` bytes can hold the jobs that were planned, each with a line.

    Raises OverflowError.
    """
    planned = {} if end is None else {"stream_jobs": end.stream_jobs, "held_jobs": end.held_jobs}
    for name, count in planned.items():
        if count > size:
            raise OverflowError(
                f"run_end speaks of {count:,} jobs ({name}), each with a line of its own; the file "
                f"has {size:,} bytes"
            )


def check_records(records: Iterable[Any]) -> None:
    """See that the numbers of rare lines fit. Raises OverflowError."""
    for record in records:
        for name, greatest in GREATEST.items():
            number = getattr(record, name, None)
            if number is not None and number > greatest:
                raise OverflowError(f"{name} is {number:,}, and no more than {greatest:,} fits")
            if number is not None and number < 0 and name in COUNTED:
                raise OverflowError(f"{name} is {number:,}, and nothing is counted below 0")


def check_instants(columns: Iterable[Ints]) -> None:
    """See that all instants, nanoseconds, lie within what a run can last, and none before 0.

    Raises OverflowError.
    """
    # Masked only where something is missing: a copy of a column of millions costs.
    filled = [column for column in columns if column.size]
    known = [c[c != ABSENT] if int(c.min()) == ABSENT else c for c in filled]
    ends = [(int(column.min()), int(column.max())) for column in known if column.size]
    if not ends:
        return
    if min(first for first, _ in ends) < 0:
        raise OverflowError("one of its instants lies before 0, where no clock begins")
    apart_s = (max(last for _, last in ends) - min(first for first, _ in ends)) // 1_000_000_000
    if apart_s > LONGEST_RUN_S:
        raise OverflowError(
            f"its instants lie up to {apart_s:,} s apart, and no run lasts {LONGEST_RUN_S:,} s"
        )

"""What a SIGKILL costs: nothing that had been written, and no line is torn."""

from __future__ import annotations

from tests.benchmarks.figure import Effort, Figure
from tests.benchmarks.kill_series import Found, kill_series

KILLS = {"full": 1000, "quick": 100}
CAUGHT_KILLS = 50


def measure(effort: Effort) -> list[Figure]:
    """Counts, not times; the last line is the check of the check."""
    found = kill_series(KILLS[effort])
    buffering = kill_series(CAUGHT_KILLS, "buffering")
    whole = found.killed_with_loss == found.killed_with_surplus == found.torn == 0
    caught = buffering.killed_with_loss > 0
    return [
        Figure(
            name=f"{found.kills:,} SIGKILLs of a talking child",
            measured=f"{found.killed_with_loss} lost, {found.torn} torn",
            limit="0 lost, 0 torn",
            standing="met" if whole else "MISSED",
            binding=True,
            detail=_told(found),
        ),
        Figure(
            name="the same with a buffering emitter",
            measured="caught" if caught else "not caught",
            limit="caught",
            standing="met" if caught else "MISSED",
            binding=True,
            detail=f"{buffering.killed_with_loss} of {buffering.kills} children lost events",
        ),
    ]


def _told(found: Found) -> str:
    return (
        f"{found.received:,} events received; {found.killed_with_surplus} children with more than "
        "one event beyond those that they had counted"
    )

"""What counts as a normal backlog: one formula for whoever waits for it and for whoever judges it.

Imports nothing, so that the analysis may import it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_BEFORE_NS: Final = 30_000_000_000

SAMPLES_IN_BAND: Final = 5
"""The backlog is back when so many samples running lie in the band."""

Sample = tuple[int, int]
"""(t_ns, rows that wait for a worker)"""


def backlog_band(samples: Iterable[Sample], kill_ns: int, arrivals_per_s: float) -> float:
    """The greatest backlog that counts as normal, rows (METHODOLOGY, A crash, measured).

    The larger of the 1 Hz backlog's p95 (nearest rank) over at most 30 s before the kill and one
    second's arrivals. A sample at the instant of the kill may have seen it and does not count.
    """
    before = sorted(rows for t_ns, rows in samples if kill_ns - _BEFORE_NS <= t_ns < kill_ns)
    p95 = before[-(-95 * len(before) // 100) - 1] if before else 0
    return max(float(p95), float(arrivals_per_s))

"""Whether the machine itself stalled while something was timed."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.history import ResourceSample

SECOND_NS = 1_000_000_000
MAX_HICCUP_US = 500_000
MAX_SHARE_OVER_50_MS = 1 / 1000
"""p99.9 of the sleeper's lateness above 50 ms means: more than one tick in a thousand."""
MAX_LATENESS_US = 50_000
"""A producer that woke later than this marks the latencies."""


@dataclass(frozen=True, slots=True)
class HiccupMeter:
    """The hiccup samples of a run; the sample at t covers the second before t."""

    samples: list[ResourceSample]

    def tripped(self, from_ns: int | None, to_ns: int | None) -> bool | None:
        """Whether the machine stalled between two instants.

        That is: p99.9 of the sleeper's lateness over the window above 50 ms, or one hiccup above
        500 ms (DESIGN, What voids what). None = no sample covers the window.
        """
        if from_ns is None or to_ns is None:
            return None
        window = [s for s in self.samples if s.t_ns > from_ns and s.t_ns - SECOND_NS < to_ns]
        if not window:
            return None
        ticks = sum(sample.ticks or 0 for sample in window)
        over = sum(sample.ticks_over_50_ms or 0 for sample in window)
        worst_us = max(sample.max_us or 0 for sample in window)
        return worst_us > MAX_HICCUP_US or over > ticks * MAX_SHARE_OVER_50_MS

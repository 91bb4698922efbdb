"""Whether the machine, or the parent, stalled while something was timed."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.history.history import Records
from orchestrator.history.records import ResourceSample, RunEnd
from worker_child.protocol import Note

SECOND_NS = 1_000_000_000
STALLS = frozenset({"parent_stalled", "provider_stalled"})
"""Notes of the parent that say that a process of ours did not get its turn."""
MAX_HICCUP_US = 500_000
MAX_SHARE_OVER_50_MS = 1 / 1000
"""p99.9 of the sleeper's lateness above 50 ms means: more than one tick in a thousand."""
MAX_LATENESS_US = 50_000
"""A producer that woke later than this marks the latencies."""
LOAD_UNSAMPLED = "no hiccup sample covers the load"
"""Why nobody knows whether the machine stalled while the load was on."""


@dataclass(frozen=True, slots=True)
class HiccupMeter:
    """The hiccup samples of a run; the sample at t covers the second before t."""

    samples: list[ResourceSample]
    stalls: list[tuple[int, int]] = field(default_factory=list)
    """From when until when the parent or the provider did not get its turn, nanoseconds."""

    def limited(self, end: RunEnd | None, from_ns: int | None, to_ns: int | None) -> bool | None:
        """Whether the machine stalled between two instants, or the producer woke late at any.

        None = no sample covers the window.
        """
        if end is not None and (end.max_lateness_us or 0) > MAX_LATENESS_US:
            return True
        return self.tripped(from_ns, to_ns)

    def tripped(self, from_ns: int | None, to_ns: int | None) -> bool | None:
        """Whether the machine stalled between two instants.

        That is: p99.9 of the sleeper's lateness over the window above 50 ms, or one hiccup above
        500 ms (METHODOLOGY, What voids what), or the parent stalled. None = no sample covers the
        window.
        """
        if from_ns is None or to_ns is None:
            return None
        if any(begin <= to_ns and end >= from_ns for begin, end in self.stalls):
            return True
        window = [s for s in self.samples if s.t_ns > from_ns and s.t_ns - SECOND_NS < to_ns]
        if not window:
            return None
        ticks = sum(sample.ticks or 0 for sample in window)
        over = sum(sample.ticks_over_50_ms or 0 for sample in window)
        worst_us = max(sample.max_us or 0 for sample in window)
        return worst_us > MAX_HICCUP_US or over > ticks * MAX_SHARE_OVER_50_MS


def hiccup_meter(records: Records) -> HiccupMeter:
    """All that a history tells of stalls: the meter's samples, and the parent's own notes."""
    samples = [s for s in records.of(ResourceSample) if s.subject == "hiccup"]
    stalls = [
        (note.t_ns - round(note.detail.get("stalled_s", 0.0) * SECOND_NS), note.t_ns)
        for note in records.of(Note)
        if note.code in STALLS and note.n is None
    ]
    return HiccupMeter(samples, stalls)

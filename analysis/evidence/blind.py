"""Stretches in which a fault kept the server away, and nobody saw the queue."""

from __future__ import annotations

from analysis.history.history import History
from worker_child.protocol import Note


def blind_spans(history: History) -> list[tuple[int, int]]:
    """From when to when each lasted, CLOCK_MONOTONIC nanoseconds. A note that lacks either, or has
    another thing there, tells of none."""
    return [
        (from_ns, to_ns)
        for note in history.records.of(Note)
        if note.code == "blind" and note.n is None
        for from_ns, to_ns in [(note.detail.get("from_ns"), note.detail.get("to_ns"))]
        if isinstance(from_ns, int) and isinstance(to_ns, int)
    ]

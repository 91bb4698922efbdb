"""Three instants of each job, and the two figures by which bare and harness are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Stamp(NamedTuple):
    """One job's instants on the monotonic clock, nanoseconds."""

    intended_ns: int
    started_ns: int
    """The handler was entered, its payload decoded."""
    completed_ns: int
    """The effect was committed."""


def throughput_per_s(stamps: Sequence[Stamp]) -> float:
    """Completed jobs a second between the first and the last tenth: start and end are slower."""
    completed = sorted(stamp.completed_ns for stamp in stamps)
    first = len(completed) // 10
    last = len(completed) - 1 - first
    return (last - first) * 1e9 / (completed[last] - completed[first])


def pickup_p99_ms(stamps: Sequence[Stamp], warmup_s: float) -> float:
    """Of started - intended, over the jobs intended after the warm-up; milliseconds."""
    warm_ns = min(stamp.intended_ns for stamp in stamps) + round(warmup_s * 1e9)
    pickups = [s.started_ns - s.intended_ns for s in stamps if s.intended_ns >= warm_ns]
    return p99(pickups) / 1e6


def p99(values: Sequence[int]) -> int:
    """By nearest rank, counted in integers."""
    assert values, "nothing was measured"
    return sorted(values)[-(-len(values) * 99 // 100) - 1]


class _Fields(msgspec.Struct):
    t_ns: int
    job_id: str = ""
    intended_ns: int = 0


class _Line(msgspec.Struct):
    kind: str
    fields: _Fields


def stamps_of(history: bytes) -> list[Stamp]:
    """One stamp a job, the first of each kind; raises KeyError where a job was not completed."""
    intended: dict[str, int] = {}
    started: dict[str, int] = {}
    completed: dict[str, int] = {}
    column = {"job_enqueued": intended, "job_started": started, "job_completed": completed}
    for line in msgspec.json.Decoder(_Line).decode_lines(history):
        if line.kind in column:
            t_ns = line.fields.intended_ns if line.kind == "job_enqueued" else line.fields.t_ns
            column[line.kind].setdefault(line.fields.job_id, t_ns)
    return [
        Stamp(intended_ns, started[job_id], completed[job_id])
        for job_id, intended_ns in intended.items()
    ]

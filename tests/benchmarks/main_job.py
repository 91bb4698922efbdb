"""The main job's wall clock beyond the scenario's own timeline.

That is everything a user waits for but the load itself and the drain: interpreter, server, workers,
stop, audit, analysis. Taken from the short scenario's run and the phases in its history.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.evidence.hiccups import HiccupMeter
from analysis.history.history import History
from analysis.history.load import load
from orchestrator.history.records import ResourceSample
from tests.benchmarks.figure import Effort, Figure, absolute_time
from tests.benchmarks.one_run import one_run
from worker_child.protocol import Note

LIMIT_S = 5.0
SCENARIO = "crash_recovery_short"


def measure(effort: Effort) -> list[Figure]:
    """Seconds; one run, whatever the effort."""
    del effort
    with TemporaryDirectory() as folder:
        begun_ns = time.monotonic_ns()
        path = one_run(SCENARIO, Path(folder))
        wall_s = (time.monotonic_ns() - begun_ns) / 1e9
        history = load(path)
    timeline_s = history.start.scenario.workload.duration_s
    drain_s = (phase_ns(history, "stop") - phase_ns(history, "drain")) / 1e9
    beyond_s = wall_s - timeline_s - drain_s
    return [
        absolute_time(
            "main job beyond its timeline",
            f"{beyond_s:.2f} s",
            f"<= {LIMIT_S:g} s",
            kept=beyond_s <= LIMIT_S,
            tripped=_tripped(history),
            detail=f"{wall_s:.2f} s in all, less {timeline_s:g} s load and {drain_s:.2f} s drain",
        )
    ]


def phase_ns(history: History, phase: str) -> int:
    """When a phase of a finished run began."""
    begun = [
        note.t_ns
        for note in history.records.of(Note)
        if note.code == "phase" and note.detail.get("phase") == phase
    ]
    assert len(begun) == 1, f"phase {phase} begins {len(begun)} times in {history.run_id}"
    return begun[0]


def _tripped(history: History) -> bool:
    """By the run's own hiccup meter."""
    assert history.end is not None, "a finished run has a run_end"
    samples = [s for s in history.records.of(ResourceSample) if s.subject == "hiccup"]
    tripped = HiccupMeter(samples).tripped(history.start.t_ns, history.end.t_ns)
    assert tripped is not None, "the run has no hiccup samples"
    return tripped

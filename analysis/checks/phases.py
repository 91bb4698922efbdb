"""The phases of a run, which the parent notes, against what happened in each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.history.history import FIRST_PHASE, History
from orchestrator.history.records import ChildExited, ChildSpawned, FaultEnded
from worker_child.protocol import ChildReady, Note

HOLD = "hold"
ORDER = (FIRST_PHASE, "load", HOLD, "drain", "stop", "audit")
"""Each is entered once; `hold` only where jobs are held."""


def _phases(history: History) -> dict[str, int]:
    """By a phase: when it was entered; empty = the run was cut."""
    end = history.end
    if end is None or end.ended != "completed":
        return {}
    return {str(note.detail.get("phase")): note.t_ns for note in _notes(history)}


def _notes(history: History) -> list[Note]:
    return [note for note in history.records.of(Note) if note.code == "phase" and note.n is None]


def _in_order(history: History) -> Iterator[str]:
    if history.end is None or history.end.ended != "completed":
        return
    planned = [phase for phase in ORDER if phase != HOLD or history.end.held_jobs]
    found = [str(note.detail.get("phase")) for note in _notes(history)]
    if found != planned:
        yield (
            f"A completed run enters {', '.join(planned)}, in this order; its notes say "
            f"{', '.join(found)}."
        )
    elif any(note.detail.keys() != {"phase"} for note in _notes(history)):
        yield "A note of a phase tells of something else."


def _within(history: History) -> Iterator[str]:
    """What can only happen before or after a phase is entered."""
    entered, records = _phases(history), history.records
    end, start = history.end, history.start
    if not entered.keys() >= {*ORDER} - {HOLD} or end is None:
        return
    spawned, left = records.of(ChildSpawned), records.of(ChildExited)
    first = [
        ready.t_ns
        for ready in records.of(ChildReady)
        if ready.incarnation == 0 and not start.scenario.workload.waves
    ]
    asked = ("stopped", "stop_ignored")
    stopped = [one.t_ns for one in left if one.reason in asked and one.fault is None]
    after_stream = entered.get(HOLD, entered["drain"])
    pairs = (
        ([start.t_ns], [entered["setup"]], "A phase was entered before run_start"),
        ([entered["setup"]], [s.t_ns for s in spawned], "A worker was spawned before the setup"),
        ([s.t_ns for s in spawned], [entered["stop"]], "A worker was spawned after the stop"),
        (first, [entered["load"]], "The load began before every worker was ready"),
        ([end.cut_ns], [after_stream], "The stream of jobs ended after its phase"),
        (
            [seen.t_ns for seen in records.of(FaultEnded)],
            [entered["drain"]],
            "A fault's certificate was closed after the drain had begun",
        ),
        ([entered["stop"]], stopped, "A worker stopped before it was asked to"),
        ([one.t_ns for one in left], [entered["audit"]], "A worker left after the audit had begun"),
        (
            [entered["audit"]],
            [closing.t_ns for closing in history.closings],
            "The final read was taken before the audit",
        ),
    )
    for earlier, later, what in pairs:
        known = [instant for instant in earlier if instant is not None]
        if known and later and max(known) > min(later):
            yield f"{what}."


def _first_workers(history: History) -> Iterator[str]:
    """The slots are filled one after the other."""
    first = [line for line in history.records.of(ChildSpawned) if line.incarnation == 0]
    slots = [line.slot for line in first]
    if slots != sorted(slots):
        yield "The first workers were not spawned in the order of their slots."


def _all_ready(history: History) -> Iterator[str]:
    """The load begins when the first worker of each slot is ready, and each has said so.

    Waves may go out before any worker is there, and may kill one while it starts.
    """
    if "load" not in _phases(history) or history.start.scenario.workload.waves:
        return
    ready = {line.slot for line in history.records.of(ChildReady) if line.incarnation == 0}
    silent = sorted({*range(history.start.scenario.workers.slots)} - ready)
    if silent:
        yield f"The load began although slot {silent[0]} had never been ready."


def _producer(history: History) -> Iterator[str]:
    if _phases(history) and history.end is not None and history.end.cut_ns is None:
        yield "run_end calls the run completed and does not say when its stream of jobs ended."
    if _phases(history) and history.end is not None and history.end.max_lateness_us is None:
        yield "run_end calls the run completed and does not say how late its producer was."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _in_order,
    _within,
    _first_workers,
    _all_ready,
    _producer,
)

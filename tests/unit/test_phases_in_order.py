"""The phases of a run, against what can only happen before or after one of them is entered."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.checks.phases import CHECKS
from orchestrator.history.records import (
    ChildExited,
    ChildSpawned,
    FaultEnded,
    ReasonOfEnd,
    RowRead,
    RunEnd,
)
from orchestrator.history.targets import WorkerTarget
from tests.unit.stand_in_history import stand_in
from worker_child.protocol import ChildReady, Note

ENTERED = {"setup": 100, "load": 200, "drain": 300, "stop": 400, "audit": 500}
"""A run without held jobs."""
HELD = {"setup": 100, "load": 200, "hold": 250, "drain": 300, "stop": 400, "audit": 500}


def end(**changed: Any) -> RunEnd:
    plain: dict[str, Any] = {
        "t_ns": 600,
        "ended": "completed",
        "drain": "agreed",
        "stream_jobs": 1,
        "held_jobs": 0,
        "cut_ns": 290,
        "max_lateness_us": 3,
    }
    return RunEnd(**(plain | changed))


def phases(entered: dict[str, int]) -> list[Note]:
    return [Note(t_ns, "phase", detail={"phase": phase}) for phase, t_ns in entered.items()]


def spawned(t_ns: int, slot: int = 0, incarnation: int = 0) -> ChildSpawned:
    return ChildSpawned(t_ns, slot, incarnation, 7, "worker", "")


def ready(t_ns: int, slot: int = 0, incarnation: int = 0) -> ChildReady:
    return ChildReady(t_ns, 0, slot, incarnation, 7, "")


def left(t_ns: int, reason: ReasonOfEnd = "stopped", slot: int = 0) -> ChildExited:
    return ChildExited(t_ns, slot, 0, 7, reason)


def closed(t_ns: int) -> FaultEnded:
    return FaultEnded(t_ns, 0, "kill", WorkerTarget(0, 0, 7), {})


def said(
    *lines: Any,
    entered: dict[str, int] | None = None,
    ended: RunEnd | None = None,
    unfinished: bool = False,
    waves: bool = False,
    slots: int = 1,
    final_ns: int = 550,
) -> list[str]:
    """What the checks say of a run with these lines beside those of its phases."""
    scenario = SimpleNamespace(
        workload=SimpleNamespace(waves=waves), workers=SimpleNamespace(slots=slots)
    )
    history = stand_in(
        *phases(ENTERED if entered is None else entered),
        *lines,
        start=SimpleNamespace(t_ns=50, scenario=scenario),
        end=None if unfinished else ended or end(),
        closings=[RowRead(final_ns, "final", lines=0)],
    )
    return [sentence for check in CHECKS for sentence in check(history)]


def test_a_run_that_goes_through_its_phases_says_nothing() -> None:
    assert said(spawned(110), ready(150), left(450)) == []
    assert said(ready(150), entered=HELD, ended=end(held_jobs=1, cut_ns=250)) == []


BOUNDARIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "A worker was spawned before the setup": (lambda ns: spawned(ns), {"wrong": 99, "right": 100}),
    "A worker was spawned after the stop": (lambda ns: spawned(ns), {"wrong": 401, "right": 400}),
    "The load began before every worker was ready": (
        lambda ns: ready(ns),
        {"wrong": 201, "right": 200},
    ),
    "A fault's certificate was closed after the drain had begun": (
        lambda ns: closed(ns),
        {"wrong": 301, "right": 300},
    ),
    "A worker stopped before it was asked to": (lambda ns: left(ns), {"wrong": 399, "right": 400}),
    "A worker left after the audit had begun": (
        lambda ns: left(ns, "killed"),
        {"wrong": 501, "right": 500},
    ),
}
"""By its sentence: a line, and its instants on the right side of a phase and 1 ns beyond."""


@pytest.mark.parametrize("sentence", BOUNDARIES)
def test_a_line_on_the_wrong_side_of_a_phase_is_told_in_a_run_without_held_jobs(
    sentence: str,
) -> None:
    line, at_ns = BOUNDARIES[sentence]
    others = [] if "ready" in sentence else [ready(150)]

    assert said(line(at_ns["right"]), *others) == []
    assert said(line(at_ns["wrong"]), *others) == [f"{sentence}."]


def test_nobody_ignores_a_stop_before_it_was_asked_for() -> None:
    assert said(ready(150), left(400, "stop_ignored")) == []
    too_early = ["A worker stopped before it was asked to."]
    assert said(ready(150), left(399, "stop_ignored")) == too_early


def test_who_died_by_itself_or_was_told_to_leave_alone_left_before_anybody_was_asked_to_stop() -> (
    None
):
    told_alone = ChildExited(350, 0, 0, 7, "stopped", fault=0)
    assert said(ready(150), left(350, "died"), told_alone) == []


def test_the_final_read_comes_after_the_audit_and_the_phases_after_run_start() -> None:
    assert said(ready(150), final_ns=500) == []
    assert said(ready(150), final_ns=499) == ["The final read was taken before the audit."]
    early = {**ENTERED, "setup": 49}
    assert said(ready(150), entered=early) == ["A phase was entered before run_start."]
    assert said(ready(150), entered={**ENTERED, "setup": 50}) == []


def test_the_stream_ends_before_jobs_are_held_and_else_before_the_drain() -> None:
    too_late = ["The stream of jobs ended after its phase."]

    assert said(ready(150), ended=end(cut_ns=300)) == []
    assert said(ready(150), ended=end(cut_ns=301)) == too_late
    assert said(ready(150), entered=HELD, ended=end(held_jobs=1, cut_ns=250)) == []
    assert said(ready(150), entered=HELD, ended=end(held_jobs=1, cut_ns=251)) == too_late


def test_only_the_first_worker_of_a_slot_must_be_ready_before_the_load() -> None:
    assert said(ready(150), ready(350, incarnation=1)) == []


def test_waves_may_go_out_before_any_worker_is_ready() -> None:
    assert said(ready(201), waves=True) == []
    assert said(waves=True) == []


def test_the_first_slot_that_was_never_ready_is_named() -> None:
    silent = "The load began although slot 1 had never been ready."
    assert said(ready(150), ready(150, slot=2), slots=3) == [silent]
    assert said(ready(150), ready(160, slot=1, incarnation=1), slots=2) == [silent]
    assert said(ready(150), ready(150, slot=2), slots=5) == [silent], "of several the first"


def test_the_first_workers_are_spawned_in_the_order_of_their_slots() -> None:
    out_of_turn = "The first workers were not spawned in the order of their slots."
    both = ready(150), ready(150, slot=1)

    assert said(spawned(110, 1), spawned(111, 0), *both, slots=2) == [out_of_turn]
    assert said(spawned(110, 0), spawned(111, 1), spawned(250, 0, 1), *both, slots=2) == []


def test_a_completed_run_enters_each_phase_once_and_in_order() -> None:
    def says(entered: dict[str, int], **changed: Any) -> Iterator[str]:
        return (s for s in said(ready(150), entered=entered, ended=end(**changed)) if "enters" in s)

    swapped = dict(sorted({**ENTERED, "load": 350}.items(), key=lambda phase: phase[1]))
    without_audit = {phase: t_ns for phase, t_ns in ENTERED.items() if phase != "audit"}
    in_order = "A completed run enters setup, load, drain, stop, audit, in this order; its notes "

    assert list(says(swapped)) == [f"{in_order}say setup, drain, load, stop, audit."]
    assert list(says(without_audit)) == [f"{in_order}say setup, load, drain, stop."]
    assert list(says(HELD)) == [f"{in_order}say setup, load, hold, drain, stop, audit."]
    assert len(list(says(ENTERED, held_jobs=1))) == 1


def test_a_run_that_was_cut_is_held_against_no_order_and_no_phase() -> None:
    cut = {"setup": 100, "load": 200, "stop": 210}
    late = left(90), spawned(700)

    assert said(*late, entered=cut, ended=end(ended="interrupted", cut_ns=None)) == []
    assert said(*late, entered=cut, ended=end(ended="failed", max_lateness_us=None)) == []
    assert said(*late, entered=cut, unfinished=True) == []


def test_only_the_parents_notes_of_phases_are_phases() -> None:
    others = [
        Note(250, "pipe_held", "somebody holds it"),
        Note(250, "phase", detail={"phase": "storm"}, n=3, slot=0, incarnation=0),
        Note(250, "chatter", n=4, slot=0, incarnation=0),
    ]
    assert said(ready(150), *others) == []


def test_a_note_of_a_phase_that_says_more_is_told() -> None:
    more = Note(200, "phase", detail={"phase": "load", "jobs": 3})
    without_load = {phase: t_ns for phase, t_ns in ENTERED.items() if phase != "load"}
    first, *others = phases(without_load)

    found = said(first, more, *others, ready(150), entered={})
    assert found == ["A note of a phase tells of something else."]


def test_a_completed_run_says_when_its_stream_ended_and_how_late_its_producer_was() -> None:
    assert said(ready(150), ended=end(cut_ns=None)) == [
        "run_end calls the run completed and does not say when its stream of jobs ended."
    ]
    assert said(ready(150), ended=end(max_lateness_us=None)) == [
        "run_end calls the run completed and does not say how late its producer was."
    ]

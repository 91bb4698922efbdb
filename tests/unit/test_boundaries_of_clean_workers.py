"""Workers that stopped when asked: what they left open, and whom that voids."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.checks.clean_workers import CHECKS
from analysis.history.columns import pack_one
from orchestrator.history.records import ChildExited, ReasonOfEnd
from tests.unit.stand_in_history import stand_in
from worker_child.protocol import JobDiscarded, JobDying, JobRetried

Execution = tuple[int, int, int]
"""Slot, incarnation, number."""
A, B, C = (0, 0, 1), (0, 0, 2), (0, 0, 3)
OPEN = "{} stopped cleanly after a drain that agreed, and an execution is still open: {}."
SILENT = "{} stopped cleanly, and an effect of it has no event: {}."
WORKER = "Slot {} incarnation {}"


def left(
    slot: int = 0, incarnation: int = 0, reason: ReasonOfEnd = "stopped", fault: int | None = None
) -> ChildExited:
    return ChildExited(900, slot, incarnation, 7, reason, fault=fault)


def said(
    *lines: Any,
    begun: Sequence[Execution],
    completed: Sequence[Execution] = (),
    failed: Sequence[Execution] = (),
    effects: Sequence[Execution] = (),
    drain: str = "agreed",
) -> list[str]:
    """What the check says of these executions, the nth of which to begin is that of job n."""

    def table(executions: Sequence[Execution]) -> Any:
        keys = np.array([pack_one(*one) for one in executions], np.int64)
        return SimpleNamespace(key=keys, job=np.arange(len(keys)))

    history = stand_in(
        *lines,
        end=SimpleNamespace(drain=drain),
        starts=table(begun),
        completions=table(completed),
        failures=table(failed),
        effects=table(effects),
        jobs=SimpleNamespace(name=lambda number: f"j{number}"),
    )
    return [sentence for check in CHECKS for sentence in check(history)]


def test_who_ended_all_that_it_began_says_nothing() -> None:
    assert said(left(), begun=[A, B], completed=[A], failed=[B]) == []
    assert said(left(), begun=[A, B], failed=[A, B]) == []
    assert said(left(), begun=[A], completed=[A], effects=[A]) == []
    assert said(left(), begun=[]) == []


def test_what_is_still_open_is_named() -> None:
    found = said(left(), begun=[A, B, C], completed=[A], failed=[C])
    assert found == [OPEN.format(WORKER.format(0, 0), "j1")]


@pytest.mark.parametrize("ends", [{"completed": [A], "failed": [A]}, {"failed": [A]}])
def test_an_execution_with_one_end_or_two_hides_none_that_is_open(ends: Any) -> None:
    """One that failed and was completed all the same ended once."""
    found = said(left(), begun=[A, B], **ends)
    assert found == [OPEN.format(WORKER.format(0, 0), "j1")]


@pytest.mark.parametrize("drain", ["the queue was not empty", "timed out"])
def test_after_a_drain_that_did_not_agree_work_may_be_open_and_no_effect_may_be_silent(
    drain: str,
) -> None:
    silent = SILENT.format(WORKER.format(0, 0), "j0")

    assert said(left(), begun=[A, B], completed=[B], drain=drain) == []
    assert said(left(), begun=[A, B], completed=[B], effects=[A], drain=drain) == [silent]


def test_an_open_execution_with_an_effect_and_one_without_are_told_apart() -> None:
    assert said(left(), begun=[A, B, C], completed=[C], effects=[B, C]) == [
        SILENT.format(WORKER.format(0, 0), "j1"),
        OPEN.format(WORKER.format(0, 0), "j0"),
    ]


@pytest.mark.parametrize(
    ("exits", "named"),
    [
        ([left(0), left(1, 2)], [WORKER.format(0, 0), WORKER.format(1, 2)]),
        ([left(1, 2), left(0)], [WORKER.format(0, 0), WORKER.format(1, 2)]),
        ([left(0, reason="killed", fault=0), left(1, 2)], [WORKER.format(1, 2)]),
        ([left(0), left(1, 2, fault=0)], [WORKER.format(0, 0)]),
        ([left(0, reason="died"), left(1, 2, reason="stop_ignored")], []),
        ([left(0), left(1, 2), left(5, 1)], [WORKER.format(0, 0), WORKER.format(1, 2)]),
    ],
)
def test_only_workers_that_stopped_with_all_others_are_asked_and_each_for_itself(
    exits: list[ChildExited], named: list[str]
) -> None:
    """Each of two workers has one execution that is done, and one that is open; a third none."""
    found = said(*exits, begun=[A, B, (1, 2, 1), (1, 2, 2)], completed=[B, (1, 2, 1)])
    assert [one.partition(" stopped")[0] for one in found] == named


def told(kind: type[Any], **changed: Any) -> Any:
    """A line of the library about what became of execution A."""
    fields = {"t_ns": 5, "job_id": "j0", "slot": 0, "incarnation": 0, "execution": 1}
    return kind(**(fields | {"observed_by": "hook"} | changed))


@pytest.mark.parametrize("kind", [JobDiscarded, JobRetried])
def test_what_the_library_ended_is_not_open(kind: type[Any]) -> None:
    assert said(left(), told(kind), begun=[A]) == []
    assert len(said(left(), told(kind, execution=2), begun=[A])) == 1


@pytest.mark.parametrize("lacking", ["slot", "incarnation", "execution"])
def test_a_line_of_the_library_that_names_no_execution_ends_none(lacking: str) -> None:
    assert len(said(left(), told(JobRetried, **{lacking: None}), begun=[A])) == 1


def test_a_job_that_waits_to_kill_its_worker_is_not_open() -> None:
    dying = JobDying(5, 2, 0, 0, "j0", 1)
    assert said(left(), dying, begun=[A]) == []
    assert len(said(left(), dying, begun=[A, B])) == 1

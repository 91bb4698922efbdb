"""Duplicate executions: jobs with two or more job_completed, and what caused each.

The three causes exclude one another: ``re_enqueued`` (the completions are of several rows of the
inbox), ``by_crash`` (a death found the job in flight and it was completed again elsewhere
afterwards), ``live`` (the library ran a healthy job twice).
"""

from __future__ import annotations

from typing import Literal

from analysis.deaths import Death
from analysis.executions import Evidence, Execution
from analysis.incarnations import Incarnation

Cause = Literal["by_crash", "re_enqueued", "live"]
CAUSES: tuple[Cause, ...] = ("by_crash", "re_enqueued", "live")


def duplicate_cause(
    evidence: Evidence, deaths: list[Death]
) -> tuple[Cause, Incarnation | None] | None:
    """Why a job has two or more job_completed, and the death it belongs to; None = it has not.

    `deaths` are all deaths of the run in the order of time.
    """
    if evidence.completed_lines < 2:
        return None
    completed = [e for e in evidence.executions if e.completed_ns is not None]
    if len({execution.inbox for execution in completed} - {None}) > 1:
        return "re_enqueued", None
    found_by = {(found.victim.slot, found.victim.number) for found in evidence.found}
    for death in deaths:
        victim = death.victim
        if (victim.slot, victim.number) in found_by:
            if any(_after(execution, victim, execution.completed_ns) for execution in completed):
                return "by_crash", victim
        elif death.claims_unknown is not None and _run_again(evidence, completed, victim):
            return "by_crash", victim
    return "live", None


def _after(execution: Execution, victim: Incarnation, at_ns: int | None) -> bool:
    elsewhere = (execution.slot, execution.incarnation) != (victim.slot, victim.number)
    return elsewhere and at_ns is not None and at_ns > victim.died_ns


def _run_again(evidence: Evidence, completed: list[Execution], victim: Incarnation) -> bool:
    """Where nobody knows whether the victim still held the row of a job that it had completed:
    it did, when the job was started anew only after the death and had not been acknowledged."""
    place = (victim.slot, victim.number)
    if any(row.picked_after_done for row in evidence.rows):
        return False
    if not any((e.slot, e.incarnation) == place for e in completed):
        return False
    others = [e for e in completed if (e.slot, e.incarnation) != place]
    return bool(others) and all(_after(e, victim, e.started_ns) for e in others)

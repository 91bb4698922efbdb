"""Duplicate executions: jobs with two or more job_completed, and what caused each.

The three causes exclude one another: ``re_enqueued`` (the completions are of several rows of the
inbox), ``by_crash`` (an incarnation that had completed the job died while it still held it, and
it was completed again elsewhere afterwards), ``live`` (any other: the library ran a healthy job
twice). An execution that a death merely cut short has no second completion to answer for: the
next one was due.
"""

from __future__ import annotations

from typing import Literal

from analysis.evidence.deaths import Death
from analysis.evidence.executions import Evidence, Execution
from analysis.evidence.incarnations import Incarnation

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
    for death in deaths:
        others = [e for e in completed if not _is_by(e, death.victim)]
        if len(others) < len(completed) and _brought_about(others, death, evidence):
            return "by_crash", death.victim
    return "live", None


def _is_by(execution: Execution, worker: Incarnation) -> bool:
    return (execution.slot, execution.incarnation) == (worker.slot, worker.number)


def _brought_about(others: list[Execution], death: Death, evidence: Evidence) -> bool:
    """Whether `others` completed the job because of the death of one who had completed it.

    Where nobody knows whether the victim still held the row: it did, when the job was started
    anew only after the death and had not been acknowledged.
    """
    victim = death.victim
    if any(found.victim.key == victim.key for found in evidence.found):
        return any(_after(victim, execution.completed_ns) for execution in others)
    if death.claims_unknown is None or any(row.picked_after_done for row in evidence.rows):
        return False
    return bool(others) and all(_after(victim, execution.started_ns) for execution in others)


def _after(victim: Incarnation, at_ns: int | None) -> bool:
    return at_ns is not None and at_ns > victim.died_ns

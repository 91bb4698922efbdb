"""What duplicated a job: one cause for each that the ledger calls duplicated.

The three causes exclude one another: ``re_enqueued`` (it was done from several rows of the inbox,
and its coordinator had enqueued it again), ``by_crash`` (an incarnation that had done the job died
while it still held it, and it was done again elsewhere afterwards), ``live`` (any other: the
library ran a healthy job twice). Done = completed, or with its effect committed, as in the ledger.
An execution that a death merely cut short is not done: the next one was due.
"""

from __future__ import annotations

from typing import Literal

from analysis.evidence.deaths import Death
from analysis.evidence.executions import Evidence, Execution
from analysis.evidence.incarnations import Incarnation

Cause = Literal["by_crash", "re_enqueued", "live"]
CAUSES: tuple[Cause, ...] = ("by_crash", "re_enqueued", "live")


def duplicate_cause(evidence: Evidence, deaths: list[Death]) -> tuple[Cause, Incarnation | None]:
    """Why a job was done twice or more, and the death that it belongs to.

    `deaths` are all deaths of the run in the order of time.
    """
    done = evidence.done
    if evidence.rows_done > 1 and evidence.enqueued_again:
        return "re_enqueued", None
    for death in deaths:
        others = [e for e in done if not _is_by(e, death.victim)]
        if len(others) < len(done) and _brought_about(others, death, evidence):
            return "by_crash", death.victim
    return "live", None


def _is_by(execution: Execution, worker: Incarnation) -> bool:
    return (execution.slot, execution.incarnation) == (worker.slot, worker.number)


def _brought_about(others: list[Execution], death: Death, evidence: Evidence) -> bool:
    """Whether `others` did the job because of the death of one who had done it.

    Where nobody knows whether the victim still held the row: it did, when the job was started
    anew only after the death and had not been acknowledged.
    """
    victim = death.victim
    if any(found.victim.key == victim.key for found in evidence.found):
        return any(_after(victim, _done_ns(execution)) for execution in others)
    if death.claims_unknown is None or any(row.picked_after_done for row in evidence.rows):
        return False
    return bool(others) and all(_after(victim, execution.started_ns) for execution in others)


def _done_ns(execution: Execution) -> int | None:
    """When it was done; an effect without its event has no instant but the start before it."""
    if execution.completed_ns is not None:
        return execution.completed_ns
    return execution.started_ns


def _after(victim: Incarnation, at_ns: int | None) -> bool:
    return at_ns is not None and at_ns > victim.died_ns

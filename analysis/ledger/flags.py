"""Flags: what else is worth knowing of a job, beside its one verdict."""

from __future__ import annotations

from collections.abc import Callable

from analysis.evidence.executions import Evidence, Execution
from analysis.ledger.ledger import (
    Judgement,
    Rules,
    any_overlap,
    held_by_dead,
)


def flags(evidence: Evidence, judgement: Judgement, rules: Rules) -> list[str]:
    """The names of all flags that hold, in the order of `FLAGS`."""
    return [name for name, holds in FLAGS.items() if holds(evidence, judgement, rules)]


def redelivered(evidence: Evidence) -> bool:
    """Whether it was started while an earlier execution had no end, or after one completed.

    A start whose every earlier execution had failed by then is a retry and does not count.
    """
    started = [e for e in evidence.executions if e.started_ns is not None]
    return any(
        not _failed_before(earlier, later)
        for place, later in enumerate(started)
        for earlier in started[:place]
    )


def _failed_before(earlier: Execution, later: Execution) -> bool:
    assert later.started_ns is not None
    return (
        earlier.completed_ns is None
        and earlier.failed_ns is not None
        and earlier.failed_ns <= later.started_ns
    )


def _finished_unacknowledged(evidence: Evidence, _: Judgement, __: Rules) -> bool:
    return any(found.phase == "finished_unacknowledged" for found in evidence.found)


def _failed_after_completed(evidence: Evidence, _: Judgement, __: Rules) -> bool:
    first = evidence.first_completed_ns
    return first is not None and any(
        e.failed_ns is not None and e.failed_ns > first for e in evidence.executions
    )


def _late(evidence: Evidence, _: Judgement, rules: Rules) -> bool:
    completed_ns = evidence.first_completed_ns
    if completed_ns is None or not evidence.found:
        return False
    victim = evidence.found[-1].victim
    deadline_ns = victim.deadline_ns(rules.margin_s, evidence.length_us, rules.outages)
    return deadline_ns is not None and completed_ns > deadline_ns


def _still_owed(evidence: Evidence, judgement: Judgement, _: Rules) -> bool:
    owed = evidence.row_state in ("queued", "retrying", "claimed")
    return judgement.verdict == "completed_once" and owed


def _erred(evidence: Evidence) -> bool:
    return evidence.failures > 0 or any(e.failed_ns is not None for e in evidence.executions)


def _met_by_faults(evidence: Evidence) -> int:
    """How many faults ended a worker that had the job in its hands."""
    return sum(found.victim.fault is not None for found in evidence.found)


def _is_poison(evidence: Evidence, rules: Rules) -> bool:
    return evidence.job_id in rules.poison


def _by_crash_alone(evidence: Evidence, judgement: Judgement, rules: Rules) -> bool:
    met = _met_by_faults(evidence) > 0 and not _is_poison(evidence, rules)
    return judgement.verdict == "discarded" and met and not _erred(evidence)


def _unexplained(evidence: Evidence, judgement: Judgement, rules: Rules) -> bool:
    """Given up, and neither an error of its plan nor a fault accounts for it.

    An error for good accounts for it, and so do as many errors and faults as there are attempts;
    errors of a class that the scenario injects nowhere are no part of any plan. A job that kills
    its worker may be given up at any death.
    """
    if judgement.verdict != "discarded" or _by_crash_alone(evidence, judgement, rules):
        return False
    errors = [e.error_class for e in evidence.executions if e.failed_ns is not None]
    planned = [error for error in errors if error in rules.planned_errors]
    if "permanent" in planned or (_is_poison(evidence, rules) and _met_by_faults(evidence)):
        return False
    return len(planned) + _met_by_faults(evidence) < rules.max_attempts


def _several_rows(evidence: Evidence, _: Judgement, __: Rules) -> bool:
    return evidence.rows_done > 1 and not evidence.enqueued_again


FLAGS: dict[str, Callable[[Evidence, Judgement, Rules], bool]] = {
    "redelivered": lambda evidence, _, __: redelivered(evidence),
    "overlapping": lambda evidence, _, __: any_overlap(evidence.executions),
    "finished_unacknowledged": _finished_unacknowledged,
    "effect_without_event": lambda evidence, _, __: any(
        e.effect and e.completed_ns is None for e in evidence.executions
    ),
    "failed_after_completed": _failed_after_completed,
    "attempts_exceeded": lambda evidence, _, rules: len(evidence.executions) > rules.max_attempts,
    "blocks_capacity": lambda evidence, _, __: bool(held_by_dead(evidence)),
    "late": _late,
    "still_owed": _still_owed,
    "by_crash_alone": _by_crash_alone,
    "unexplained": _unexplained,
    "poison": lambda evidence, _, rules: _is_poison(evidence, rules),
    "dead_though_done": lambda evidence, _, __: (
        bool(evidence.done) and any(row.state == "dead" for row in evidence.rows)
    ),
    "several_rows": _several_rows,
    "held_by_unknown": lambda evidence, _, __: any(
        row.held and row.holder is None and not row.of_one_of_several for row in evidence.rows
    ),
}
"""By name: when the flag holds."""

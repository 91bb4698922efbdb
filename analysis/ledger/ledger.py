"""The ledger: one verdict per accepted job, the first row of METHODOLOGY's table that matches.

Pure: evidence in, judgement out. `LEDGER` is the table, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.evidence.executions import Evidence, Execution, Row
from analysis.evidence.presence import Stretch
from analysis.history.columns import worker_key
from orchestrator.history.rescuer import Outage, stretched_ns
from worker_child.protocol import JobDiscarded, JobRetried

Verdict = Literal[
    "ambiguous", "duplicated", "completed_once", "discarded", "stranded", "pending", "lost"
]
VERDICTS: tuple[Verdict, ...] = (
    "completed_once",
    "duplicated",
    "lost",
    "stranded",
    "pending",
    "discarded",
    "ambiguous",
)

HARNESS_REASONS = frozenset(
    {
        "ordinal_gap",
        "bad_line",
        "row_read_failed",
        "effects_unreadable",
        "clock_violation",
        "enqueue_record_missing",
        "execution_reused",
        "started_missing",
    }
)
"""Ambiguities that are our own failure; there must be none."""

IDLE_NS = 1_000_000_000
"""A worker that had nothing to do for so long before a job's deadline could have taken it."""

FinalStatus = Literal["completed", "failed", "discarded", "none"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the judgement of every job of a run rests on."""

    effects: bool
    """Whether jobs commit effects: the third witness."""
    rescues: bool
    """Whether the preset ever frees an orphan by itself."""
    final_read: bool
    """Whether the final read of the rows counts."""
    effects_readable: bool
    voids: Mapping[int, str]
    """By an incarnation's key: why its lines prove nothing."""
    margin_s: float
    max_attempts: int
    planned_errors: Collection[str]
    """The classes of errors that the scenario injects."""
    outages: Sequence[Outage] = ()
    """Faults that ended no process: deadlines count from their ends."""
    idle: Sequence[Stretch] = ()
    """Where some worker lived, was ready and had nothing to do, each for `IDLE_NS` or longer. Known
    only where the final read has rows that are queued."""
    poison: frozenset[str] = frozenset()
    """Jobs that kill their worker whenever they run: to give one up is what a queue should do."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one job. `reason` says which ambiguity, duplicate or pending it is."""

    verdict: Verdict
    reason: str | None = None


LedgerRow = Callable[[Evidence, Rules], "Judgement | None"]


def judge(evidence: Evidence, rules: Rules) -> Judgement:
    """The first row of the ledger that matches."""
    for row in LEDGER:
        judgement = row(evidence, rules)
        if judgement is not None:
            return judgement
    raise AssertionError(f"no row of the ledger matches job {evidence.job_id}")


def _ambiguous(evidence: Evidence, rules: Rules) -> Judgement | None:
    if not rules.final_read:
        return Judgement("ambiguous", "row_read_failed")
    if rules.effects and not rules.effects_readable:
        return Judgement("ambiguous", "effects_unreadable")
    void = _void(evidence, rules)
    if void is not None:
        return Judgement("ambiguous", void)
    if not evidence.enqueues:
        return Judgement("ambiguous", "enqueue_record_missing")
    if rules.effects and any(
        execution.completed_ns is not None and not execution.effect
        for execution in evidence.executions
    ):
        return Judgement("ambiguous", "completed_without_effect")
    return None


def _void(evidence: Evidence, rules: Rules) -> str | None:
    """Why a line may be missing that would change the verdict.

    Beside the jobs that a void incarnation touched, that is every job without a completion: its
    completion may be the line that is missing.
    """
    if not rules.voids:
        return None
    workers = {worker_key(e.slot, e.incarnation) for e in evidence.executions}
    said: list[JobRetried | JobDiscarded] = [*evidence.retries, *evidence.discards]
    workers |= {
        worker_key(line.slot, line.incarnation)
        for line in said
        if line.slot is not None and line.incarnation is not None
    }
    workers |= {row.holder.key for row in evidence.rows if row.holder is not None}
    if not evidence.done:
        workers |= rules.voids.keys()
    return next((rules.voids[worker] for worker in sorted(workers & rules.voids.keys())), None)


def _duplicated(evidence: Evidence, _: Rules) -> Judgement | None:
    if len(evidence.done) < 2:
        return None
    return Judgement("duplicated", duplicate_sort(evidence))


def duplicate_sort(evidence: Evidence) -> str:
    """How a job came to be done twice: the first of these that holds."""
    done = evidence.done
    if evidence.rows_done > 1 and evidence.enqueued_again:
        return "re_enqueued"
    if any(row.picked_after_done for row in evidence.rows):
        return "after_acknowledged"
    if any_overlap(done):
        return "concurrent"
    return "sequential"


def any_overlap(executions: list[Execution]) -> bool:
    """Whether any of them, given in the order of time, started before an earlier one was over."""
    over_ns = -1
    for execution in executions:
        if execution.started_ns is None:
            continue
        if execution.started_ns < over_ns:
            return True
        over_ns = max(over_ns, execution.over_ns)
    return False


def _completed_once(evidence: Evidence, _: Rules) -> Judgement | None:
    return Judgement("completed_once") if len(evidence.done) == 1 else None


def _discarded(evidence: Evidence, _: Rules) -> Judgement | None:
    state = evidence.row_state
    if state == "dead" or (state == "absent" and ended_in_error(evidence)):
        return Judgement("discarded")
    return None


def ended_in_error(evidence: Evidence) -> bool:
    """Whether the last execution ended in a job_failed or a job_discarded."""
    return last_failed(evidence) or last_discarded(evidence)


def last_failed(evidence: Evidence) -> bool:
    """Whether the last execution ended in a job_failed."""
    return bool(evidence.executions) and evidence.executions[-1].failed_ns is not None


def last_discarded(evidence: Evidence) -> bool:
    """Whether the library gave the job up and did not start it again.

    A worker may be killed between its job_discarded and the library's commit: the job comes back,
    and what was said of an earlier execution no longer holds. A discard that names no execution
    (seen in the rows) is of the last one that had started by then.
    """
    if not evidence.executions:
        return any(discard.execution is None for discard in evidence.discards)
    last = evidence.executions[-1]
    return any(
        discard.t_ns > last.place_in_time[0]
        if discard.execution is None
        else (discard.slot, discard.incarnation, discard.execution) == last.identity
        for discard in evidence.discards
    )


def least_settled_rows(evidence: Evidence) -> list[Row]:
    """The rows that R speaks of."""
    return [row for row in evidence.rows if row.state == evidence.row_state]


def held_by_dead(evidence: Evidence) -> list[Row]:
    """The rows that a dead incarnation still holds."""
    return [row for row in evidence.rows if row.held and row.holder and row.holder.dead]


def bound_reached(row: Row, length_us: int, rules: Rules) -> bool:
    """Whether the row of one that died, or left early, should have been rescued by the time of the
    final read."""
    assert row.holder is not None, "asked of a row that nobody holds"
    if not rules.rescues:
        return True
    return _past_deadline(row, length_us, rules) and not no_worker_left(row, length_us, rules)


def no_worker_left(row: Row, length_us: int, rules: Rules) -> bool:
    """Whether a dead incarnation's row is still there because no worker lived long enough to free
    it: none outlived the lease, or each that did died before it had to have looked."""
    assert row.holder is not None, "asked of a row that nobody holds"
    if not rules.rescues:
        return False
    rescuer = row.holder.rescuer
    return rescuer is None or (not rescuer.had_time and _past_deadline(row, length_us, rules))


def _past_deadline(row: Row, length_us: int, rules: Rules) -> bool:
    assert row.holder is not None, "asked of a row that nobody holds"
    deadline_ns = row.holder.deadline_ns(rules.margin_s, length_us, rules.outages)
    return deadline_ns is not None and row.t_ns > deadline_ns


def _stuck(evidence: Evidence, rules: Rules) -> Judgement | None:
    dead = held_by_dead(evidence)
    if evidence.row_state != "claimed" or not dead:
        return None
    if any(bound_reached(row, evidence.length_us, rules) for row in dead):
        return Judgement("stranded", "dead_worker")
    nobody = all(no_worker_left(row, evidence.length_us, rules) for row in dead)
    return Judgement("pending", "no_worker" if nobody else "bound_not_reached")


def _left_claimed(evidence: Evidence, rules: Rules) -> Judgement | None:
    """A worker was told to stop and left with the row, and the others had time to free it."""
    if evidence.row_state != "claimed":
        return None
    rows = [row for row in evidence.rows if row.held and row.holder and row.holder.left_early]
    if any(bound_reached(row, evidence.length_us, rules) for row in rows):
        return Judgement("stranded", "told_to_stop")
    return None


def _alive_and_idle(evidence: Evidence, rules: Rules) -> Judgement | None:
    """It still waits, though at its deadline some worker lived and had nothing to do."""
    if evidence.row_state != "queued" or not rules.idle:
        return None
    deadline_ns = waiting_deadline_ns(evidence, rules)
    if deadline_ns is None:
        return None
    if any(begin <= deadline_ns - IDLE_NS and deadline_ns <= end for begin, end in rules.idle):
        return Judgement("stranded", "alive_and_idle")
    return None


def waiting_deadline_ns(evidence: Evidence, rules: Rules) -> int | None:
    """Until when a job that waits must have been done: the margin and its length from when it was
    last heard of, and of one that a death found in flight not before that one's deadline. None =
    nobody knows since when it waits: it failed, or nothing was to rescue it.
    """
    last = evidence.executions[-1] if evidence.executions else None
    if last is not None and last.failed_ns is not None:
        return None
    told = [enqueue.acknowledged_ns or enqueue.t_ns for enqueue in evidence.enqueues]
    for execution in evidence.executions:
        over_ns = execution.gone_ns if execution.ended_ns is None else execution.ended_ns
        told += [t for t in (execution.started_ns, over_ns) if t is not None]
    wait_ns = round(rules.margin_s * 1e9) + evidence.length_us * 1000
    deadlines = [stretched_ns(max(told), wait_ns, rules.outages)]
    deadlines += [
        found.victim.deadline_ns(rules.margin_s, evidence.length_us, rules.outages)
        for found in evidence.found
    ]
    known = [deadline for deadline in deadlines if deadline is not None]
    return max(known) if len(known) == len(deadlines) else None


def _whose(evidence: Evidence, _: Rules) -> Judgement | None:
    """It is claimed under a name that a dead and a later worker bore, and neither its time nor
    anything else says by which of them."""
    if evidence.row_state == "claimed" and any(
        row.held and row.of_one_of_several for row in evidence.rows
    ):
        return Judgement("ambiguous", "holder_unknown")
    return None


def _pending(evidence: Evidence, _: Rules) -> Judgement | None:
    state = evidence.row_state
    if state in ("queued", "retrying"):
        return Judgement("pending", state)
    if state != "claimed":
        return None
    rows = least_settled_rows(evidence)
    stopped = any(row.holder is not None and row.holder.stopped for row in rows)
    return Judgement("pending", "stopped" if stopped else "claimed")


def _lost(_: Evidence, rules: Rules) -> Judgement | None:
    return Judgement("lost") if rules.effects else Judgement("ambiguous", "done_unwitnessed")


LEDGER: tuple[LedgerRow, ...] = (
    _ambiguous,
    _duplicated,
    _completed_once,
    _discarded,
    _stuck,
    _left_claimed,
    _alive_and_idle,
    _whose,
    _pending,
    _lost,
)


def final_status(evidence: Evidence) -> FinalStatus:
    """How the job itself ended, apart from what the queue made of it."""
    if evidence.done:
        return "completed"
    if evidence.row_state == "dead" or last_discarded(evidence):
        return "discarded"
    return "failed" if last_failed(evidence) else "none"

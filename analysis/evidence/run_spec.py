"""What was asked of a run, as far as it does not stand in the scenario itself: which entry each
fault comes from, when T = 0 was, which jobs were planned."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.history.history import History
from orchestrator.scenario.faults import Fault
from worker_child.names import held_job_id, stream_job_id
from worker_child.protocol import Note


def planned_faults(faults: Sequence[Fault]) -> list[Fault]:
    """By a fault's number: the scenario's entry that it comes from.

    An entry stands for as many faults as it is repeated and comes to; those planned for an instant
    are numbered in the order of time, all others keep their place (as
    `orchestrator.faults.plan.plan_faults` has it).
    """
    each = [part for fault in faults for _ in range(fault.repeat or 1) for part in fault.each]
    timed = iter(sorted((k for k in each if k.at_s is not None), key=lambda k: k.at_s or 0.0))
    return [fault if fault.at_s is None else next(timed) for fault in each]


def planned_by_number(history: History) -> dict[int, Fault]:
    """The same of a history's scenario, by number. What no entry stands for has none: a number is
    whatever the file says, and may lie below 0."""
    return dict(enumerate(planned_faults(history.start.scenario.faults)))


def started_ns(history: History) -> int | None:
    """T = 0: the first intended enqueue; None = the run did not come so far."""
    if history.end is not None and history.end.started_ns is not None:
        return history.end.started_ns
    for note in history.records.of(Note):
        if note.code == "phase" and note.detail.get("phase") == "load":
            return note.t_ns
    return None


def unplanned(history: History) -> list[str]:
    """Ids that some line names and that the workload never planned, in order.

    A child ``x/3`` of a planned job x is planned. Without a run_end nobody knows what was.
    """
    end = history.end
    if end is None:
        return []
    planned = {"j": (end.stream_jobs, stream_job_id), "h": (end.held_jobs, held_job_id)}

    def is_planned(job_id: str) -> bool:
        root = job_id.partition("/")[0]
        digits = root[1:]
        if root[:1] not in planned or not (digits.isascii() and digits.isdecimal()):
            return False
        count, name = planned[root[0]]
        return int(digits) < count and name(int(digits)) == root

    ids = history.jobs
    beyond = [stream_job_id(i) for i in ids.stream[ids.stream >= end.stream_jobs].tolist()]
    return sorted([*beyond, *(job_id for job_id in ids.others if not is_planned(job_id))])

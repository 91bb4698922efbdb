"""What was planned against what the history tells of: nothing may be missing without a word."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from analysis.evidence.run_spec import planned_faults
from analysis.history.columns import Ints
from analysis.history.history import History
from analysis.history.job_ids import stream_index
from orchestrator.history.records import EnqueueFailed, FaultInjected
from orchestrator.scenario.types import Scenario
from worker_child.names import held_job_id, stream_job_id
from worker_child.protocol import Note

MOST_NAMED = 3
LEFT_OUT_BY_PLAN = frozenset({"not_settled", "fault_not_due"})
"""Notes that say why planned kills were left out."""


def missing_enqueues(history: History) -> list[str]:
    """Planned jobs with neither a job_enqueued nor an enqueue_failed line, in one sentence.

    Only a completed run is asked: another one was cut while it enqueued.
    """
    end = history.end
    if end is None or end.ended != "completed":
        return []
    failed = [record.job_id for record in history.records.of(EnqueueFailed)]
    stream = _enqueued_stream(history, failed)
    mentioned = {history.jobs.name(job) for job in _others(history)} | set(failed)
    within = stream[stream < end.stream_jobs]
    # Never a list of what is planned: its length is a number in the file.
    held = map(held_job_id, range(end.held_jobs))
    first_missing_held = islice((job_id for job_id in held if job_id not in mentioned), MOST_NAMED)
    came = sum(_is_held(job_id, end.held_jobs) for job_id in mentioned)
    count = end.stream_jobs - len(within) + end.held_jobs - came
    if not count:
        return []
    missing = [*_first_missing(within, end.stream_jobs), *first_missing_held]
    named = ", ".join(missing[:MOST_NAMED])
    more = ", ..." if count > MOST_NAMED else ""
    return [
        f"{count} planned jobs have neither a job_enqueued nor an enqueue_failed line: "
        f"{named}{more}."
    ]


def _is_held(job_id: str, held_jobs: int) -> bool:
    digits = job_id[1:]
    if not (digits.isascii() and digits.isdecimal()):
        return False
    index = int(digits)
    return index < held_jobs and job_id == held_job_id(index)


def _enqueued_stream(history: History, failed: list[str]) -> Ints:
    """Indices of the stream's jobs that some line about their enqueue names, ascending."""
    ids = history.jobs
    # A mark a job, as np.unique of millions of numbers costs a fifth of the whole analysis.
    enqueued = np.zeros(len(ids), np.bool_)
    enqueued[history.enqueues.job] = True
    mine = ids.stream[enqueued[: len(ids.stream)]]
    indices = [index for job_id in failed if (index := stream_index(job_id)) is not None]
    beyond = [
        int(name[1:])
        for job in _others(history)
        if (name := ids.name(job)).startswith("j") and name[1:].isdecimal()
    ]
    more = np.array([*indices, *beyond], np.int64)
    return np.union1d(mine, more) if more.size else mine


def _others(history: History) -> list[int]:
    """Numbers of the enqueued jobs whose ids are not read in bulk."""
    jobs = history.enqueues.job
    others: list[int] = np.unique(jobs[jobs >= len(history.jobs.stream)]).tolist()
    return others


def _first_missing(seen: Ints, planned: int) -> list[str]:
    gaps = np.flatnonzero(seen != np.arange(len(seen)))
    begin = int(gaps[0]) if gaps.size else len(seen)
    known = set(seen[begin:].tolist())
    some = range(begin, min(planned, begin + len(known) + MOST_NAMED))
    return [stream_job_id(index) for index in some if index not in known][:MOST_NAMED]


def missing_kills(history: History, scenario: Scenario) -> Iterator[str]:
    """A completed run has sent every kill that was planned for an instant, or says why not."""
    if history.end is None or history.end.ended != "completed":
        return
    sent = {kill.fault for kill in history.records.of(FaultInjected)}
    missing = [
        str(number)
        for number, fault in enumerate(planned_faults(scenario.faults))
        if fault.at_s is not None and number not in sent
    ]
    explained = any(note.code in LEFT_OUT_BY_PLAN for note in history.records.of(Note))
    if missing and not explained:
        named = ", ".join(missing)
        yield f"Kills planned for an instant were never sent, and no note says why: {named}."


def nothing_enqueued(history: History) -> Iterator[str]:
    """A ledger without a job proves nothing."""
    end = history.end
    if end is not None and end.stream_jobs + end.held_jobs and not len(history.enqueues):
        planned = end.stream_jobs + end.held_jobs
        yield f"None of the {planned} planned jobs came into the queue: there is nothing to judge."

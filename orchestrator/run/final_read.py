"""The last look: every row, effect and failure, once nobody of the run is at work any more."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from orchestrator.errors import UnplannedJobError
from orchestrator.history.records import HistoryRecord, RowRead
from orchestrator.history.sessions import Session
from orchestrator.load.producer import DueJob, enqueued
from orchestrator.load.producer_group import Source
from orchestrator.observe.probe import Probe
from orchestrator.scenario.workload import Workload
from orchestrator.workers.tracker import Tracker
from worker_child.protocol import Note

_POLL_S = 0.05
_NS_PER_S = 1_000_000_000


def sessions_that_remain(probe: Probe, names: Collection[str], *, limit_s: float) -> list[Session]:
    """Wait until no session of these names is left; those that are at the limit.

    Raises psycopg.Error.
    """
    give_up_ns = time.monotonic_ns() + round(limit_s * _NS_PER_S)
    while (sessions := probe.sessions(names)) and time.monotonic_ns() < give_up_ns:
        time.sleep(_POLL_S)
    return sessions


def final_records(
    probe: Probe,
    producer: Source,
    tracker: Tracker,
    workload: Workload,
    remaining: list[Session],
) -> list[HistoryRecord]:
    """The final read, the enqueues that it brings to light, and a control queue's own record.

    Sessions that remain void the read: somebody could still have written. Raises psycopg.Error.
    """
    known = {**producer.job_of_inbox_id, **tracker.job_of_inbox_id}
    lines = probe.read("final", known).lines
    closing = lines[-1]
    if remaining and closing.error is None:
        error = f"sessions of the run remained while the rows were read: {remaining}"
        lines[-1] = RowRead(t_ns=closing.t_ns, read="final", lines=closing.lines, error=error)
    audit = [Note(t_ns=time.monotonic_ns(), code="audit", detail=row) for row in probe.audit()]
    rows = [(line.inbox_id, line.job_id) for line in lines if line.job_id is not None]
    seen = tracker.seen | tracker.seen_in_queue | {job_id for _, job_id in rows}
    found = [
        *_indeterminate(producer, seen),
        *_unsaid(producer, tracker.unsaid(rows), workload),
    ]
    recovered = [enqueued(due, "recovered", time.monotonic_ns()) for due in found]
    return [*recovered, *lines, *audit]


def _indeterminate(producer: Source, seen: Collection[str]) -> Iterator[DueJob]:
    """Jobs of indeterminate enqueues that are seen after all."""
    for job_id, due in producer.indeterminate.items():
        if job_id in seen:
            yield due


def _unsaid(producer: Source, job_ids: Collection[str], workload: Workload) -> Iterator[DueJob]:
    """Planned jobs of coordinators that were killed before they could say what they enqueued.

    Nobody knows when that was: they count as intended when their coordinator was, also where it
    was run again and then said when it enqueued their second rows.
    """
    for job_id in sorted(job_ids):
        try:
            job = workload.by_id(job_id)
        except UnplannedJobError:
            continue  # the analysis finds it, and says that it was never planned
        yield DueJob(job, producer.started_ns + job.intended_ns)

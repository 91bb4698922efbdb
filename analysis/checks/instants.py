"""Instants that no order of events could have given: before T = 0, answered before asked, ...

Vectorised where every job's lines pass through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from analysis.faults_named import nth
from analysis.history.columns import ABSENT, Bools
from analysis.history.history import History
from analysis.history.job_ids import stream_index
from analysis.history.tables import Table
from orchestrator.history.records import EnqueueFailed, FaultInjected
from worker_child.protocol import Note

NEVER = np.iinfo(np.int64).max
PATIENCE_NS = 5_000_000_000
"""So much later than planned the run may act on a machine that is busy: send a signal, give the
word, deliver a request."""
WRITTEN_NS = 1_000_000
"""The parent stamps a line with the instant of the answer itself."""


def _first(history: History, table: Table, wrong: Bools, what: str) -> Iterator[str]:
    """One sentence for all the lines that are wrong, with the first one's job."""
    places = np.flatnonzero(wrong)
    if places.size:
        job_id = history.jobs.name(int(table.job[places[0]]))
        yield f"{what}: {places.size} jobs' lines, the first of {job_id}."


def _enqueues(history: History) -> Iterator[str]:
    """Intended, sent, acknowledged, written: each at or after the one before."""
    lines = history.enqueues
    sent, answered = lines.sent_ns, lines.acknowledged_ns
    known = (sent != ABSENT) & (answered != ABSENT)
    recovered = lines.recovered != 0
    by_parent = lines.worker == ABSENT
    checks = (
        (known & (answered < sent), "An enqueue was acknowledged before it was sent"),
        (by_parent & known & (sent < lines.intended_ns), "An enqueue was sent before its instant"),
        (
            ~by_parent & known & (sent != lines.intended_ns),
            "An enqueue from within a job was intended for another instant than its call's",
        ),
        (known & (lines.t_ns < answered), "An enqueue was written down before its answer"),
        (
            by_parent & ~recovered & known & (lines.t_ns > answered + WRITTEN_NS),
            "An enqueue was written down long after its answer",
        ),
        (~recovered & ~known, "An accepted enqueue lacks the instants of its going and coming"),
        (recovered & known, "A recovered enqueue has an answer that nobody saw"),
    )
    for wrong, what in checks:
        yield from _first(history, lines, wrong, what)
    for failed in history.records.of(EnqueueFailed):
        if not failed.intended_ns <= failed.sent_ns <= failed.t_ns:
            yield f"The failed enqueue of {failed.job_id} was sent out of its time."


def _since_the_beginning(history: History) -> Iterator[str]:
    """Nothing is enqueued and nobody harmed before T = 0, which the parent's note names as well."""
    end = history.end
    assert end is not None, "asked of an unfinished history"
    started_ns = end.started_ns
    if started_ns is None:
        if end.ended == "completed":
            yield "run_end calls the run completed and does not say when it began."
        return
    early = history.enqueues.intended_ns < started_ns
    yield from _first(history, history.enqueues, early, "Enqueues were intended before T = 0")
    for failed in history.records.of(EnqueueFailed):
        if failed.intended_ns < started_ns:
            yield f"The failed enqueue of {failed.job_id} was intended before T = 0."
    for sent in history.records.of(FaultInjected):
        if sent.t_ns < started_ns:
            yield f"Fault {nth(sent.fault)} was injected before T = 0."
    for note in history.records.of(Note):
        loading = note.code == "phase" and note.detail.get("phase") == "load"
        if loading and note.t_ns != started_ns:
            yield "run_end and the note of the load's beginning disagree about T = 0."
    if end.cut_ns is not None and not started_ns <= end.cut_ns <= end.t_ns:
        yield "The stream of jobs was cut before it began or after the run had ended."


def _starts(history: History) -> Iterator[str]:
    """No job starts before it was sent. Where several lines enqueue it, before the first of them.

    A job whose enqueue nobody recorded was sent at an unknown instant, which is before all others.
    """
    lines, starts = history.enqueues, history.starts
    sent_ns = np.full(len(history.jobs), NEVER, np.int64)
    if lines.job.size and np.bincount(lines.job).max() > 1:
        np.minimum.at(sent_ns, lines.job, lines.sent_ns)
    else:
        sent_ns[lines.job] = lines.sent_ns
    sent_ns[sent_ns == NEVER] = ABSENT
    early = starts.t_ns < sent_ns[starts.job]
    yield from _first(history, starts, early, "Jobs started before they were enqueued")


def _run_start(history: History) -> Iterator[str]:
    tables = (history.enqueues, history.starts, history.rows)
    if any(t.t_ns.size and int(t.t_ns.min()) < history.start.t_ns for t in tables):
        yield "Lines are stamped earlier than the run_start."


def _stream(history: History) -> Iterator[str]:
    """The stream's jobs are numbered in the order of their intended instants, up to its end; those
    of a key in the order of its first one's, where the others come later."""
    assert history.end is not None, "asked of an unfinished history"
    lines, ids = history.enqueues, history.jobs
    bulk = (lines.job < len(ids.stream)) & (lines.worker == ABSENT) & (lines.recovered == 0)
    index = ids.stream[lines.job[bulk]]
    intended = lines.intended_ns[bulk]
    refused = [
        (number, failed.intended_ns)
        for failed in history.records.of(EnqueueFailed)
        if (number := stream_index(failed.job_id)) is not None
    ]
    if refused:
        more = np.array(refused, np.int64)
        index = np.concatenate([index, more[:, 0]])
        intended = np.concatenate([intended, more[:, 1]])
    dedup = history.start.scenario.workload.dedup
    if dedup is not None:
        intended = intended - index % dedup.enqueuers * round(dedup.apart_s * 1e9)
    if np.any(np.diff(index) < 0):
        intended = intended[np.argsort(index, kind="stable")]
    if np.any(np.diff(intended) < 0):
        yield "The stream's jobs are not numbered in the order of their intended instants."
    cut_ns = history.end.cut_ns
    if cut_ns is not None and intended.size and int(intended.max()) > cut_ns:
        yield "A job of the stream was intended for after the stream's end."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _enqueues,
    _since_the_beginning,
    _starts,
    _run_start,
    _stream,
)

"""What a reader of a summary should know beside the figures: for people, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.figures import Figures
from analysis.history.history import History
from analysis.ledger.case import Case
from analysis.summary.verdict import worker_deaths
from worker_child.protocol import Note

NOTES = frozenset(
    {
        "fault_not_due",
        "not_settled",
        "parent_stalled",
        "pipe_held",
        "provider_stalled",
        "queue_unreadable",
        "stale_partial",
        "stop_ignored",
        "turn_lost",
        "wall_clock_step",
    }
)
"""Codes of the parent's notes that are repeated in the summary."""
MOST_NAMED = 3
UNPLANNED = "unplanned"
"""The error class of what a job's plan did not ask for (see `worker_child.protocol.JobFailed`)."""


def findings(case: Case) -> list[str]:
    """Whatever is worth knowing and voids nothing."""
    notes = (
        _repeated(note)
        for note in case.history.records.of(Note)
        if note.code in NOTES and note.n is None
    )
    return [
        *worker_deaths(case.history, ours=False),
        *_unplanned_failures(case.history),
        *_long_bounds(case),
        *dict.fromkeys(notes),
    ]


def _unplanned_failures(history: History) -> Iterator[str]:
    """The library's fault or ours: who reads the figures should look."""
    failures = history.failures
    if UNPLANNED not in failures.error_class.names:
        return
    code = failures.error_class.names.index(UNPLANNED)
    places = np.flatnonzero(failures.error_class.code == code)
    first = places[np.argmin(failures.t_ns[places])]
    yield (
        f"{len(places)} executions failed as no plan foresaw, the first of "
        f"{history.jobs.name(int(failures.job[first]))}: its job_failed line has the message."
    )


def _repeated(note: Note) -> str:
    if {"slot", "incarnation"} <= note.detail.keys():
        who = f"slot {note.detail['slot']} incarnation {note.detail['incarnation']}: "
    else:
        who = ""
    return f"{note.code}: {who}{note.message}"


def _long_bounds(case: Case) -> Iterator[str]:
    limit_s = case.scenario.limits.max_bound_s
    for death in case.deaths:
        fault, bound_s = death.victim.fault, death.victim.bound_s
        if fault is None or bound_s is None or bound_s <= limit_s:
            continue
        yield (
            f"Kill {fault.fault}: the predicted bound of {bound_s:g} s is above the scenario's "
            f"limit of {limit_s:g} s."
        )


def contradictions(case: Case, latency: Figures) -> list[str]:
    """Whatever cannot be true, and so voids the ledger."""
    sentences = [
        f"{figures['out_of_range']} jobs have a latency ({name}) outside 0 to 24 hours."
        for name, figures in latency.items()
        if figures["out_of_range"]
    ]
    if case.unplanned:
        named = ", ".join(case.unplanned[:MOST_NAMED])
        more = ", ..." if len(case.unplanned) > MOST_NAMED else ""
        count = len(case.unplanned)
        sentences.append(f"{count} jobs were seen that the workload never planned: {named}{more}.")
    return sentences

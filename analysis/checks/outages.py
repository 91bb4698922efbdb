"""Faults that last: each as long as was planned, and over when its certificate says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from analysis.evidence.run_spec import planned_by_number
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.database_faults import DoorEnd, LockEnd, SnapshotEnd
from orchestrator.history.network_faults import BlackholeEnd, ResetEnd
from orchestrator.history.producer_faults import ProducerEnd
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.server_faults import ServerBack, ServerPaused
from orchestrator.history.worker_faults import StallEnd

EVADABLE = "read_only"
"""The fault whose harm is a default, which a session may change for itself."""
IN_HAND_NS = 1_000_000_000
"""What had been committed before is told of far sooner than this."""
TAKEN_BACK: dict[type[Any], str] = {
    DoorEnd: "lifted_ns",
    LockEnd: "unlocked_ns",
    SnapshotEnd: "let_go_ns",
    ServerPaused: "continued_ns",
    ServerBack: "answered_ns",
    StallEnd: "released_ns",
}
"""By what is seen after a fault: which part tells when it was ended. Of a worker's pause and of its
network other rooms ask."""
OVER: dict[type[Any], str] = {
    DoorEnd: "open_ns",
    LockEnd: "gone_ns",
    SnapshotEnd: "gone_ns",
    ServerPaused: "answered_ns",
    ServerBack: "answered_ns",
    StallEnd: "released_ns",
    BlackholeEnd: "released_ns",
    ResetEnd: "accepted_ns",
    ProducerEnd: "resumed_ns",
}
"""By what is seen after a fault: which part tells when the harm was over."""


def _both(history: History) -> Iterator[tuple[FaultInjected, FaultEnded]]:
    sent = {one.fault: one for one in history.records.of(FaultInjected)}
    for seen in history.records.of(FaultEnded):
        if seen.fault in sent and seen.what == sent[seen.fault].what:
            yield sent[seen.fault], seen


def _as_long_as_planned(history: History) -> Iterator[str]:
    """A stall whose rescuer was held is over with that."""
    planned = planned_by_number(history)
    for sent, seen in _both(history):
        end = seen.after
        entry = planned.get(sent.fault)
        ended_ns = getattr(end, TAKEN_BACK.get(type(end), ""), None)
        raced = isinstance(end, StallEnd) and end.rescuer is not None
        if entry is None or entry.outage_s is None or ended_ns is None or raced:
            continue  # said elsewhere
        if ended_ns - sent.t_ns < round(entry.outage_s * 1e9):
            yield f"Fault {nth(sent.fault)} was ended sooner than was planned."


def _over_as_seen(history: History) -> Iterator[str]:
    """By when a fault was over its figures are reckoned, and what is blamed on it."""
    for sent, seen in _both(history):
        healed_ns, end = seen.healed_ns, seen.after
        if healed_ns is None:
            continue
        over_ns = getattr(end, OVER.get(type(end), ""), None)
        if not sent.t_ns <= healed_ns <= seen.t_ns:
            yield f"Fault {nth(sent.fault)} was over before it began, or after it was certified."
        elif over_ns is not None and over_ns != healed_ns:
            yield f"Fault {nth(sent.fault)} was over at another instant than its certificate says."


def _completed_meanwhile(history: History) -> Iterator[tuple[FaultInjected, int]]:
    """Faults that keep everybody from writing, and how many jobs were completed while they lasted:
    an execution is completed once its effect is committed."""
    if not history.start.scenario.effects:
        return
    done_ns = history.completions.t_ns
    for sent, seen in _both(history):
        end = seen.after
        if isinstance(end, DoorEnd):
            begun_ns, over_ns = end.sessions_gone_ns, end.lifted_ns
        elif isinstance(end, ServerPaused):
            begun_ns, over_ns = end.stopped_ns, end.continued_ns
        else:
            continue
        if begun_ns is None or over_ns is None:
            continue  # its certificate says so
        count = int(np.count_nonzero((done_ns > begun_ns + IN_HAND_NS) & (done_ns < over_ns)))
        if count:
            yield sent, count


def _no_effect_meanwhile(history: History) -> Iterator[str]:
    """Nobody can have committed any, save where a session may make itself writable."""
    for sent, count in _completed_meanwhile(history):
        if sent.what != EVADABLE:
            yield (
                f"While fault {nth(sent.fault)} is said to have kept everybody from the database, "
                f"{count} jobs were completed with their effects."
            )


def evaded(history: History) -> list[str]:
    """A sentence for each fault that was there, by its certificate, and did not reach the workers.

    What is set on the database is the default of its sessions. A client that sets its own writes
    all the same, so that the run does not show what becomes of it where it cannot.
    """
    return [
        f"Fault {nth(sent.fault)} was evaded: new sessions were read-only, and {count} jobs were "
        "completed with their effects meanwhile. The library, or what it is set to, makes its "
        "sessions writable by itself."
        for sent, count in _completed_meanwhile(history)
        if sent.what == EVADABLE
    ]


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _as_long_as_planned,
    _over_as_seen,
    _no_effect_meanwhile,
)

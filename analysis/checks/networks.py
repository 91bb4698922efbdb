"""What a proxy vouches for: a network was out for as long as was planned, and nothing came of its
worker meanwhile that needs the database; no sessions were ended but those that were aimed at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from analysis.evidence.run_spec import planned_by_number
from analysis.faults_named import nth
from analysis.history.columns import EXECUTION_BITS, worker_key
from analysis.history.history import History
from orchestrator.history.network_faults import BlackholeEnd, ResetEnd
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.server_faults import SessionsEnded
from orchestrator.scenario.faults import BackendTerminate, Blackhole, Reset

IN_HAND_NS = 1_000_000_000
"""What had reached a worker before is worked off far sooner than this."""


def _outages(history: History) -> Iterator[tuple[FaultInjected, int, int]]:
    """Each with its instants, where they were seen; elsewhere its certificate says so."""
    sent = {one.fault: one for one in history.records.of(FaultInjected)}
    for seen in history.records.of(FaultEnded):
        end = seen.after
        if isinstance(end, BlackholeEnd):
            begun_ns, over_ns = end.shut_ns, end.released_ns
        elif isinstance(end, ResetEnd):
            begun_ns, over_ns = end.reset_ns, end.accepted_ns
        else:
            continue
        if seen.fault in sent and begun_ns is not None and over_ns is not None:
            yield sent[seen.fault], begun_ns, over_ns


def _as_long_as_planned(history: History) -> Iterator[str]:
    planned = planned_by_number(history)
    for sent, begun_ns, over_ns in _outages(history):
        if begun_ns - sent.t_ns > IN_HAND_NS:
            yield (
                f"Fault {nth(sent.fault)} took its worker's network later than it is said to have."
            )
        entry = planned.get(sent.fault)
        if not isinstance(entry, Blackhole | Reset):
            continue  # said elsewhere
        if over_ns - sent.t_ns < round(entry.for_s * 1e9):
            yield f"Fault {nth(sent.fault)} let its worker's bytes pass sooner than was planned."


def _no_effect_meanwhile(history: History) -> Iterator[str]:
    """An execution is completed once its effect is committed, and for that bytes must pass."""
    if not history.start.scenario.effects:
        return
    done = history.completions
    for sent, begun_ns, over_ns in _outages(history):
        meanwhile = (done.t_ns > begun_ns + IN_HAND_NS) & (done.t_ns < over_ns)
        for worker in sent.target.workers:
            mine = (done.key >> EXECUTION_BITS) == worker_key(worker.slot, worker.incarnation)
            count = int(np.count_nonzero(mine & meanwhile))
            if count:
                yield (
                    f"The worker that fault {nth(sent.fault)} cut off completed {count} jobs with "
                    "their effects while nothing is said to have passed."
                )


def _as_aimed(history: History) -> Iterator[str]:
    """Those that were to end, where not all were."""
    planned = planned_by_number(history)
    sent = {one.fault: one for one in history.records.of(FaultInjected)}
    for seen in history.records.of(FaultEnded):
        end = seen.after
        entry = planned.get(seen.fault)
        if not isinstance(end, SessionsEnded) or not isinstance(entry, BackendTerminate):
            continue  # said elsewhere
        ended = {session.pid for session in end.terminated}
        if entry.which != "all" and ended != set(end.aimed_at):
            yield f"Fault {nth(seen.fault)} ended other sessions than those that it was aimed at."
        if entry.which != "all" and seen.fault in sent and sent[seen.fault].what == seen.what:
            mine = {session.pid for session in sent[seen.fault].before.sessions}
            if not ended <= mine:
                yield f"Fault {nth(seen.fault)} ended sessions that were none of its worker's."
        if entry.which == "listener" and not end.aimed_at:
            yield f"Fault {nth(seen.fault)}: the worker had no session that listened."
        if entry.which == "acknowledging" and len(end.aimed_at) > 1:
            yield f"Fault {nth(seen.fault)} was aimed at several sessions, and one was held."
        if entry.which == "all" and end.aimed_at:
            yield f"Fault {nth(seen.fault)} was to end all sessions, and was aimed at some."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _as_long_as_planned,
    _no_effect_meanwhile,
    _as_aimed,
)

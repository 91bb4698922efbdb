"""A worker that was stopped said nothing meanwhile, and was stopped as long as was planned."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.checks.lines_of_workers import lines_between
from analysis.evidence.run_spec import planned_by_number
from analysis.faults_named import nth
from analysis.history.history import History
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.worker_faults import PauseEnd
from orchestrator.scenario.faults import Pause


def _pauses(history: History) -> Iterator[tuple[FaultInjected, PauseEnd]]:
    sent = {one.fault: one for one in history.records.of(FaultInjected)}
    for seen in history.records.of(FaultEnded):
        end = seen.after
        if seen.fault in sent and isinstance(end, PauseEnd):
            yield sent[seen.fault], end


def _silent(history: History) -> Iterator[str]:
    """No line of its is stamped while all of it was stopped."""
    for sent, end in _pauses(history):
        if end.stopped_ns is None or end.continued_ns is None:
            continue  # its certificate says so
        for worker in sent.target.workers:
            place = worker.slot, worker.incarnation
            count = lines_between(history, place, end.stopped_ns, end.continued_ns)
            if count:
                yield (
                    f"The worker that fault {nth(sent.fault)} paused wrote {count} lines while it "
                    "is said to have been stopped."
                )


def _as_long_as_planned(history: History) -> Iterator[str]:
    planned = planned_by_number(history)
    for sent, end in _pauses(history):
        entry = planned.get(sent.fault)
        if not isinstance(entry, Pause) or end.continued_ns is None:
            continue  # said elsewhere
        if end.continued_ns - sent.t_ns < round(entry.pause_s * 1e9):
            yield f"Fault {nth(sent.fault)} let its worker go on sooner than was planned."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_silent, _as_long_as_planned)

"""What became of workers whose sessions, or whose server, were taken from them, and of the batch of
a producer that died, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from analysis.history.columns import EXECUTION_BITS, worker_key
from analysis.history.history import History
from analysis.section import seconds
from orchestrator.history.records import ChildExited, FaultEnded, FaultInjected, WorkerTarget


def server_findings(history: History) -> Iterator[str]:
    """A sentence for each such fault whose certificate was written."""
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    for sent in history.records.of(FaultInjected):
        told, seen = _TOLD.get(sent.what), ended.get(sent.fault)
        if told is not None and seen is not None and seen.what == sent.what:
            name = sent.what.replace("_", " ").capitalize()
            yield f"{name} {sent.fault}: {told(history, sent, seen)}."


def _ended_sessions(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    (worker,) = sent.target.workers
    end = seen.after
    count = len(end.terminated)
    whose = f"of slot {worker.slot} incarnation {worker.incarnation}"
    text = f"{count} session{'' if count == 1 else 's'} {whose} were told to end"
    if not end.lived:
        return f"{text}; the worker died of it"
    if end.reconnected_ns is None:
        return f"{text}; it opened no other one within {_since(sent, seen.t_ns)}"
    began_ns = _next_start_ns(history, worker, sent.t_ns)
    again = "none began any more" if began_ns is None else f"one began {_since(sent, began_ns)}"
    return (
        f"{text}; a new one was there {_since(sent, end.reconnected_ns)} later, and of its jobs "
        f"{again}{'' if began_ns is None else ' after it'}"
    )


def _away(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    back_ns = seen.after.answered_ns
    if back_ns is None:
        return "the server was not seen to answer again"
    lost = sum(
        left.reason == "died" and left.t_ns >= sent.t_ns for left in history.records.of(ChildExited)
    )
    died = f"{lost} worker{'' if lost == 1 else 's'} died since then" if lost else "no worker died"
    starts_ns = history.starts.t_ns
    later = starts_ns[starts_ns > back_ns]
    again = (
        f"the next execution began {seconds(int(np.min(later)) - back_ns):.1f} s after that"
        if later.size
        else "no execution began after that"
    )
    return f"the server answered again {_since(sent, back_ns)} after it; {died}, and {again}"


def _mid_batch(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    jobs = sent.before.jobs
    there = sum(history.jobs.number(job) is not None for job in jobs)
    resumed_ns = seen.after.resumed_ns
    went_on = (
        f"no other producer came within {_since(sent, seen.t_ns)}"
        if resumed_ns is None
        else f"another producer was there {_since(sent, resumed_ns)} later"
    )
    when = (
        "before the server was given its batch"
        if sent.before.side == "before"
        else "when the server had taken its batch, and before it was told so"
    )
    has = f"of its {len(jobs)} job{'' if len(jobs) == 1 else 's'} the queue has {there}"
    return f"a producer died {when}; {has}; {went_on}"


def _next_start_ns(history: History, worker: WorkerTarget, after_ns: int) -> int | None:
    """When a worker began its next execution."""
    starts = history.starts
    mine = (starts.key >> EXECUTION_BITS) == worker_key(worker.slot, worker.incarnation)
    later = starts.t_ns[mine & (starts.t_ns > after_ns)]
    return int(np.min(later)) if later.size else None


def _since(sent: FaultInjected, at_ns: int) -> str:
    return f"{seconds(at_ns - sent.t_ns):.1f} s"


_TOLD: Mapping[str, Callable[[History, FaultInjected, FaultEnded], Any]] = {
    "backend_terminate": _ended_sessions,
    "kill_during_enqueue": _mid_batch,
    "database_restart": _away,
    "database_crash": _away,
}
"""By a fault's `what`."""

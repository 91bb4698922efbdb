"""What became of workers whose sessions, or whose server, were taken from them, and of the batch of
a producer that died, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from analysis.evidence.run_spec import started_ns
from analysis.faults_named import fault_named
from analysis.history.columns import EXECUTION_BITS, worker_key
from analysis.history.history import History
from analysis.metrics.latency import NEVER, Instants, instants
from analysis.section import seconds
from orchestrator.history.records import ChildExited, FaultEnded, FaultInjected
from orchestrator.history.targets import WorkerTarget

_SQL_WIDTH = 60
"""So much of a statement is told."""


def server_findings(history: History) -> Iterator[str]:
    """A sentence for each such fault whose certificate was written."""
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    for sent in history.records.of(FaultInjected):
        told, seen = _TOLD.get(sent.what), ended.get(sent.fault)
        if told is not None and seen is not None and seen.what == sent.what:
            name = fault_named(sent.what, sent.fault).capitalize()
            yield f"{name}: {told(history, sent, seen)}."


def _ended_sessions(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    (worker,) = sent.target.workers
    end = seen.after
    count = len(end.terminated)
    whose = f"of slot {worker.slot} incarnation {worker.incarnation}"
    text = f"{count} session{'' if count == 1 else 's'} {whose} {_were(count)} told to end"
    if not end.lived:
        return f"{text}; the worker died of it"
    if end.freeze is not None:
        at = sent.before.at_point
        held = "at its round trip" if at is None else f"{at.side} {_short(at.statement)}"
        return f"{text}, held {held}; the worker lived when that was gone"
    if end.aimed_at:
        text = f"{text}, all that listened"
        if end.listening_again_ns is None:
            return f"{text}; none listened again within {_since(sent, seen.t_ns)}"
        return f"{text}; one listened again {_since(sent, end.listening_again_ns)} later"
    if end.reconnected_ns is None:
        return f"{text}; it opened no other one within {_since(sent, seen.t_ns)}"
    began_ns = _next_start_ns(history, worker, sent.t_ns)
    again = "none began any more" if began_ns is None else f"one began {_since(sent, began_ns)}"
    return (
        f"{text}; a new one was there {_since(sent, end.reconnected_ns)} later, and of its jobs "
        f"{again}{'' if began_ns is None else ' after it'}"
    )


def _short(statement: str) -> str:
    text = " ".join(statement.split())
    return text if len(text) <= _SQL_WIDTH else f"{text[:_SQL_WIDTH]} ..."


def _away(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    back_ns = seen.after.answered_ns
    if back_ns is None:
        return "the server was not seen to answer again"
    followed = _followed(history, sent, back_ns)
    return f"the server answered again {_since(sent, back_ns)} after it; {followed}"


def _shut(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    end = seen.after
    count = len(end.terminated)
    text = f"{count} session{'' if count == 1 else 's'} of the workers were told to end"
    if end.open_ns is None:
        return f"{text}; no new session was seen to read and write again"
    was = "refused" if end.saw == "refused" else "read-only"
    followed = _followed(history, sent, end.open_ns)
    return f"{text}, and new ones were {was} for {_since(sent, end.open_ns)}; {followed}"


def _locked(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    end = seen.after
    if end.had_ns is None or end.gone_ns is None:
        return "the queue's tables were not seen to be locked, and free again"
    waited = sum(waiter.worker for waiter in end.waiters)
    sessions = f"{waited} session{'' if waited == 1 else 's'} of the workers"
    followed = _followed(history, sent, end.gone_ns)
    return (
        f"{' and '.join(sent.before.tables)} {'was' if len(sent.before.tables) == 1 else 'were'} "
        f"locked for {_since(sent, end.gone_ns)}, and "
        f"{sessions} {'was' if waited == 1 else 'were'} seen to wait for it; {followed}"
    )


def _paused(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    end = seen.after
    if end.continued_ns is None or end.answered_ns is None:
        return "the server was not seen to answer again"
    followed = _followed(history, sent, end.answered_ns)
    return (
        f"the server's {len(end.pids)} processes were stopped for "
        f"{_since(sent, end.continued_ns)}; {followed}"
    )


def _pinned(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    end = seen.after
    if end.size is None or end.let_go_ns is None or end.xmin is None:
        return "no snapshot was seen to be held until its end"
    first, last = sent.before.size, end.size
    times = instants(history, None)
    begun_ns = started_ns(history) or sent.t_ns
    warm_ns = begun_ns + round(history.start.scenario.workload.warmup_s * 1e9)
    load_ns = begun_ns + round(history.start.scenario.workload.duration_s * 1e9)
    before = _pace(times, warm_ns, sent.t_ns)
    during = _pace(times, sent.t_ns, min(end.let_go_ns, load_ns))
    return (
        f"an idle transaction held xmin {end.xmin} for {_since(sent, end.let_go_ns)}; dead rows of "
        f"the queue's tables: {first.dead_rows} before, {last.dead_rows} at its end; their size: "
        f"{first.bytes} and {last.bytes} bytes; {before} before, {during} meanwhile"
    )


def _pace(times: Instants, from_ns: int, to_ns: int) -> str:
    """What was completed in a stretch of the load, and how soon its jobs were picked up."""
    if to_ns <= from_ns:
        return "nothing"
    done = int(np.sum((times.completed >= from_ns) & (times.completed < to_ns)))
    mine = (times.intended >= from_ns) & (times.intended < to_ns)
    waited_ns = np.sort(times.started[mine].astype(np.int64) - times.intended[mine])
    text = f"{done / seconds(to_ns - from_ns):.1f} jobs/s completed"
    if not waited_ns.size or int(waited_ns[(waited_ns.size - 1) // 2]) > NEVER // 2:
        return text
    return f"{text}, picked up in {waited_ns[(waited_ns.size - 1) // 2] / 1e6:.1f} ms (median)"


def _followed(history: History, sent: FaultInjected, back_ns: int) -> str:
    """Who died of it, and when work began again."""
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
    return f"{died}, and {again}"


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


def _swallowed(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    (worker,) = sent.target.workers
    end = seen.after
    if end.shut_ns is None or end.released_ns is None:
        return "the network was not seen to be out, and to be there again"
    held = sum(one.from_worker_bytes + one.from_server_bytes for one in end.connections)
    new = sum(one.is_new for one in end.connections)
    text = (
        f"nothing passed between slot {worker.slot} incarnation {worker.incarnation} and the "
        f"server for {seconds(end.released_ns - end.shut_ns):.1f} s; {held} bytes were held on "
        f"{_connections(len(end.connections))}, {new or 'none'} of them opened meanwhile"
    )
    return f"{text}; {_afterwards(history, worker, end.released_ns, lived=end.lived)}"


def _reset(history: History, sent: FaultInjected, seen: FaultEnded) -> str:
    (worker,) = sent.target.workers
    end = seen.after
    if end.reset_ns is None or end.accepted_ns is None:
        return "the network was not seen to be out, and to be there again"
    text = (
        f"{_connections(end.resets)} of slot {worker.slot} incarnation {worker.incarnation} were "
        f"reset, and {end.refused or 'no'} new one{'' if end.refused == 1 else 's'} within "
        f"{seconds(end.accepted_ns - end.reset_ns):.1f} s"
    )
    if not end.lived:
        return f"{text}; the worker died of it"
    if end.reconnected_ns is None:
        waited_s = seconds(seen.t_ns - end.accepted_ns)
        return f"{text}; it opened no other one within {waited_s:.1f} s after that"
    again_s = seconds(end.reconnected_ns - end.accepted_ns)
    text += f"; after that a new session was there {again_s:.1f} s later"
    return f"{text}; {_afterwards(history, worker, end.accepted_ns, lived=True)}"


def _afterwards(history: History, worker: WorkerTarget, back_ns: int, *, lived: bool) -> str:
    """Whether a worker lived, and worked once the network was there again."""
    began_ns = _next_start_ns(history, worker, back_ns)
    if not lived or (began_ns is None and _died(history, worker)):
        return "the worker died of it"
    if began_ns is None:
        return "the worker lived, and none of its jobs began any more"
    return f"the worker lived, and one of its jobs began {seconds(began_ns - back_ns):.1f} s later"


def _died(history: History, worker: WorkerTarget) -> bool:
    """Whether it ended unasked."""
    place = worker.slot, worker.incarnation
    return any(
        left.reason == "died" and (left.slot, left.incarnation) == place
        for left in history.records.of(ChildExited)
    )


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _connections(count: int) -> str:
    return f"{count} connection{'' if count == 1 else 's'}"


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
    "blackhole": _swallowed,
    "reset": _reset,
    "database_restart": _away,
    "database_crash": _away,
    "read_only": _shut,
    "pool_exhaustion": _shut,
    "table_lock": _locked,
    "database_pause": _paused,
    "pinned_snapshot": _pinned,
}
"""By a fault's `what`."""

"""A worker that came back under another's name is who its certificate says, and claims have their
time where a name is borne again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from analysis.checks.naming import jobs_named
from analysis.faults_named import nth
from analysis.history.columns import ABSENT
from analysis.history.history import History
from analysis.history.tables import STATE_CODES
from orchestrator.history.records import FaultEnded
from orchestrator.history.worker_faults import NamesakeEnd
from worker_child.protocol import ChildReady


def _as_announced(history: History) -> Iterator[str]:
    """Both names are those that the two workers announced, and the other one came next."""
    ready = {(one.slot, one.incarnation): one for one in history.records.of(ChildReady)}
    for seen in history.records.of(FaultEnded):
        end = seen.after
        if not isinstance(end, NamesakeEnd):
            continue
        name = f"Fault {nth(seen.fault)}"
        for worker in seen.target.workers:
            first = ready.get((worker.slot, worker.incarnation))
            if end.identity is not None and (first is None or first.identity != end.identity):
                yield f"{name}: its worker is said to have borne another name than it announced."
            if end.successor is None:
                continue  # its certificate says so
            then = ready.get((worker.slot, end.successor))
            told = None if then is None else (then.identity, then.t_ns)
            if told != (end.successor_identity, end.successor_ready_ns):
                yield f"{name}: the next worker of its slot announced itself otherwise."
            if end.successor != worker.incarnation + 1:
                yield f"{name}: the worker that bears its name is not the next of its slot."


def _times_of_claims(history: History) -> Iterator[str]:
    """Only a claimed row has been claimed, and before it was read."""
    for read in history.kill_reads:
        if read.claimed_ns is None:
            continue
        if read.state != "claimed":
            yield f"A row of {read.job_id} is {read.state}, and has the time of a claim."
        elif read.claimed_ns > read.t_ns:
            yield f"A row of {read.job_id} was read before the time of its claim."
    rows = history.rows
    told = rows.claimed_ns != ABSENT
    unclaimed = told & (rows.state != STATE_CODES["claimed"])
    if unclaimed.any():
        yield f"Rows that nobody holds have a claim's time: {_named(history, unclaimed)}."
    later = told & (rows.claimed_ns > rows.t_ns)
    if later.any():
        yield f"Rows were read before the time of their claim: {_named(history, later)}."


def _named(history: History, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    return jobs_named(history, np.unique(history.rows.job[mask]))


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_as_announced, _times_of_claims)

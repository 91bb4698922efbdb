"""The effects that were read at kills, held against each other and against the events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from analysis.history.columns import pack_one
from analysis.history.history import History
from orchestrator.history.records import FaultEnded, FaultInjected

MOST_NAMED = 3
_PIECE = 1 << 20
"""So many executions are looked at at once."""

Effects = dict[int, dict[str, set[int]]]
"""By a fault's number and a job's id: the keys of the executions whose effects its read has."""


def effects_at_kills(history: History) -> Iterator[str]:
    """No effect is read before its execution began, and none is gone at a later kill's read."""
    read_ns: dict[int, int] = {}
    effects: Effects = defaultdict(lambda: defaultdict(set))
    for read in history.kill_reads:
        if read.fault is not None and read.job_id is not None:
            read_ns[read.fault] = read.t_ns
            effects[read.fault][read.job_id] |= {pack_one(*effect) for effect in read.effects}
    yield from _read_too_early(history, effects)
    yield from _gone_between(history, read_ns, effects)


def _read_too_early(history: History, effects: Effects) -> Iterator[str]:
    """A read is stamped a little before its snapshot is taken, and was over when its certificate
    was closed: what began after that cannot be in it."""
    closed_ns = {ended.fault: ended.t_ns for ended in history.records.of(FaultEnded)}
    began = _began(
        history, [key for jobs in effects.values() for key in set().union(*jobs.values())]
    )
    early = {
        job_id
        for fault in effects.keys() & closed_ns.keys()
        for job_id, keys in effects[fault].items()
        if any(began[key] > closed_ns[fault] for key in keys & began.keys())
    }
    for job_id in sorted(early)[:MOST_NAMED]:
        yield f"An effect of {job_id} was read at a kill, and its execution began after that."


def _began(history: History, keys: list[int]) -> dict[int, int]:
    """When each of these executions began, by its key. Piece by piece: there are few of them among
    all, and a mask over millions costs."""
    began: dict[int, int] = {}
    if not keys:
        return began
    wanted = np.unique(np.array(keys, np.int64))
    for first in range(0, len(history.starts.key), _PIECE):
        key = history.starts.key[first : first + _PIECE]
        nearest = wanted[np.minimum(np.searchsorted(wanted, key), wanted.size - 1)]
        for place in np.flatnonzero(nearest == key).tolist():
            began[int(key[place])] = int(history.starts.t_ns[first + place])
    return began


def _gone_between(history: History, read_ns: dict[int, int], effects: Effects) -> Iterator[str]:
    """Unless the server itself was harmed between: a committed effect stays."""
    harmed = [sent.t_ns for sent in history.records.of(FaultInjected) if not sent.target.workers]
    seen: defaultdict[str, set[int]] = defaultdict(set)
    gone = set()
    for fault in sorted(read_ns, key=lambda fault: read_ns[fault]):
        if any(read_ns[fault] <= t_ns for t_ns in harmed):
            continue
        for job_id, keys in effects[fault].items():
            if seen[job_id] - keys:
                gone.add(job_id)
            seen[job_id] |= keys
    for job_id in sorted(gone)[:MOST_NAMED]:
        yield f"An effect of {job_id} was read at a kill and is gone at a later kill's read."

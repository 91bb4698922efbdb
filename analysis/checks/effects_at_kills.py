"""The effects that were read at kills, held against each other and against the events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from analysis.history.columns import pack_one
from analysis.history.history import History
from orchestrator.history.records import FaultInjected

MOST_NAMED = 3

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
    yield from _read_too_early(history, read_ns, effects)
    yield from _gone_between(history, read_ns, effects)


def _read_too_early(history: History, read_ns: dict[int, int], effects: Effects) -> Iterator[str]:
    wanted = {key for jobs in effects.values() for keys in jobs.values() for key in keys}
    if not wanted:
        return
    starts = history.starts
    mine = np.isin(starts.key, np.array([*wanted], np.int64))
    began = dict(zip(starts.key[mine].tolist(), starts.t_ns[mine].tolist(), strict=True))
    early = {
        job_id
        for fault, jobs in effects.items()
        for job_id, keys in jobs.items()
        if any(began.get(key, 0) > read_ns[fault] for key in keys)
    }
    for job_id in sorted(early)[:MOST_NAMED]:
        yield f"An effect of {job_id} was read at a kill, and its execution began after that."


def _gone_between(history: History, read_ns: dict[int, int], effects: Effects) -> Iterator[str]:
    """Unless the server itself was harmed between: a committed effect stays."""
    harmed = [sent.t_ns for sent in history.records.of(FaultInjected) if not sent.target.workers]
    last_harm_ns = max(harmed, default=-1)
    seen: defaultdict[str, set[int]] = defaultdict(set)
    gone = set()
    for fault in sorted(read_ns, key=lambda fault: read_ns[fault]):
        if read_ns[fault] <= last_harm_ns:
            continue
        for job_id, keys in effects[fault].items():
            if seen[job_id] - keys:
                gone.add(job_id)
            seen[job_id] |= keys
    for job_id in sorted(gone)[:MOST_NAMED]:
        yield f"An effect of {job_id} was read at a kill and is gone at a later kill's read."

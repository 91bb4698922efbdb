"""When what was there: the phases of a run, the lives of its workers and what they opened."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import orjson

from analysis.evidence.incarnations import Incarnation
from analysis.history.columns import worker_key
from analysis.history.history import History
from analysis.ledger.case import Case
from analysis.section import seconds
from analysis.summary.types import Opened, WorkerLife
from worker_child.protocol import ChildReady, Note


def phases_s(history: History) -> dict[str, float]:
    """By a phase: how long it took, seconds; empty where none was noted, or the run has no end."""
    noted = [
        (str(note.detail.get("phase")), note.t_ns)
        for note in history.records.of(Note)
        if note.code == "phase" and note.n is None
    ]
    if not noted or history.end is None:
        return {}
    begun = [("start", history.start.t_ns), *noted, ("", history.end.t_ns)]
    return {phase: seconds(until - since) for (phase, since), (_, until) in pairwise(begun)}


def worker_lives(case: Case) -> list[WorkerLife]:
    """Every incarnation that any line tells of, in order; empty where T = 0 never came."""
    started_ns = case.started_ns
    if started_ns is None:
        return []
    ready = case.history.records.of(ChildReady)
    names = {worker_key(said.slot, said.incarnation): said.identity for said in ready}
    return [_life(one, started_ns, names.get(one.key)) for one in case.incarnations]


def _life(one: Incarnation, started_ns: int, identity: str | None) -> WorkerLife:
    def since(at_ns: int | None) -> float | None:
        return None if at_ns is None else seconds(at_ns - started_ns)

    left = one.exited
    return WorkerLife(
        slot=one.slot,
        incarnation=one.number,
        spawned_s=since(one.spawned_ns),
        ready_s=since(one.ready_ns),
        left_s=since(None if left is None else left.t_ns),
        ended=None if left is None else left.reason,
        identity=identity,
        peak_rss_bytes=None if left is None else left.max_rss_bytes,
    )


def opened(history: History) -> list[Opened]:
    """What the workers said of what they had opened, each with how many said so."""
    alike: defaultdict[bytes, list[dict[str, Any]]] = defaultdict(list)
    for ready in history.records.of(ChildReady):
        if ready.effective:
            said = orjson.dumps(ready.effective, option=orjson.OPT_SORT_KEYS)
            alike[said].append(ready.effective)
    return [Opened(workers=len(same), what=same[0]) for _, same in sorted(alike.items())]

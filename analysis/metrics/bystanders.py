"""How long a bystander's transaction took in the same database, before a fault and during it."""

from __future__ import annotations

import numpy as np

from analysis.history.bystander import transactions_of
from analysis.history.history import History
from analysis.ledger.case import Case
from analysis.metrics.latency import Percentiles, by_group
from analysis.metrics.throughput import warm_ns
from analysis.section import Section
from orchestrator.history.records import FaultEnded, FaultInjected
from worker_child.protocol import Note

PINNED = "pinned_snapshot"
"""The fault whose runs have one."""


class BystanderFound(Section, frozen=True, kw_only=True):
    """The transactions of a session that has nothing to do with the queue, around one fault: from
    when each was begun until it was committed."""

    fault: int
    """The fault's number, from 0."""
    before: Percentiles
    """Of those begun after the warm-up and before the fault."""
    during: Percentiles
    """Of those begun while it lasted."""
    failed: int
    """Those of both that failed; they are in neither."""


def bystanders(case: Case) -> tuple[BystanderFound, ...]:
    """One for each held snapshot whose end was told of, in the order of time."""
    history = case.history
    since_ns = warm_ns(case)
    ended = {seen.fault: seen for seen in history.records.of(FaultEnded)}
    return tuple(
        _found(history, sent, seen, since_ns or 0)
        for sent in history.records.of(FaultInjected)
        if sent.what == PINNED and (seen := ended.get(sent.fault)) is not None
    )


def _found(
    history: History, sent: FaultInjected, seen: FaultEnded, since_ns: int
) -> BystanderFound:
    over_ns = seen.healed_ns or seen.t_ns
    told = transactions_of(history.records.of(Note))
    mine = [one for one in told if since_ns <= one.begun_ns < over_ns]
    good = [one for one in mine if not one.error]
    begun = np.array([one.begun_ns for one in good], np.int64)
    ended = np.array([one.over_ns for one in good], np.int64)
    group = (begun >= sent.t_ns).astype(np.int64)
    before, during = by_group(begun, ended, group, 2)
    return BystanderFound(
        fault=sent.fault, before=before, during=during, failed=len(mine) - len(good)
    )

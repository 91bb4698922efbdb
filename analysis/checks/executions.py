"""Whether executions are what METHODOLOGY says: numbered once, of one job, started before they end.

Vectorised: every event of a run passes through here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.history.columns import Bools, Ints, distinct_workers
from analysis.history.history import History

Misused = tuple[str, list[int]]
"""A reason's name, and the keys of the incarnations whose executions it voids."""


@dataclass(frozen=True, slots=True)
class _Starts:
    """All job_started lines by key; of those that share a key one stands for all: which does not
    matter, as they void their worker by themselves."""

    key: Ints
    job: Ints
    n: Ints


def misused_executions(history: History) -> list[Misused]:
    """Why some incarnations' executions prove nothing; the graver reason first.

    ``execution_reused``: one (slot, incarnation, execution) is started, completed or failed twice,
    or belongs to two jobs. ``started_missing``: a completion, a failure or an effect has no
    job_started of its own before it.
    """
    starts = _in_order(history)
    reused = [_repeated(t.key) for t in (history.starts, history.completions, history.failures)]
    unstarted = []
    for table in (history.completions, history.failures):
        other_job, missing = _unmatched(starts, table.key, table.job, table.n)
        reused.append(table.key[other_job])
        unstarted.append(table.key[missing])
    effects = history.effects
    other_job, missing = _unmatched(starts, effects.key, effects.job, None)
    reused.append(effects.key[other_job])
    unstarted.append(effects.key[missing])
    found = (("execution_reused", reused), ("started_missing", unstarted))
    return [(reason, _workers(keys)) for reason, keys in found]


def _in_order(history: History) -> _Starts:
    starts = history.starts
    order = np.argsort(starts.key, kind="stable")
    return _Starts(starts.key[order], starts.job[order], starts.n[order])


def _repeated(keys: Ints) -> Ints:
    # Each worker numbers upwards, so that the keys come nearly in order: a stable sort is fastest.
    ordered = np.sort(keys, kind="stable")
    twice: Ints = ordered[1:][ordered[1:] == ordered[:-1]]
    return twice


def _unmatched(starts: _Starts, key: Ints, job: Ints, n: Ints | None) -> tuple[Bools, Bools]:
    """Marks the lines whose execution was started for another job, and those never started.

    `n` None = the lines are no child's own, so that ordinals say nothing of their order.
    """
    if not starts.key.size:
        return np.zeros(len(key), np.bool_), np.ones(len(key), np.bool_)
    place = np.minimum(np.searchsorted(starts.key, key), len(starts.key) - 1)
    started = starts.key[place] == key
    own = starts.job[place] == job
    too_late = np.False_ if n is None else starts.n[place] >= n
    return started & ~own, ~started | (own & too_late)


def _workers(keys: list[Ints]) -> list[int]:
    return distinct_workers(np.concatenate(keys))

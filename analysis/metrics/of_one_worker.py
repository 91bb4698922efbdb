"""What one worker was at, and what it did from an instant on. `worker` is its key, times are
CLOCK_MONOTONIC nanoseconds."""

from __future__ import annotations

import numpy as np

from analysis.history.columns import EXECUTION_BITS, Ints
from analysis.history.history import History


def open_at(history: History, worker: int, at_ns: int) -> Ints:
    """Keys of the worker's executions that had started by then and had no end."""
    starts = history.starts
    mine = ((starts.key >> EXECUTION_BITS) == worker) & (starts.t_ns <= at_ns)
    over = [t.key[t.t_ns <= at_ns] for t in (history.completions, history.failures)]
    keys = starts.key[mine]
    return np.unique(keys[~np.isin(keys, np.concatenate(over))])


def count_after(keys: Ints, times: Ints, worker: int, since_ns: int) -> int:
    """How many of its lines are stamped later; `keys` and `times` are columns of one table."""
    return int(np.count_nonzero(((keys >> EXECUTION_BITS) == worker) & (times > since_ns)))

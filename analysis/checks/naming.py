"""How the sentences of the checks name what they speak of."""

from __future__ import annotations

import numpy as np

from analysis.history.columns import Ints
from analysis.history.history import History

MOST_NAMED = 3


def jobs_named(history: History, jobs: Ints) -> str:
    """The ids of some jobs, given by their numbers; of many the first few."""
    distinct = np.unique(jobs)
    some = ", ".join(history.jobs.name(job) for job in distinct[:MOST_NAMED].tolist())
    return some + (", ..." if distinct.size > MOST_NAMED else "")

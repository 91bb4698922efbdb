"""What a kill cost beside the time: work that was done and not recorded, and attempts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.evidence.deaths import Death
from analysis.history.columns import ABSENT, EXECUTION_BITS
from analysis.history.history import History
from analysis.section import seconds


def unacknowledged_ages(history: History, death: Death) -> tuple[list[float] | None, str | None]:
    """Ages at the kill of what had finished and was not acknowledged, or why they are not known.

    A worker lives on for a moment after the instant of its kill has been stamped: what it finished
    in that moment has the age 0.
    """
    unknown = death.claims_unknown
    if unknown and not death.at_least:
        return None, unknown
    finished = [j for j, phase in death.phases.items() if phase == "finished_unacknowledged"]
    table = history.completions
    mine = np.isin(table.job, finished) & ((table.key >> EXECUTION_BITS) == death.victim.key)
    last: dict[int, int] = {}
    for job, t_ns in zip(table.job[mine].tolist(), table.t_ns[mine].tolist(), strict=True):
        last[job] = max(last.get(job, t_ns), t_ns)
    died_ns = death.victim.died_ns
    return sorted(seconds(max(0, died_ns - t_ns)) for t_ns in last.values()), None


def attempts_used_up(history: History, death: Death) -> tuple[int | None, str | None]:
    """By how much the library's count of each orphan rose from the victim's execution to the next,
    or why that is not known. An orphan that had failed is charged for its error, not for the kill.
    """
    orphans = [j for j, phase in death.phases.items() if phase != "failed_unacknowledged"]
    return attempts_between(history, orphans, death.victim.key, death.victim.died_ns)


def attempts_between(
    history: History, jobs: Sequence[int], worker: int, since_ns: int
) -> tuple[int | None, str | None]:
    """By how much the library's count of each of `jobs` rose from the execution in a worker (its
    key) to the next one elsewhere after an instant, or why that is not known."""
    starts = history.starts
    places = np.flatnonzero(np.isin(starts.job, jobs) & (starts.library_attempt != ABSENT))
    before: dict[int, tuple[int, int]] = {}
    after: dict[int, tuple[int, int]] = {}
    for place in places.tolist():
        job, t_ns = int(starts.job[place]), int(starts.t_ns[place])
        told = (t_ns, int(starts.library_attempt[place]))
        is_its = int(starts.key[place]) >> EXECUTION_BITS == worker
        if is_its and t_ns <= since_ns:
            before[job] = max(before.get(job, told), told)
        elif not is_its and t_ns > since_ns:
            after[job] = min(after.get(job, told), told)
    both = before.keys() & after.keys()
    if not both:
        return None, "no orphan was started again with a count of the library's own"
    return sum(max(0, after[job][1] - before[job][1]) for job in both), None

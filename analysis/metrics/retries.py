"""What failed executions led to: the spacing of retries beside the library's plan, and its price.

A retry is a start whose job's previous execution had failed (METHODOLOGY, Words).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.figures import Figures, put, seconds
from analysis.history.columns import ABSENT, Ints, pack_one
from analysis.history.history import History
from analysis.history.tables import Starts
from analysis.metrics.latency import NEVER, first_ns, rank_of
from worker_child.protocol import JobRetried


@dataclass(frozen=True, slots=True)
class Retries:
    """One entry a retry."""

    failed_key: Ints
    """The execution that had failed."""
    after_attempt: Ints
    """Which attempt of its job that was, from 1."""
    spacing_ns: Ints
    """From its job_failed to the next job_started."""


def of_erring_jobs(history: History) -> Starts:
    """The starts of every job that failed at least once, in the order of job and time."""
    erring = np.zeros(len(history.jobs), np.bool_)
    erring[history.failures.job] = True
    starts = history.starts
    places = np.flatnonzero(erring[starts.job])
    order = places[np.lexsort((starts.key[places], starts.t_ns[places], starts.job[places]))]
    return Starts(*(getattr(starts, name)[order] for name in ("job", "key", "t_ns", "n", "inbox")))


def find_retries(history: History, starts: Starts) -> Retries:
    """All retries; `starts` = those of the erring jobs in their order."""
    failed_ns = look_up(history.failures.key, history.failures.t_ns, starts.key)
    if not len(starts):
        return Retries(starts.key, starts.key, starts.t_ns)
    same_job = starts.job[1:] == starts.job[:-1]
    spacing_ns = starts.t_ns[1:] - failed_ns[:-1]
    is_retry = same_job & (failed_ns[:-1] != ABSENT) & (spacing_ns >= 0)
    place = np.arange(len(starts))
    begins = np.r_[True, ~same_job]
    attempt = place - np.maximum.accumulate(np.where(begins, place, 0)) + 1
    return Retries(starts.key[:-1][is_retry], attempt[:-1][is_retry], spacing_ns[is_retry])


def look_up(keys: Ints, values: Ints, wanted: Ints) -> Ints:
    """For each wanted key its value, the least where it has several; `ABSENT` where it has none."""
    found = np.full(len(wanted), ABSENT, np.int64)
    if not keys.size:
        return found
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[places] == wanted
    found[known] = values[places[known]]
    return found


def planned_delays_ns(history: History) -> dict[int, int]:
    """By the failed execution's key: the delay that the library announced for its retry.

    A line that names no execution (seen in the rows) belongs to its job's last failure before it.
    """
    delays: dict[int, int] = {}
    failures = history.failures
    for retried in history.records.of(JobRetried):
        if retried.delay_s is None:
            continue
        if retried.slot is None or retried.incarnation is None or retried.execution is None:
            mine = failures.job == history.jobs.number(retried.job_id)
            before = np.flatnonzero(mine & (failures.t_ns <= retried.t_ns))
            if not before.size:
                continue
            key = int(failures.key[before[np.argmax(failures.t_ns[before])]])
        else:
            key = pack_one(retried.slot, retried.incarnation, retried.execution)
        delays.setdefault(key, round(retried.delay_s * 1e9))
    return delays


def spread_s(durations_ns: Ints) -> Figures:
    """n, mean, p50, p95 (nearest rank) and max of some durations; seconds."""
    n = len(durations_ns)
    if n == 0:
        return {"n": 0, **dict.fromkeys(("mean", "p50", "p95", "max")), "why": "there is none"}
    ordered = np.sort(durations_ns)
    return {
        "n": n,
        "mean": seconds(round(int(ordered.sum()) / n)),
        "p50": seconds(int(ordered[rank_of(n, 500) - 1])),
        "p95": seconds(int(ordered[rank_of(n, 950) - 1])),
        "max": seconds(int(ordered[-1])),
    }


def retries_block(history: History) -> Figures:
    """Spacing, the library's own plan and what it added to the jobs, all in seconds."""
    starts = of_erring_jobs(history)
    retries = find_retries(history, starts)
    delays = planned_delays_ns(history)
    planned_ns = np.array(
        [delays.get(key, ABSENT) for key in retries.failed_key.tolist()], np.int64
    )
    block: Figures = {
        "retries": len(retries.spacing_ns),
        "failed_without_retry": len(np.unique(history.failures.key)) - len(retries.failed_key),
        "by_attempt": [],
    }
    _put_spacing(block, retries.spacing_ns, planned_ns)
    for attempt in np.unique(retries.after_attempt).tolist():
        of_attempt = retries.after_attempt == attempt
        row: Figures = {"after_attempt": attempt}
        _put_spacing(row, retries.spacing_ns[of_attempt], planned_ns[of_attempt])
        block["by_attempt"].append(row)
    block["latency_added_s"] = spread_s(_added_ns(history, starts))
    return block


def _put_spacing(block: Figures, spacing_ns: Ints, planned_ns: Ints) -> None:
    block["spacing_s"] = spread_s(spacing_ns)
    known = planned_ns[planned_ns != ABSENT]
    announced = spread_s(known) if known.size else None
    put(block, "planned_delay_s", announced, "the library announced no delay")


def _added_ns(history: History, starts: Starts) -> Ints:
    """Of each job that failed and then completed: from its first start to the start of the
    execution that first completed it. A job that succeeds at once has nought."""
    jobs = len(history.jobs)
    failed = first_ns(history.failures, history.failures.t_ns, jobs)
    completions = history.completions
    erring = np.flatnonzero(failed[completions.job] != NEVER)
    order = np.lexsort((completions.key[erring], completions.t_ns[erring], completions.job[erring]))
    _, firsts = np.unique(completions.job[erring[order]], return_index=True)
    ours = erring[order][firsts]
    ours = ours[failed[completions.job[ours]] < completions.t_ns[ours]]
    began = first_ns(starts, starts.t_ns, jobs)[completions.job[ours]]
    last = look_up(starts.key, starts.t_ns, completions.key[ours])
    known = (began != NEVER) & (last != ABSENT)
    added: Ints = last[known] - began[known]
    return added

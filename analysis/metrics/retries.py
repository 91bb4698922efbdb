"""What failed executions led to: the spacing of retries beside the library's plan, and its price.

A retry is a start whose job's previous execution had failed (METHODOLOGY, Words).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from analysis.history.columns import ABSENT, Ints, pack_one
from analysis.history.history import History
from analysis.history.tables import Starts
from analysis.metrics.latency import NEVER, first_ns, rank_of
from analysis.section import Section, seconds, why_none
from worker_child.protocol import JobRetried

NO_DELAY = "the library announced no delay"


class Spread(Section, frozen=True, kw_only=True):
    """Of some durations, seconds; percentiles by nearest rank."""

    n: int
    """How many durations there are."""
    mean: float | None
    """Their mean, s."""
    p50: float | None
    """Their median, s."""
    p95: float | None
    """Their 95th percentile, s."""
    max: float | None
    """The longest, s."""
    why: str | None = None
    """Why all of it is null; left out where it is not."""


class RetriesAfter(Section, frozen=True, kw_only=True):
    """The retries that followed the nth attempt of their jobs."""

    after_attempt: int
    """Which attempt had failed, from 1."""
    spacing_s: Spread
    """From its job_failed to the next job_started, s."""
    planned_delay_s: Spread | None
    """The delays that the library announced for these retries, s."""
    planned_delay_s_why: str | None = None


class Retries(Section, frozen=True, kw_only=True):
    """How far apart retries were, beside the library's own plan, and what they cost."""

    retries: int
    """Starts of a job whose execution before had failed."""
    failed_without_retry: int
    """Failed executions that no retry followed."""
    by_attempt: list[RetriesAfter]
    """The same by the attempt that had failed."""
    spacing_s: Spread
    """From a job_failed to the next job_started of its job, s."""
    planned_delay_s: Spread | None
    """The delays that the library announced, s."""
    planned_delay_s_why: str | None = None
    latency_added_s: Spread
    """Of jobs that failed and then completed: from their first start to the start of the
    execution that first completed them, s."""


@dataclass(frozen=True, slots=True)
class FoundRetries:
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
    return Starts(**{each.name: getattr(starts, each.name)[order] for each in fields(starts)})


def find_retries(history: History, starts: Starts) -> FoundRetries:
    """All retries; `starts` = those of the erring jobs in their order."""
    failed_ns = look_up(history.failures.key, history.failures.t_ns, starts.key)
    if not len(starts):
        return FoundRetries(starts.key, starts.key, starts.t_ns)
    same_job = starts.job[1:] == starts.job[:-1]
    spacing_ns = starts.t_ns[1:] - failed_ns[:-1]
    is_retry = same_job & (failed_ns[:-1] != ABSENT) & (spacing_ns >= 0)
    place = np.arange(len(starts))
    begins = np.r_[True, ~same_job]
    attempt = place - np.maximum.accumulate(np.where(begins, place, 0)) + 1
    return FoundRetries(starts.key[:-1][is_retry], attempt[:-1][is_retry], spacing_ns[is_retry])


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


def spread_s(durations_ns: Ints) -> Spread:
    """n, mean, p50, p95 (nearest rank) and max of some durations; seconds."""
    n = len(durations_ns)
    if n == 0:
        return Spread(n=0, mean=None, p50=None, p95=None, max=None, why="there is none")
    ordered = np.sort(durations_ns)
    return Spread(
        n=n,
        mean=seconds(round(int(ordered.sum()) / n)),
        p50=seconds(int(ordered[rank_of(n, 500) - 1])),
        p95=seconds(int(ordered[rank_of(n, 950) - 1])),
        max=seconds(int(ordered[-1])),
    )


def retries_section(history: History) -> Retries:
    """Spacing, the library's own plan and what it added to the jobs, all in seconds."""
    starts = of_erring_jobs(history)
    found = find_retries(history, starts)
    delays = planned_delays_ns(history)
    planned_ns = np.array([delays.get(key, ABSENT) for key in found.failed_key.tolist()], np.int64)
    announced = _announced(planned_ns)
    return Retries(
        retries=len(found.spacing_ns),
        failed_without_retry=len(np.unique(history.failures.key)) - len(found.failed_key),
        by_attempt=[
            _after(attempt, found, planned_ns)
            for attempt in np.unique(found.after_attempt).tolist()
        ],
        spacing_s=spread_s(found.spacing_ns),
        planned_delay_s=announced,
        planned_delay_s_why=why_none(announced, NO_DELAY),
        latency_added_s=spread_s(_added_ns(history, starts)),
    )


def _after(attempt: int, found: FoundRetries, planned_ns: Ints) -> RetriesAfter:
    of_attempt = found.after_attempt == attempt
    announced = _announced(planned_ns[of_attempt])
    return RetriesAfter(
        after_attempt=attempt,
        spacing_s=spread_s(found.spacing_ns[of_attempt]),
        planned_delay_s=announced,
        planned_delay_s_why=why_none(announced, NO_DELAY),
    )


def _announced(planned_ns: Ints) -> Spread | None:
    known = planned_ns[planned_ns != ABSENT]
    return spread_s(known) if known.size else None


def _added_ns(history: History, starts: Starts) -> Ints:
    """Of each job that failed and then completed: from its first start to the start of the
    execution that first completed it. A job that succeeds at once has 0."""
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

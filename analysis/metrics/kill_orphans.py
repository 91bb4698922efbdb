"""From a kill until the jobs that it had cut off went on, and came to their end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.history.columns import EXECUTION_BITS
from analysis.history.history import History
from analysis.history.tables import STATE_CODES
from analysis.metrics.kill_evidence import Kill
from analysis.section import Duration, duration
from worker_child.protocol import JobDiscarded

NO_WORKER = "no worker outlived the lease of the dead one's jobs"


@dataclass(frozen=True, slots=True)
class Orphans:
    """From the kill until what it had cut off went on."""

    first: Duration
    """Until the first was started again."""
    last_pickup: Duration
    """Until the last of those that were."""
    expected: Duration
    """Until the first could be."""
    last: Duration
    """Until the last had come to its end."""


def orphans_of(kill: Kill) -> Orphans:
    since = kill.sent_ns
    orphans = sorted(kill.death.phases)
    starts = kill.history.starts
    mine = np.isin(starts.job, orphans) & (starts.t_ns > since)
    again = mine & ((starts.key >> EXECUTION_BITS) != kill.victim.key)
    firsts: dict[int, int] = {}
    for job, t_ns in zip(starts.job[again].tolist(), starts.t_ns[again].tolist(), strict=True):
        firsts[job] = min(firsts.get(job, t_ns), t_ns)
    why = "no orphan was picked up again" if orphans else "the kill found nothing in flight"
    first = duration(since, min(firsts.values(), default=None), why)
    last_pickup = duration(since, max(firsts.values(), default=None), why)
    settled_ns, unsettled = _settled_ns(kill, orphans)
    if orphans and unsettled:
        why = _unsettled(unsettled, len(orphans), any_again=bool(firsts))
    elif orphans and settled_ns is None:
        why = "all had finished before the kill, or were given up, and none was run again"
    last = duration(since, None if unsettled else settled_ns, why)
    why = kill.death.claims_unknown or f"the adapter gave no instant, or {NO_WORKER}"
    return Orphans(first, last_pickup, duration(since, _expected_pickup_ns(kill), why), last)


def _unsettled(unsettled: int, orphans: int, *, any_again: bool) -> str:
    if not any_again:
        return f"none of {orphans} orphans was taken up again"
    return f"{unsettled} of {orphans} orphans did not come to their end"


def _settled_ns(kill: Kill, orphans: list[int]) -> tuple[int | None, int]:
    """When the last orphan was completed or discarded after the kill, and how many never were.
    One whose row is dead in the end has settled, though nobody said when.

    An orphan that had finished before the kill and that the queue settled without running it
    again took no time.
    """
    settled = _discarded_after(kill)
    table = kill.history.completions
    after = np.isin(table.job, orphans) & (table.t_ns > kill.sent_ns)
    after &= (table.key >> EXECUTION_BITS) != kill.victim.key
    for job, t_ns in zip(table.job[after].tolist(), table.t_ns[after].tolist(), strict=True):
        settled[job] = min(settled.get(job, t_ns), t_ns)
    owed = _still_owed(kill.history)
    finished = {
        job for job, phase in kill.death.phases.items() if phase == "finished_unacknowledged"
    }
    times = [settled[job] for job in orphans if job in settled]
    finished |= _given_up(kill.history)
    unsettled = sum(job not in settled and (job not in finished or job in owed) for job in orphans)
    return max(times, default=None), unsettled


def _discarded_after(kill: Kill) -> dict[int, int]:
    number = kill.history.jobs.number
    discards = kill.history.records.of(JobDiscarded)
    after = [discard for discard in reversed(discards) if discard.t_ns > kill.sent_ns]
    return {job: d.t_ns for d in after if (job := number(d.job_id)) is not None}


def _still_owed(history: History) -> set[int]:
    """Numbers of the jobs that the queue still has work with at the final read."""
    unsettled = history.rows.state < STATE_CODES["dead"]
    return set(history.rows.job[unsettled].tolist())


def _given_up(history: History) -> set[int]:
    """Numbers of the jobs that the queue calls dead at the final read."""
    return set(history.rows.job[history.rows.state == STATE_CODES["dead"]].tolist())


def _expected_pickup_ns(kill: Kill) -> int | None:
    """When the first orphan could be claimed: its lease is over and some worker is ready."""
    claimable_ns, rescuer = kill.death.claimable_ns, kill.victim.rescuer
    if claimable_ns is None or rescuer is None:
        return None
    return max(claimable_ns, rescuer.ready_ns)

"""How long the queue took to recover from each kill, and what the kill had found in flight.

Every duration counts from `kill_sent`, the instant stamped just before the signal, except where
the name says from what else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.evidence import backlog
from analysis.evidence.deaths import PHASES, Death
from analysis.evidence.hiccups import HiccupMeter
from analysis.evidence.incarnations import Incarnation, Incarnations
from analysis.figures import Figures, put, put_since
from analysis.history.columns import EXECUTION_BITS, INCARNATION_BITS, Bools, Ints
from analysis.history.history import History
from analysis.history.tables import STATE_CODES
from orchestrator.history.records import FaultInjected, Rescue
from orchestrator.scenario.types import Fault
from worker_child.protocol import JobDiscarded

EVENTS_ALONE = ("started", "effect_done")
"""The phases that the events and effects tell without the rows."""
MAX_LATE_S = 0.05
"""A timed kill that is sent later than this after its intended instant is late."""
MAX_RESPAWN_DELAY_S = 0.1
"""A respawn that comes later than this after its planned instant was held up by the machine."""


@dataclass(frozen=True, slots=True)
class _Kill:
    """One kill, and what every figure of it needs."""

    history: History
    incarnations: Incarnations
    death: Death
    fault: FaultInjected
    planned: Fault | None
    """The scenario's entry that it comes from."""

    @property
    def victim(self) -> Incarnation:
        return self.death.victim

    @property
    def successor(self) -> Incarnation | None:
        place = self.victim.successor
        return None if place is None else self.incarnations.get(*place)

    def earliest(self, mask: Bools) -> int | None:
        """The first job_started among those that `mask` marks."""
        times = self.history.starts.t_ns[mask]
        return int(times.min()) if times.size else None


def recoveries(
    history: History,
    incarnations: Incarnations,
    deaths: list[Death],
    certificates: Mapping[int, Figures],
    duplicates: Mapping[int, int],
    hiccups: HiccupMeter,
    planned: list[Fault],
) -> list[Figures]:
    """One block of figures a kill, the first kill first.

    `certificates`, `duplicates` (how many duplicate executions belong to it) and `planned` (the
    scenario's entry) are by fault.
    """
    blocks = []
    for death in deaths:
        fault = death.victim.fault
        if fault is None:
            continue
        entry = planned[fault.fault] if 0 <= fault.fault < len(planned) else None
        block = _figures(_Kill(history, incarnations, death, fault, entry), hiccups)
        block["certificate"] = certificates[fault.fault]
        block["duplicates"] = duplicates.get(fault.fault, 0)
        blocks.append(block)
    return blocks


def _figures(kill: _Kill, hiccups: HiccupMeter) -> Figures:
    fault = kill.fault
    figures: Figures = {
        "fault": fault.fault,
        "slot": kill.victim.slot,
        "incarnation": kill.victim.number,
        "kill_sent_ns": fault.t_ns,
        "trigger": fault.trigger,
        "phases_s": fault.phases_s,
        "raced": kill.victim.certificate is not None and kill.victim.certificate.raced,
        "orphans": len(kill.death.phases),
        "found": _found(kill.death),
    }
    _put_lateness(figures, fault)
    _put_resumption(kill, figures)
    _put_orphans(kill, figures)
    _put_backlog(kill, figures)
    _put_bound(kill, figures, kill.history.start.rescue)
    spent = [
        figures[name]
        for name in ("time_to_resume_s", "last_orphan_settled_s", "backlog_recovered_s")
        if figures[name] is not None
    ]
    end_ns = fault.t_ns + round(max(spent, default=0.0) * 1e9)
    why = "no hiccup sample covers the recovery"
    limited = _respawned_late(kill, figures) or hiccups.tripped(fault.t_ns, end_ns)
    put(figures, "machine_limited", limited, why)
    return figures


def _put_lateness(figures: Figures, fault: FaultInjected) -> None:
    """Set `late` and `late_s`: a timed kill that came late met another moment than was drawn."""
    intended_ns = fault.intended_ns if fault.trigger == "timed" else None
    put_since(figures, "late_s", intended_ns, fault.t_ns, "the kill was planned for no instant")
    figures["late"] = figures["late_s"] is not None and figures["late_s"] > MAX_LATE_S
    figures["biased"] = fault.biased or figures["late"]


def _respawned_late(kill: _Kill, figures: Figures) -> bool:
    planned_s = kill.planned.outage_s if kill.planned else None
    respawned_s = figures["respawned_s"]
    if planned_s is None or respawned_s is None:
        return False
    return bool(respawned_s - planned_s > MAX_RESPAWN_DELAY_S)


def _found(death: Death) -> Figures:
    found: Figures = {}
    for phase in PHASES:
        known = death.claims_unknown is None or phase in EVENTS_ALONE
        found[phase] = death.count(phase) if known else None
    certificate = death.victim.certificate
    found["raced"] = certificate is not None and certificate.raced
    if death.claims_unknown is not None:
        found["why"] = death.claims_unknown
    return found


def _put_resumption(kill: _Kill, figures: Figures) -> None:
    since, end, successor = kill.fault.t_ns, kill.victim.end, kill.successor
    reaped_ns = end.reaped_ns if end else None
    gone_ns = end.sessions_gone_ns if end else None
    spawned_ns = successor.spawned_ns if successor else None
    ready_ns = successor.ready_ns if successor else None
    put_since(figures, "reaped_s", since, reaped_ns, "the victim was not seen to be reaped")
    put_since(figures, "sessions_gone_s", since, gone_ns, "its sessions were not seen to go")
    put_since(figures, "respawned_s", since, spawned_ns, "the slot was not filled again")
    put_since(figures, "ready_s", since, ready_ns, "no later incarnation of the slot was ready")
    resumed_ns = _resumed_ns(kill)
    why = "no later incarnation of the slot started a job"
    put_since(figures, "time_to_resume_s", since, resumed_ns, why)
    put_since(figures, "resume_after_respawn_s", spawned_ns, resumed_ns, why)
    put_since(figures, "resume_after_ready_s", ready_ns, resumed_ns, why)
    why = "no other slot had a live worker that started a job"
    put_since(figures, "survivor_next_pickup_s", since, _survivor_pickup_ns(kill), why)


def _slots_and_numbers(keys: Ints) -> tuple[Ints, Ints]:
    workers = keys >> EXECUTION_BITS
    return workers >> INCARNATION_BITS, workers & ((1 << INCARNATION_BITS) - 1)


def _resumed_ns(kill: _Kill) -> int | None:
    slots, numbers = _slots_and_numbers(kill.history.starts.key)
    return kill.earliest((slots == kill.victim.slot) & (numbers > kill.victim.number))


def _survivors(kill: _Kill) -> list[int]:
    """The keys of the workers in other slots that lived on."""
    kill_ns = kill.fault.t_ns
    return [
        member.key
        for member in kill.incarnations
        if member.slot != kill.victim.slot
        and (member.spawned_ns is None or member.spawned_ns < kill_ns)
        and (member.gone_ns is None or member.gone_ns > kill_ns)
    ]


def _survivor_pickup_ns(kill: _Kill) -> int | None:
    starts = kill.history.starts
    theirs = np.isin(starts.key >> EXECUTION_BITS, _survivors(kill))
    return kill.earliest(theirs & (starts.t_ns > kill.fault.t_ns))


def _expected_pickup_ns(kill: _Kill) -> int | None:
    """When the first orphan could be claimed: its lease is over and some worker is ready."""
    claimable_ns = kill.death.claimable_ns
    if claimable_ns is None or _survivors(kill):
        return claimable_ns
    ready_ns = kill.successor.ready_ns if kill.successor else None
    return None if ready_ns is None else max(claimable_ns, ready_ns)


def _put_orphans(kill: _Kill, figures: Figures) -> None:
    since = kill.fault.t_ns
    orphans = sorted(kill.death.phases)
    starts = kill.history.starts
    mine = np.isin(starts.job, orphans) & (starts.t_ns > since)
    picked_ns = kill.earliest(mine & ((starts.key >> EXECUTION_BITS) != kill.victim.key))
    why = "no orphan was picked up again" if orphans else "the kill found nothing in flight"
    put_since(figures, "first_orphan_pickup_s", since, picked_ns, why)
    settled_ns, unsettled = _settled_ns(kill, orphans)
    if orphans and unsettled:
        why = f"{unsettled} of {len(orphans)} orphans were not seen to settle"
    elif orphans and settled_ns is None:
        why = "all had finished before the kill and none was run again"
    put_since(figures, "last_orphan_settled_s", since, None if unsettled else settled_ns, why)
    why = kill.death.claims_unknown or "the adapter gave no instant, or no worker was ready again"
    put_since(figures, "expected_first_orphan_s", since, _expected_pickup_ns(kill), why)


def _settled_ns(kill: _Kill, orphans: list[int]) -> tuple[int | None, int]:
    """When the last orphan was completed or discarded after the kill, and how many never were.

    An orphan that had finished before the kill and that the queue settled without running it
    again took no time.
    """
    settled = _discarded_after(kill)
    table = kill.history.completions
    after = np.isin(table.job, orphans) & (table.t_ns > kill.fault.t_ns)
    after &= (table.key >> EXECUTION_BITS) != kill.victim.key
    for job, t_ns in zip(table.job[after].tolist(), table.t_ns[after].tolist(), strict=True):
        settled[job] = min(settled.get(job, t_ns), t_ns)
    owed = _still_owed(kill.history)
    finished = {
        job for job, phase in kill.death.phases.items() if phase == "finished_unacknowledged"
    }
    times = [settled[job] for job in orphans if job in settled]
    unsettled = sum(job not in settled and (job not in finished or job in owed) for job in orphans)
    return max(times, default=None), unsettled


def _discarded_after(kill: _Kill) -> dict[int, int]:
    number = kill.history.jobs.number
    discards = kill.history.records.of(JobDiscarded)
    after = [discard for discard in reversed(discards) if discard.t_ns > kill.fault.t_ns]
    return {job: d.t_ns for d in after if (job := number(d.job_id)) is not None}


def _still_owed(history: History) -> set[int]:
    """Numbers of the jobs that the queue still has work with at the final read."""
    unsettled = history.rows.state < STATE_CODES["dead"]
    return set(history.rows.job[unsettled].tolist())


def _put_backlog(kill: _Kill, figures: Figures) -> None:
    """Counted while the slot is filled; from the kill on where it was never filled again."""
    kill_ns, successor = kill.fault.t_ns, kill.successor
    since_ns = kill_ns if successor is None else successor.ready_ns
    recovered_ns = None
    why = "the next incarnation never became ready"
    if since_ns is not None:
        recovered_ns = backlog.recovered_ns(kill.history, kill_ns, since_ns)
        why = "no five samples of the backlog running were back in the band"
    put_since(figures, "backlog_recovered_s", kill_ns, recovered_ns, why)


def _put_bound(kill: _Kill, figures: Figures, rescue: Rescue | None) -> None:
    if rescue is None:
        why = "this preset never rescues by itself"
    else:
        why = "the next incarnation never became ready"
    put(figures, "predicted_bound_s", kill.victim.bound_s, why)
    picked_s, bound_s = figures["first_orphan_pickup_s"], figures["predicted_bound_s"]
    within = None if picked_s is None or bound_s is None else picked_s <= bound_s
    put(figures, "within_bound", within, "there is no bound, or no orphan was picked up again")

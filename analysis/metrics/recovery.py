"""How long the queue took to recover from each kill, and what the kill had found in flight.

Every duration counts from `kill_sent`, the instant stamped just before the signal, except where
the name says from what else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.checks.certificates import Certificate, KillCertificate
from analysis.evidence import backlog
from analysis.evidence.deaths import Death
from analysis.evidence.hiccups import HiccupMeter
from analysis.evidence.incarnations import Incarnation, Incarnations
from analysis.history.columns import EXECUTION_BITS, INCARNATION_BITS, Bools, Ints
from analysis.history.history import History
from analysis.history.tables import STATE_CODES
from analysis.metrics.kill_types import FoundInFlight, Recovery
from analysis.section import Duration, duration, seconds, why_none
from orchestrator.history.records import FaultInjected
from orchestrator.scenario.types import Fault
from worker_child.protocol import JobDiscarded

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
    certificate: KillCertificate
    duplicates: int

    @property
    def victim(self) -> Incarnation:
        return self.death.victim

    @property
    def sent_ns(self) -> int:
        return self.fault.t_ns

    @property
    def raced(self) -> bool:
        return self.victim.certificate is not None and self.victim.certificate.raced

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
    certificates: Mapping[int, Certificate],
    duplicates: Mapping[int, int],
    hiccups: HiccupMeter,
    planned: list[Fault],
) -> list[Recovery]:
    """One entry a kill, the first kill first.

    `certificates`, `duplicates` (how many duplicate executions belong to it) and `planned` (the
    scenario's entry) are by fault.
    """
    entries = []
    for death in deaths:
        fault = death.victim.fault
        if fault is None:
            continue
        found = certificates[fault.fault]
        assert isinstance(found, KillCertificate), f"fault {fault.fault} ends workers as no kill"
        kill = _Kill(
            history=history,
            incarnations=incarnations,
            death=death,
            fault=fault,
            planned=planned[fault.fault] if 0 <= fault.fault < len(planned) else None,
            certificate=found,
            duplicates=duplicates.get(fault.fault, 0),
        )
        entries.append(_recovery(kill, hiccups))
    return entries


def _recovery(kill: _Kill, hiccups: HiccupMeter) -> Recovery:
    fault = kill.fault
    late, resumption, orphans = _lateness(fault), _resumption(kill), _orphans(kill)
    is_late = late.s is not None and late.s > MAX_LATE_S
    backlog_back, bound = _backlog_back(kill), _bound(kill)
    ages = _unacknowledged_ages(kill)
    within = None if orphans.first.s is None or bound.s is None else orphans.first.s <= bound.s
    spent = (resumption.resumed.s, orphans.last.s, backlog_back.s)
    end_ns = fault.t_ns + round(max((s for s in spent if s is not None), default=0.0) * 1e9)
    limited = _respawned_late(kill, resumption) or hiccups.tripped(fault.t_ns, end_ns)
    return Recovery(
        fault=fault.fault,
        slot=kill.victim.slot,
        incarnation=kill.victim.number,
        trigger=fault.trigger,
        kill_sent_ns=fault.t_ns,
        late_s=late.s,
        late_s_why=late.why,
        late=is_late,
        biased=fault.biased or is_late,
        phases_s=fault.phases_s,
        raced=kill.raced,
        certificate=kill.certificate,
        orphans=len(kill.death.phases),
        found=_found(kill),
        duplicates=kill.duplicates,
        unacknowledged_age_s=ages,
        unacknowledged_age_s_why=why_none(ages, kill.death.claims_unknown or ""),
        reaped_s=resumption.reaped.s,
        reaped_s_why=resumption.reaped.why,
        sessions_gone_s=resumption.sessions_gone.s,
        sessions_gone_s_why=resumption.sessions_gone.why,
        respawned_s=resumption.respawned.s,
        respawned_s_why=resumption.respawned.why,
        ready_s=resumption.ready.s,
        ready_s_why=resumption.ready.why,
        time_to_resume_s=resumption.resumed.s,
        time_to_resume_s_why=resumption.resumed.why,
        resume_after_respawn_s=resumption.after_respawn.s,
        resume_after_respawn_s_why=resumption.after_respawn.why,
        resume_after_ready_s=resumption.after_ready.s,
        resume_after_ready_s_why=resumption.after_ready.why,
        survivor_next_pickup_s=resumption.survivor.s,
        survivor_next_pickup_s_why=resumption.survivor.why,
        first_orphan_pickup_s=orphans.first.s,
        first_orphan_pickup_s_why=orphans.first.why,
        last_orphan_pickup_s=orphans.last_pickup.s,
        last_orphan_pickup_s_why=orphans.last_pickup.why,
        expected_first_orphan_s=orphans.expected.s,
        expected_first_orphan_s_why=orphans.expected.why,
        predicted_bound_s=bound.s,
        predicted_bound_s_why=bound.why,
        within_bound=within,
        within_bound_why=why_none(within, "there is no bound, or no orphan was picked up again"),
        last_orphan_settled_s=orphans.last.s,
        last_orphan_settled_s_why=orphans.last.why,
        backlog_recovered_s=backlog_back.s,
        backlog_recovered_s_why=backlog_back.why,
        machine_limited=limited,
        machine_limited_why=why_none(limited, "no hiccup sample covers the recovery"),
    )


def _lateness(fault: FaultInjected) -> Duration:
    """A timed kill that came late met another moment than was drawn."""
    intended_ns = fault.intended_ns if fault.trigger == "timed" else None
    return duration(intended_ns, fault.t_ns, "the kill was planned for no instant")


def _respawned_late(kill: _Kill, resumption: _Resumption) -> bool:
    planned_s = kill.planned.outage_s if kill.planned else None
    respawned_s = resumption.respawned.s
    if planned_s is None or respawned_s is None:
        return False
    return respawned_s - planned_s > MAX_RESPAWN_DELAY_S


def _found(kill: _Kill) -> FoundInFlight:
    """Where the rows are not known, the events and effects still tell what had started."""
    count, unknown = kill.death.count, kill.death.claims_unknown
    return FoundInFlight(
        claimed=None if unknown else count("claimed"),
        started=count("started"),
        effect_done=count("effect_done"),
        finished_unacknowledged=None if unknown else count("finished_unacknowledged"),
        failed_unacknowledged=None if unknown else count("failed_unacknowledged"),
        raced=kill.raced,
        why=unknown,
    )


def _unacknowledged_ages(kill: _Kill) -> list[float] | None:
    """Since when each job was done that the queue did not know as done; None = rows not known."""
    if kill.death.claims_unknown is not None:
        return None
    wanted = [job for job, phase in kill.death.phases.items() if phase == "finished_unacknowledged"]
    table = kill.history.completions
    theirs = (table.key >> EXECUTION_BITS) == kill.victim.key
    theirs &= np.isin(table.job, wanted)
    last: dict[int, int] = {}
    for job, t_ns in zip(table.job[theirs].tolist(), table.t_ns[theirs].tolist(), strict=True):
        last[job] = max(last.get(job, t_ns), t_ns)
    return sorted(seconds(kill.sent_ns - t_ns) for t_ns in last.values())


@dataclass(frozen=True, slots=True)
class _Resumption:
    """From the kill until work went on."""

    reaped: Duration
    sessions_gone: Duration
    respawned: Duration
    ready: Duration
    resumed: Duration
    after_respawn: Duration
    after_ready: Duration
    survivor: Duration


def _resumption(kill: _Kill) -> _Resumption:
    since, end, successor = kill.sent_ns, kill.victim.end, kill.successor
    reaped_ns = end.reaped_ns if end else None
    gone_ns = end.sessions_gone_ns if end else None
    spawned_ns = successor.spawned_ns if successor else None
    ready_ns = successor.ready_ns if successor else None
    resumed_ns = _resumed_ns(kill)
    not_resumed = "no later incarnation of the slot started a job"
    no_survivor = "no other slot had a live worker that started a job"
    return _Resumption(
        reaped=duration(since, reaped_ns, "the victim was not seen to be reaped"),
        sessions_gone=duration(since, gone_ns, "its sessions were not seen to go"),
        respawned=duration(since, spawned_ns, "the slot was not filled again"),
        ready=duration(since, ready_ns, "no later incarnation of the slot was ready"),
        resumed=duration(since, resumed_ns, not_resumed),
        after_respawn=duration(spawned_ns, resumed_ns, not_resumed),
        after_ready=duration(ready_ns, resumed_ns, not_resumed),
        survivor=duration(since, _survivor_pickup_ns(kill), no_survivor),
    )


def _slots_and_numbers(keys: Ints) -> tuple[Ints, Ints]:
    workers = keys >> EXECUTION_BITS
    return workers >> INCARNATION_BITS, workers & ((1 << INCARNATION_BITS) - 1)


def _resumed_ns(kill: _Kill) -> int | None:
    slots, numbers = _slots_and_numbers(kill.history.starts.key)
    return kill.earliest((slots == kill.victim.slot) & (numbers > kill.victim.number))


def _survivors(kill: _Kill) -> list[int]:
    """The keys of the workers in other slots that lived on."""
    kill_ns = kill.sent_ns
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
    return kill.earliest(theirs & (starts.t_ns > kill.sent_ns))


def _expected_pickup_ns(kill: _Kill) -> int | None:
    """When the first orphan could be claimed: its lease is over and some worker is ready."""
    claimable_ns = kill.death.claimable_ns
    if claimable_ns is None or _survivors(kill):
        return claimable_ns
    ready_ns = kill.successor.ready_ns if kill.successor else None
    return None if ready_ns is None else max(claimable_ns, ready_ns)


@dataclass(frozen=True, slots=True)
class _Orphans:
    """From the kill until what it had cut off went on."""

    first: Duration
    """Until the first was started again."""
    last_pickup: Duration
    """Until the last of those that were started again was."""
    expected: Duration
    """Until the first could be."""
    last: Duration
    """Until the last had come to its end."""


def _orphans(kill: _Kill) -> _Orphans:
    since = kill.sent_ns
    orphans = sorted(kill.death.phases)
    starts = kill.history.starts
    mine = np.isin(starts.job, orphans) & (starts.t_ns > since)
    mine &= (starts.key >> EXECUTION_BITS) != kill.victim.key
    pickups: dict[int, int] = {}
    for job, t_ns in zip(starts.job[mine].tolist(), starts.t_ns[mine].tolist(), strict=True):
        pickups[job] = min(pickups.get(job, t_ns), t_ns)
    picked_ns, last_ns = min(pickups.values(), default=None), max(pickups.values(), default=None)
    why = "no orphan was picked up again" if orphans else "the kill found nothing in flight"
    first, last_pickup = duration(since, picked_ns, why), duration(since, last_ns, why)
    settled_ns, unsettled = _settled_ns(kill, orphans)
    if orphans and unsettled:
        why = f"{unsettled} of {len(orphans)} orphans were not seen to settle"
    elif orphans and settled_ns is None:
        why = "all had finished before the kill and none was run again"
    last = duration(since, None if unsettled else settled_ns, why)
    why = kill.death.claims_unknown or "the adapter gave no instant, or no worker was ready again"
    return _Orphans(first, last_pickup, duration(since, _expected_pickup_ns(kill), why), last)


def _settled_ns(kill: _Kill, orphans: list[int]) -> tuple[int | None, int]:
    """When the last orphan was completed or discarded after the kill, and how many never were.

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
    unsettled = sum(job not in settled and (job not in finished or job in owed) for job in orphans)
    return max(times, default=None), unsettled


def _discarded_after(kill: _Kill) -> dict[int, int]:
    number = kill.history.jobs.number
    discards = kill.history.records.of(JobDiscarded)
    after = [discard for discard in reversed(discards) if discard.t_ns > kill.sent_ns]
    return {job: d.t_ns for d in after if (job := number(d.job_id)) is not None}


def _still_owed(history: History) -> set[int]:
    """Numbers of the jobs that the queue still has work with at the final read."""
    unsettled = history.rows.state < STATE_CODES["dead"]
    return set(history.rows.job[unsettled].tolist())


def _backlog_back(kill: _Kill) -> Duration:
    """Counted while the slot is filled; from the kill on where it was never filled again."""
    successor = kill.successor
    since_ns = kill.sent_ns if successor is None else successor.ready_ns
    if since_ns is None:
        return Duration(None, "the next incarnation never became ready")
    recovered_ns = backlog.recovered_ns(kill.history, kill.sent_ns, since_ns)
    why = "no five samples of the backlog running were back in the band"
    return duration(kill.sent_ns, recovered_ns, why)


def _bound(kill: _Kill) -> Duration:
    """Until when an orphan must have been picked up, by the adapter's formula."""
    if kill.history.start.rescue is None:
        why = "this preset never rescues by itself"
    else:
        why = "the next incarnation never became ready"
    return Duration(kill.victim.bound_s, why_none(kill.victim.bound_s, why))

"""How long the queue took to recover from each kill, and what the kill had found in flight.

Every duration counts from `kill_sent`, the instant stamped just before the signal, except where
the name says from what else.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.checks.forms.form import Certificate
from analysis.checks.forms.kill import KillCertificate
from analysis.evidence import backlog
from analysis.evidence.deaths import Death
from analysis.evidence.hiccups import HiccupMeter
from analysis.evidence.incarnations import Incarnations
from analysis.history.history import History
from analysis.metrics.kill_cost import attempts_used_up, unacknowledged_ages
from analysis.metrics.kill_evidence import Kill
from analysis.metrics.kill_orphans import NO_WORKER, orphans_of
from analysis.metrics.kill_resumption import Resumption, resumption_of
from analysis.metrics.kill_types import FoundInFlight, Recovery
from analysis.section import Duration, duration, why_none
from orchestrator.history.records import FaultInjected
from orchestrator.scenario.faults import Fault

MAX_LATE_S = 0.05
"""A timed kill that is sent later than this after its intended instant is late."""
MAX_RESPAWN_DELAY_S = 0.1
"""A respawn that comes later than this after its planned instant was held up by the machine."""
MISSED_BY_S = 0.1
"""A bound is missed where the first orphan comes later than it by more than this."""


def recoveries(
    history: History,
    incarnations: Incarnations,
    deaths: list[Death],
    certificates: Mapping[int, Certificate],
    duplicates: Mapping[int, int],
    hiccups: HiccupMeter,
    planned: Mapping[int, Fault],
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
        kill = Kill(
            history=history,
            incarnations=incarnations,
            death=death,
            fault=fault,
            planned=planned.get(fault.fault),
            certificate=found,
            duplicates=duplicates.get(fault.fault, 0),
        )
        entries.append(_recovery(kill, hiccups))
    return entries


def _recovery(kill: Kill, hiccups: HiccupMeter) -> Recovery:
    fault = kill.fault
    late, resumption, orphans = _lateness(fault), resumption_of(kill), orphans_of(kill)
    is_late = late.s is not None and late.s > MAX_LATE_S
    backlog_back, bound = _backlog_back(kill), _bound(kill)
    within = _within(orphans.first, bound)
    ages_s, no_ages = unacknowledged_ages(kill.history, kill.death)
    used_up, no_count = attempts_used_up(kill.history, kill.death)
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
        unacknowledged_age_s=ages_s,
        unacknowledged_age_s_why=no_ages,
        rescue_costs_attempt="unknown" if used_up is None else "yes" if used_up else "no",
        attempts_used_up=used_up,
        attempts_used_up_why=no_count,
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


def _respawned_late(kill: Kill, resumption: Resumption) -> bool:
    planned_s = kill.planned.outage_s if kill.planned else None
    respawned_s = resumption.respawned.s
    if planned_s is None or respawned_s is None:
        return False
    return respawned_s - planned_s > MAX_RESPAWN_DELAY_S


def _found(kill: Kill) -> FoundInFlight:
    """Where the rows are not known, the events and effects still tell what had started."""
    count = kill.death.count
    unknown = kill.death.claims_unknown and not kill.death.at_least
    return FoundInFlight(
        claimed=None if unknown else count("claimed"),
        started=count("started"),
        effect_done=count("effect_done"),
        finished_unacknowledged=None if unknown else count("finished_unacknowledged"),
        failed_unacknowledged=None if unknown else count("failed_unacknowledged"),
        raced=kill.raced,
        why=kill.death.claims_unknown,
    )


def _within(first: Duration, bound: Duration) -> bool | None:
    if first.s is None or bound.s is None:
        return None
    return first.s <= bound.s + MISSED_BY_S


def _backlog_back(kill: Kill) -> Duration:
    """Counted while the slot is filled; from the kill on where it was never filled again."""
    successor = kill.successor
    since_ns = kill.sent_ns if successor is None else successor.ready_ns
    if since_ns is None:
        return Duration(None, "the next incarnation never became ready")
    recovered_ns = backlog.recovered_ns(kill.history, kill.sent_ns, since_ns)
    why = "no five samples of the backlog running were back in the band"
    return duration(kill.sent_ns, recovered_ns, why)


def _bound(kill: Kill) -> Duration:
    """Until when an orphan must have been picked up, by the adapter's formula."""
    never = kill.history.start.rescue is None
    why = "this preset never rescues by itself" if never else NO_WORKER
    return Duration(kill.victim.bound_s, why_none(kill.victim.bound_s, why))

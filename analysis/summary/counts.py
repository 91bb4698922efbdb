"""The sections of a summary that are counted: what was run, the jobs by verdict, the crash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from analysis.faults_named import kills_named
from analysis.ledger.case import Case
from analysis.ledger.live_duplicates import LIVE_CAUSES
from analysis.ledger.tally import Tally
from analysis.metrics.dedup import dedup_section
from analysis.metrics.faults import FaultFound, costs_attempt
from analysis.metrics.idleness import Idleness
from analysis.section import duration, seconds, why_none
from analysis.summary.lives import opened, phases_s, worker_lives
from analysis.summary.types import (
    CrashSection,
    DuplicatedByKind,
    FinalStatuses,
    JobsSection,
    LiveDuplicates,
    RunSection,
)
from orchestrator.history.records import EnqueueFailed, FaultInjected

MOST_IDS = 100
"""So many ids of unexpected jobs are listed."""


def run_section(case: Case) -> RunSection:
    """What was run, and on what."""
    start, end = case.history.start, case.history.end
    return RunSection(
        scenario=start.scenario_name,
        history_version=case.history.version,
        scenario_sha256=start.scenario_sha256,
        library=start.library,
        library_version=start.library_version,
        preset=start.preset,
        ordinal=start.ordinal,
        seed=start.seed,
        time_scale=case.scenario.workload.time_scale,
        warmup_s=case.scenario.workload.warmup_s,
        settings=start.settings,
        environment=start.environment,
        cell_hash=start.cell_hash,
        rescue=start.rescue,
        periods_s=start.periods_s,
        acknowledges_in_transaction=start.acknowledges_in_transaction,
        ended=end.ended if end is not None else None,
        drain=end.drain if end is not None else None,
        phases_s=phases_s(case.history),
        workers=worker_lives(case),
        asked_for=_given(msgspec.json.decode(msgspec.json.encode(start.scenario))),
        invocation=start.invocation,
        preset_hash=start.preset_hash,
        parity=start.parity,
        offers=start.offers,
        opened=opened(case.history),
        producer_latest_us=end.max_lateness_us if end is not None else None,
        stream_s=duration(case.started_ns, end.cut_ns, "").s if end is not None else None,
    )


def _given(part: Any) -> Any:
    """The same without the keys that have no value."""
    if isinstance(part, dict):
        return {key: _given(value) for key, value in part.items() if value is not None}
    return [*map(_given, part)] if isinstance(part, list) else part


def jobs_section(case: Case, tally: Tally) -> JobsSection:
    """The ledger, and the jobs that stand outside it."""
    enqueues = case.history.enqueues
    failed = _failed_enqueues(case)
    return JobsSection(
        enqueued=tally.verdicts.total(),
        **tally.verdicts,
        unexpected=len(case.unplanned),
        unexpected_ids=case.unplanned[:MOST_IDS],
        recovered=int(np.unique(enqueues.job[enqueues.recovered == 1]).size),
        not_enqueued=sum(
            case.history.jobs.number(job_id) is None for job_id in failed["indeterminate"]
        ),
        rejected=len(failed["rejected"]),
        deduplicated=len(failed["deduplicated"]),
        late=tally.flags["late"],
        bound_not_reached=tally.bound_not_reached,
        ambiguous_by_reason=dict(tally.reasons["ambiguous"]),
        duplicated_by_kind=_duplicated(tally),
        pending_by_reason=dict(tally.reasons["pending"]),
        stranded_by_reason=dict(tally.reasons["stranded"]),
        flags=dict(tally.flags),
        flags_by_verdict={
            verdict: dict(raised) for verdict, raised in tally.flags_by_verdict.items() if raised
        },
        final_status=_final_statuses(tally),
        notable_left_out=tally.left_out,
        dedup=dedup_section(case),
        answers_shared=case.scenario.workload.cache is not None,
    )


def _duplicated(tally: Tally) -> DuplicatedByKind:
    found = tally.reasons["duplicated"]
    return DuplicatedByKind(
        sequential=found["sequential"],
        concurrent=found["concurrent"],
        after_acknowledged=found["after_acknowledged"],
        re_enqueued=found["re_enqueued"],
    )


def _final_statuses(tally: Tally) -> FinalStatuses:
    found = tally.final_status
    return FinalStatuses(
        completed=found["completed"],
        failed=found["failed"],
        discarded=found["discarded"],
        none=found["none"],
    )


def _failed_enqueues(case: Case) -> defaultdict[str, set[str]]:
    """By outcome: ids of the jobs that were to be enqueued."""
    failed: defaultdict[str, set[str]] = defaultdict(set)
    for record in case.history.records.of(EnqueueFailed):
        failed[record.outcome].add(record.job_id)
    return failed


def crash_section(
    case: Case, tally: Tally, faults: Sequence[FaultFound], idle: Idleness
) -> CrashSection:
    """What all faults together did."""
    used_up = [fault.attempts_used_up for fault in faults]
    known = [count for count in used_up if count is not None]
    effects = tally.duplicate_effects if case.rules.effects else None
    surface, why_no_surface = _surface_at_kill(case)
    return CrashSection(
        kills=_kills_sent(case),
        certificates=sum(fault.complete for fault in faults),
        duplicated=tally.causes.total(),
        duplicate_executions=tally.duplicate_executions,
        duplicates_by_crash=tally.causes["by_crash"],
        duplicates_re_enqueued=tally.causes["re_enqueued"],
        duplicates_live=tally.causes["live"],
        duplicates_live_by=LiveDuplicates(
            **{cause: tally.live_causes[cause] for cause in LIVE_CAUSES}
        ),
        duplicates_unattributed=tally.unattributed,
        duplicate_effects=effects,
        duplicate_effects_why=why_none(effects, "the scenario has its jobs commit no effects"),
        re_executions=tally.flags["redelivered"],
        given_up=tally.flags["by_crash_alone"],
        attempts_used_up=sum(known) if known else None,
        attempts_used_up_why=None
        if known
        else "no fault is known to have cost an attempt, or none",
        rescue_costs_attempt=costs_attempt(used_up),
        alive_and_idle_s=None if idle.why else seconds(idle.whole_ns),
        alive_and_idle_s_why=idle.why,
        harness_ambiguity=tally.harness_ambiguity,
        integrity_surface_at_kill=surface,
        integrity_surface_at_kill_why=why_no_surface,
        integrity_surface_final=tally.verdicts["ambiguous"],
    )


def _kills_sent(case: Case) -> int:
    """Faults that are kills, and those that killed a worker which did not leave."""
    sent = {one.fault for one in case.history.records.of(FaultInjected) if one.ends_process}
    dead = {death.victim.fault.fault for death in case.deaths if death.victim.fault is not None}
    return len(sent | dead)


def _surface_at_kill(case: Case) -> tuple[int | None, str | None]:
    """Jobs whose rows the victims held, or why that is not known of every kill."""
    kills = [(death, death.victim.fault) for death in case.deaths if death.victim.fault]
    unknown: defaultdict[str, list[int]] = defaultdict(list)
    for death, fault in kills:
        if death.claims_unknown is not None:
            unknown[death.claims_unknown].append(fault.fault)
    known = sum(len(death.held) for death, _ in kills)
    if unknown:
        told = "; ".join(f"{kills_named(numbers)}: {why}" for why, numbers in unknown.items())
        return None, f"at least {known}, not known of {told}"
    return known, None

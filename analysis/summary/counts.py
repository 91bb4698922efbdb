"""The blocks of a summary that are counted: what was run, the jobs by verdict, the crash."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import numpy as np

from analysis.figures import Figures, put
from analysis.ledger.case import Case
from analysis.ledger.tally import Tally
from analysis.metrics.dedup import dedup_block
from orchestrator.history.records import EnqueueFailed, FaultInjected

MOST_IDS = 100
"""So many ids of unexpected jobs are listed."""


def run_block(case: Case) -> Figures:
    """What was run, and on what."""
    start, end = case.history.start, case.history.end
    return {
        "scenario": start.scenario_name,
        "scenario_sha256": start.scenario_sha256,
        "library": start.library,
        "library_version": start.library_version,
        "preset": start.preset,
        "ordinal": start.ordinal,
        "seed": start.seed,
        "time_scale": case.scenario.workload.time_scale,
        "warmup_s": case.scenario.workload.warmup_s,
        "settings": start.settings,
        "environment": start.environment,
        "cell_hash": start.cell_hash,
        "rescue": msgspec.to_builtins(start.rescue),
        "acknowledges_in_transaction": start.acknowledges_in_transaction,
        "ended": end.ended if end is not None else None,
        "drain": end.drain if end is not None else None,
    }


def jobs_block(case: Case, tally: Tally) -> Figures:
    """The ledger, and the jobs that stand outside it."""
    enqueues = case.history.enqueues
    failed = _failed_enqueues(case)
    dedup = dedup_block(case)
    return {
        **({"dedup": dedup} if dedup else {}),
        "enqueued": tally.verdicts.total(),
        **tally.verdicts,
        "unexpected": len(case.unplanned),
        "unexpected_ids": case.unplanned[:MOST_IDS],
        "recovered": int(np.unique(enqueues.job[enqueues.recovered == 1]).size),
        "not_enqueued": sum(
            case.history.jobs.number(job_id) is None for job_id in failed["indeterminate"]
        ),
        "rejected": len(failed["rejected"]),
        "deduplicated": len(failed["deduplicated"]),
        "late": tally.flags["late"],
        "bound_not_reached": tally.bound_not_reached,
        "ambiguous_by_reason": dict(tally.reasons["ambiguous"]),
        "duplicated_by_sort": {
            sort: tally.reasons["duplicated"][sort]
            for sort in ("sequential", "concurrent", "after_acknowledged", "re_enqueued")
        },
        "pending_by_reason": dict(tally.reasons["pending"]),
        "flags": dict(tally.flags),
        "flags_by_verdict": {
            verdict: dict(raised) for verdict, raised in tally.flags_by_verdict.items() if raised
        },
        "final_status": {
            status: tally.final_status[status]
            for status in ("completed", "failed", "discarded", "none")
        },
        "notable_left_out": tally.left_out,
    }


def _failed_enqueues(case: Case) -> defaultdict[str, set[str]]:
    """By outcome: ids of the jobs that were to be enqueued."""
    failed: defaultdict[str, set[str]] = defaultdict(set)
    for record in case.history.records.of(EnqueueFailed):
        failed[record.outcome].add(record.job_id)
    return failed


def crash_block(case: Case, tally: Tally, certificates: int) -> Figures:
    """What all kills together did; `certificates` = how many of them have a complete one."""
    crash: Figures = {
        "kills": sum(sent.what == "kill" for sent in case.history.records.of(FaultInjected)),
        "certificates": certificates,
        "duplicate_executions": tally.causes.total(),
        "duplicates_by_crash": tally.causes["by_crash"],
        "duplicates_re_enqueued": tally.causes["re_enqueued"],
        "duplicates_live": tally.causes["live"],
        "duplicates_unattributed": tally.unattributed,
        "re_executions": tally.flags["redelivered"],
        "harness_ambiguity": tally.harness_ambiguity,
        "integrity_surface_final": tally.verdicts["ambiguous"],
    }
    effects = tally.duplicate_effects if case.rules.effects else None
    put(crash, "duplicate_effects", effects, "the scenario has its jobs commit no effects")
    kills = [death for death in case.deaths if death.victim.fault is not None]
    unknown = [
        f"kill {death.victim.fault.fault}: {death.claims_unknown}"
        for death in kills
        if death.claims_unknown is not None and death.victim.fault is not None
    ]
    surface = None if unknown else sum(len(death.held) for death in kills)
    put(crash, "integrity_surface_at_kill", surface, "; ".join(unknown))
    return crash

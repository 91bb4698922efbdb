"""The summary of one run: every figure, and the verdict, from the JSONL alone.

Where a figure cannot be had it is null, and a key of the same name with ``_why`` says why (see
`analysis.figures`). Summaries are byte-identical on any machine for the same lines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson

from analysis.case import Case, open_case
from analysis.certificates import certificates, missing_parts
from analysis.expectations import Expectation, Findings, judge_expectations
from analysis.figures import Figures, put
from analysis.hiccups import MAX_LATENESS_US, HiccupMeter
from analysis.latency import latencies
from analysis.plain_jobs import plain_jobs
from analysis.recovery import recoveries
from analysis.tally import Tally
from analysis.throughput import put_throughput
from analysis.verdict import RunVerdict, judge_run, worker_deaths
from orchestrator.history import EnqueueFailed, FaultInjected, ResourceSample
from worker_child.protocol import Note

SUMMARY_VERSION = 1


class Summary(msgspec.Struct, frozen=True):
    """One run, judged. The keys are those of ``<run_id>.summary.json``."""

    run_id: str
    verdict: RunVerdict
    exit_code: int
    reasons: list[str]
    """Sentences; empty where the run passed."""
    findings: list[str]
    """What else a reader should know; no verdict rests on it."""
    run: Figures
    """What was run: scenario, library, preset, ordinal, seed, settings, environment."""
    jobs: Figures
    """The ledger: jobs by verdict, and what stands beside it."""
    crash: Figures
    recovery: list[Figures]
    """One block a kill."""
    latency_ms: Figures
    throughput: Figures
    expectations: list[Expectation]
    notable_jobs: list[Figures]
    """Jobs with another verdict than completed_once or with a flag, and where their lines are."""

    def as_json(self) -> bytes:
        """The file's content: sorted keys, indented, a line end behind the last line."""
        figures = msgspec.to_builtins(self)
        figures |= figures.pop("throughput")
        options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(figures | {"summary_version": SUMMARY_VERSION}, option=options)


def analyse(path: Path) -> Summary:
    """Judge one history. Pure but for reading the file. Raises HistoryError, OSError."""
    return summarise(open_case(path))


def summary_path(path: Path) -> Path:
    """Where the summary of a history belongs: beside it."""
    return path.with_name(path.name.removesuffix(".partial").removesuffix(".jsonl")).with_suffix(
        ".summary.json"
    )


def write_summary(path: Path) -> Summary:
    """Judge one history and write ``<run_id>.summary.json`` beside it, whole or not at all."""
    summary = analyse(path)
    target = path.with_name(f"{summary.run_id}.summary.json")
    draft = target.with_name(f"{target.name}.tmp")
    draft.write_bytes(summary.as_json())
    draft.replace(target)
    return summary


def summarise(case: Case) -> Summary:
    """Everything that is to be said of a run."""
    history = case.history
    tally = _tally(case)
    hiccups = HiccupMeter([s for s in history.records.of(ResourceSample) if s.subject == "hiccup"])
    found_certificates = certificates(history.records)
    recovery = recoveries(
        history, case.crew, case.deaths, found_certificates, tally.attributed, hiccups
    )
    latency = _latency(case, hiccups)
    crash = _crash(case, tally)
    jobs = _jobs(case, tally)
    complete = sum(found["complete"] for found in found_certificates.values())
    expectations = judge_expectations(
        case.asked.expectations, _expected_findings(case, tally, crash, recovery, complete)
    )
    judgement = judge_run(
        history,
        [*case.proofs.sentences, *missing_parts(found_certificates), *_void(case, latency)],
        expectations,
    )
    return Summary(
        run_id=history.run_id,
        verdict=judgement.verdict,
        exit_code=judgement.exit_code,
        reasons=judgement.reasons,
        findings=_findings(case),
        run=_run(case),
        jobs=jobs,
        crash=crash | {"certificates": complete},
        recovery=recovery,
        latency_ms=latency,
        throughput=_throughput(case, hiccups),
        expectations=expectations,
        notable_jobs=tally.jobs,
    )


def _tally(case: Case) -> Tally:
    history = case.history
    in_flight = {job for death in case.deaths for job in death.phases}
    plain = plain_jobs(history, case.rules, in_flight)
    plain[[history.job_numbers[job_id] for job_id in case.unplanned]] = False
    tally = Tally()
    tally.add_plain(int(np.count_nonzero(plain)))
    tally.add_all(case.evidence(~plain), case.rules, case.deaths)
    return tally


def _run(case: Case) -> Figures:
    start, end = case.history.start, case.history.end
    return {
        "scenario": start.scenario_name,
        "scenario_sha256": start.scenario_sha256,
        "library": start.library,
        "library_version": start.library_version,
        "preset": start.preset,
        "ordinal": start.ordinal,
        "seed": start.seed,
        "time_scale": case.asked.workload.time_scale,
        "settings": start.settings,
        "environment": start.environment,
        "cell_hash": start.cell_hash,
        "rescue": msgspec.to_builtins(start.rescue),
        "acknowledges_in_transaction": start.acknowledges_in_transaction,
        "ended": end.ended if end is not None else None,
        "drain": end.drain if end is not None else None,
    }


def _jobs(case: Case, tally: Tally) -> Figures:
    outcomes: dict[str, set[str]] = {}
    for failed in case.history.records.of(EnqueueFailed):
        outcomes.setdefault(failed.outcome, set()).add(failed.job_id)
    unseen = outcomes.get("indeterminate", set()) - case.history.job_numbers.keys()
    return {
        "enqueued": tally.verdicts.total(),
        **tally.verdicts,
        "unexpected": len(case.unplanned),
        "unexpected_ids": case.unplanned[:100],
        "recovered": int(np.unique(_recovered(case)).size),
        "not_enqueued": len(unseen),
        "rejected": len(outcomes.get("rejected", ())),
        "deduplicated": len(outcomes.get("deduplicated", ())),
        "late": tally.flags["late"],
        "bound_not_reached": tally.bound_not_reached,
        "ambiguous_by_reason": dict(tally.reasons["ambiguous"]),
        "duplicated_by_sort": {
            sort: tally.reasons["duplicated"][sort]
            for sort in ("sequential", "concurrent", "after_acknowledged", "re_enqueued")
        },
        "pending_by_reason": dict(tally.reasons["pending"]),
        "flags": dict(tally.flags),
        "final_status": {
            status: tally.final_status[status]
            for status in ("completed", "failed", "discarded", "none")
        },
        "notable_left_out": tally.left_out,
    }


def _recovered(case: Case) -> Any:
    enqueues = case.history.enqueues
    return enqueues.job[enqueues.recovered == 1]


def _crash(case: Case, tally: Tally) -> Figures:
    crash: Figures = {
        "kills": len(case.history.records.of(FaultInjected)),
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


def _latency(case: Case, hiccups: HiccupMeter) -> Figures:
    found = latencies(case.history)
    limited = _load_limited(case, hiccups)
    for figures in found.values():
        put(figures, "machine_limited", limited, "no hiccup sample covers the load")
    return found


def _load_limited(case: Case, hiccups: HiccupMeter) -> bool | None:
    """Whether the machine or the producer was late while jobs were under way."""
    end = case.history.end
    if end is not None and (end.max_lateness_us or 0) > MAX_LATENESS_US:
        return True
    ends = [case.history.completions.t_ns, case.history.starts.t_ns]
    last_ns = max((int(t_ns.max()) for t_ns in ends if t_ns.size), default=None)
    return hiccups.tripped(case.started_ns, last_ns)


def _throughput(case: Case, hiccups: HiccupMeter) -> Figures:
    figures: Figures = {}
    put_throughput(figures, case.history, case.started_ns, case.asked.workload.warmup_s)
    limited = _load_limited(case, hiccups)
    put(figures, "throughput_machine_limited", limited, "no hiccup sample covers the load")
    return figures


def _void(case: Case, latency: Figures) -> list[str]:
    sentences = [
        f"{figures['out_of_range']} jobs have a latency ({name}) outside 0 to 24 hours."
        for name, figures in latency.items()
        if figures["out_of_range"]
    ]
    if case.unplanned:
        named = ", ".join(case.unplanned[:3])
        sentences.append(
            f"{len(case.unplanned)} jobs were seen that the workload never planned: {named}"
            f"{', ...' if len(case.unplanned) > 3 else ''}."
        )
    return sentences


def _expected_findings(
    case: Case, tally: Tally, crash: Figures, recovery: list[Figures], complete: int
) -> Findings:
    resumed = [block["time_to_resume_s"] for block in recovery]
    return Findings(
        counts={
            "lost": tally.verdicts["lost"],
            "stranded": tally.verdicts["stranded"],
            "unexpected": len(case.unplanned),
            "harness_ambiguity": tally.harness_ambiguity,
            "certificates": complete,
            "duplicate_executions": crash["duplicate_executions"],
            "re_executions": crash["re_executions"],
        },
        bound_not_reached=tally.bound_not_reached,
        pending=tally.verdicts["pending"] - tally.reasons["pending"]["bound_not_reached"],
        unwitnessed=tally.reasons["ambiguous"]["done_unwitnessed"],
        rescues=case.rules.rescues,
        acknowledges_in_transaction=case.history.start.acknowledges_in_transaction,
        resume_s=max(resumed) if resumed and None not in resumed else None,
        machine_limited=any(block["machine_limited"] for block in recovery),
    )


FINDING_NOTES = ("wall_clock_step", "stale_partial", "interrupted", "row_read_failed")


def _findings(case: Case) -> list[str]:
    notes = [
        f"{note.code}: {note.message}"
        for note in case.history.records.of(Note)
        if note.code in FINDING_NOTES and note.n is None
    ]
    late = [
        f"Kill {death.victim.fault.fault}: the predicted bound of {death.victim.bound_s} s is above "
        f"the scenario's limit of {case.asked.limits.max_bound_s} s."
        for death in case.deaths
        if death.victim.fault is not None
        and death.victim.bound_s is not None
        and case.asked.limits.max_bound_s is not None
        and death.victim.bound_s > case.asked.limits.max_bound_s
    ]
    return [*worker_deaths(case.history, ours=False), *late, *dict.fromkeys(notes)]

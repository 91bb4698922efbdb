"""The summary of one run: every figure, and the verdict, from the JSONL alone.

Where a figure cannot be had it is null, and a key of the same name with ``_why`` says why (see
`analysis.figures`). Summaries are byte-identical on any machine for the same lines.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import orjson

from analysis.checks.certificates import certificates, missing_parts
from analysis.checks.consistency import disagreements
from analysis.checks.plan import missing_enqueues, missing_kills, nothing_enqueued
from analysis.evidence.hiccups import HiccupMeter, hiccup_meter
from analysis.evidence.run_spec import planned_faults
from analysis.figures import Figures, put
from analysis.ledger.case import Case, open_case
from analysis.ledger.plain_jobs import plain_jobs
from analysis.ledger.tally import Tally
from analysis.metrics.failures import errors_block
from analysis.metrics.fairness import by_label, fairness
from analysis.metrics.latency import Instants, instants, latencies
from analysis.metrics.queue import queue_block
from analysis.metrics.recovery import recoveries
from analysis.metrics.resources import resources_block
from analysis.metrics.throughput import throughput
from analysis.metrics.window import Window, load_window, warm_ns
from analysis.summary.counts import crash_block, jobs_block, run_block
from analysis.summary.expectations import Expectation, Findings, judge_expectations
from analysis.summary.findings import contradictions, findings
from analysis.summary.remarks import remarks, unwitnessed_completions
from analysis.summary.verdict import RunVerdict, came_to_its_end, judge_run, left_open
from orchestrator.history.records import EnqueueFailed

SUMMARY_VERSION = 1
UNSAMPLED = "no hiccup sample covers the load"


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
    latency_by_ms: dict[str, Figures]
    """By kind and by class of job."""
    throughput: Figures
    tenants: Figures
    errors: Figures
    """Failed executions by error class, attempts, discards and retries."""
    queue: Figures
    """The inbox at 1 Hz, what the load left, and the recovery from bursts and errors."""
    resources: Figures
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


def write_summary(path: Path) -> Summary:
    """Judge one history and write its summary beside it, whole or not at all.

    The summary is named after the file that was judged, so that neither a copy nor an unfinished
    history takes the place of another's: ``x.jsonl`` has ``x.summary.json``, ``x.jsonl.partial``
    has ``x.partial.summary.json``.
    """
    summary = analyse(path)
    target = path.with_name(f"{path.name.replace('.jsonl', '', 1)}.summary.json")
    draft = target.with_name(f"{target.name}.tmp")
    draft.write_bytes(summary.as_json())
    draft.replace(target)
    return summary


def summarise(case: Case) -> Summary:
    """Everything that is to be said of a run."""
    history = case.history
    tally = _tally(case)
    hiccups = hiccup_meter(history.records)
    found_certificates = certificates(history.records)
    recovery = recoveries(
        history,
        case.incarnations,
        case.deaths,
        found_certificates,
        tally.attributed,
        hiccups,
        planned_faults(case.scenario.faults),
    )
    window = load_window(case)
    times = instants(history, warm_ns(case))
    limited = _load_limited(case, hiccups)
    latency = _latency(times, limited)
    complete = sum(found["complete"] for found in found_certificates.values())
    crash = crash_block(case, tally, complete)
    expectations = judge_expectations(
        msgspec.to_builtins(case.scenario.expectations), _found(case, tally, crash, recovery)
    )
    finished = came_to_its_end(history)
    if not finished:
        expectations = left_open(history, expectations)
    jobs = jobs_block(case, tally)
    judgement = judge_run(
        history,
        [
            *case.proofs.sentences,
            *missing_parts(history.records, found_certificates),
            *contradictions(case, latency),
            *unwitnessed_completions(jobs),
            *disagreements(history),
            *missing_enqueues(history),
        ],
        [*nothing_enqueued(history), *missing_kills(history, case.scenario)],
        expectations,
    )
    return Summary(
        run_id=history.run_id,
        verdict=judgement.verdict,
        exit_code=judgement.exit_code,
        reasons=judgement.reasons,
        findings=[
            *findings(case),
            *remarks(jobs, recovery, case.deaths, history.records.of(EnqueueFailed)),
        ],
        run=run_block(case),
        jobs=jobs,
        crash=crash,
        recovery=recovery,
        latency_ms=latency,
        latency_by_ms=by_label(history, times),
        throughput=throughput(times, window, history.end, hiccups),
        tenants=_tenants(case, times, window, limited),
        errors=errors_block(history),
        queue=queue_block(case, times, window),
        resources=resources_block(history, window),
        expectations=expectations,
        notable_jobs=[job for job in tally.jobs if finished or job["verdict"] != "ambiguous"],
    )


def _tally(case: Case) -> Tally:
    history = case.history
    in_flight = {job for death in case.deaths for job in death.phases}
    plain = plain_jobs(history, case.rules, in_flight)
    plain[case.unexpected()] = False
    tally = Tally()
    tally.add_plain(int(np.count_nonzero(plain)))
    tally.add_all(case.evidence(~plain), case.rules, case.deaths)
    return tally


def _latency(times: Instants, limited: bool | None) -> Figures:
    found = latencies(times)
    for figures in found.values():
        put(figures, "machine_limited", limited, UNSAMPLED)
    return found


def _load_limited(case: Case, hiccups: HiccupMeter) -> bool | None:
    """Whether the machine or the producer was late while jobs were under way."""
    ends = [case.history.completions.t_ns, case.history.starts.t_ns]
    last_ns = max((int(t_ns.max()) for t_ns in ends if t_ns.size), default=None)
    return hiccups.limited(case.history.end, case.started_ns, last_ns)


def _tenants(case: Case, times: Instants, window: Window | str, limited: bool | None) -> Figures:
    named = case.scenario.workload.tenants.distribution
    figures = fairness(case.history, times, window, named)
    put(figures, "machine_limited", limited, UNSAMPLED)
    return figures


def _found(case: Case, tally: Tally, crash: Figures, recovery: list[Figures]) -> Findings:
    resumed = [block["time_to_resume_s"] for block in recovery]
    return Findings(
        counts={
            "lost": tally.verdicts["lost"],
            "stranded": tally.verdicts["stranded"],
            "unexpected": len(case.unplanned),
            "harness_ambiguity": tally.harness_ambiguity,
            "certificates": crash["certificates"],
            "duplicate_executions": crash["duplicate_executions"],
            "re_executions": crash["re_executions"],
        },
        bound_not_reached=tally.bound_not_reached,
        pending=tally.verdicts["pending"] - tally.reasons["pending"]["bound_not_reached"],
        unwitnessed=tally.reasons["ambiguous"]["done_unwitnessed"],
        rescues=case.rules.rescues,
        acknowledges_in_transaction=case.history.start.acknowledges_in_transaction,
        resume_s=max(resumed) if resumed and None not in resumed else None,
        machine_limited=_any_limited(recovery),
    )


def _any_limited(recovery: list[Figures]) -> bool | None:
    """Whether any recovery is known to be machine-limited; None = of some nobody knows."""
    limited = {block["machine_limited"] for block in recovery}
    return True if True in limited else None if None in limited else False

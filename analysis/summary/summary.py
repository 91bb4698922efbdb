"""The summary of one run: every figure, and the verdict, from the JSONL alone.

Where a figure cannot be had it is null, and a key of the same name with ``_why`` says why (see
`analysis.section`). Summaries are byte-identical on any machine for the same lines.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import numpy as np

from analysis.checks.certificates import certificates, missing_parts
from analysis.checks.consistency import disagreements
from analysis.checks.outages import evaded
from analysis.checks.plan import missing_enqueues, missing_kills, nothing_enqueued
from analysis.errors import SummaryError, SummaryUnwritableError
from analysis.evidence.hiccups import HiccupMeter, hiccup_meter
from analysis.evidence.incarnations import stop_asked_ns
from analysis.evidence.run_spec import planned_by_number
from analysis.ledger.case import Case, open_case
from analysis.ledger.live_duplicates import LiveCauses
from analysis.ledger.plain_jobs import plain_jobs
from analysis.ledger.tally import Tally
from analysis.metrics.cache import cache_section
from analysis.metrics.failures import errors_section
from analysis.metrics.fairness import by_label, fairness
from analysis.metrics.faults import faults_found
from analysis.metrics.idleness import idleness
from analysis.metrics.latency import instants, latencies
from analysis.metrics.queue import queue_section
from analysis.metrics.recovery import recoveries
from analysis.metrics.resources import resources_section
from analysis.metrics.throughput import load_window, throughput, warm_ns
from analysis.summary.counts import crash_section, jobs_section, run_section
from analysis.summary.expectations import judge_expectations
from analysis.summary.fault_sections import fault_sections
from analysis.summary.findings import (
    contradictions,
    findings,
    harness_ambiguities,
    unwitnessed_completions,
)
from analysis.summary.observed import observed
from analysis.summary.types import SUMMARY_VERSION, Summary
from analysis.summary.verdict import came_to_its_end, judge_run, left_open, unexpected_exits


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
    try:
        draft.write_bytes(summary.as_json())
        draft.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise SummaryUnwritableError(target, path, error) from error
    return summary


def read_summary(path: Path) -> Summary:
    """A summary that was written before. Raises OSError, and SummaryError where it is none of this
    version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Summary)
    except msgspec.DecodeError as error:
        raise SummaryError(path, error) from error


def summarise(case: Case) -> Summary:
    """Everything that is to be said of a run."""
    history = case.history
    disagreed = disagreements(history)  # it takes most memory, and the least is taken yet
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
        planned_by_number(case.history),
    )
    window = load_window(case)
    times = instants(history, warm_ns(case))
    limited = _load_limited(case, hiccups)
    latency = latencies(times, limited)
    idle = idleness(case)
    faults = faults_found(case, found_certificates, idle, times)
    crash = crash_section(case, tally, faults, idle)
    jobs = jobs_section(case, tally)
    cache = cache_section(case, limited)
    by_sort = fault_sections(case, found_certificates)
    expectations = judge_expectations(
        msgspec.to_builtins(case.scenario.expectations),
        observed(case, tally, jobs, crash, recovery, cache, faults, limited, by_sort.poison),
    )
    finished = came_to_its_end(history)
    if not finished:
        expectations = left_open(history, expectations)
    judgement = judge_run(
        history,
        [
            *case.proofs.sentences,
            *missing_parts(history.records, found_certificates),
            *contradictions(case, latency),
            *(harness_ambiguities(case, jobs) if finished else ()),
            *unwitnessed_completions(jobs),
            *disagreed,
            *missing_enqueues(history),
        ],
        [*nothing_enqueued(history), *missing_kills(history, case.scenario), *evaded(history)],
        expectations,
    )
    return Summary(
        **msgspec.structs.asdict(throughput(times, window, history.end, hiccups)),
        summary_version=SUMMARY_VERSION,
        run_id=history.run_id,
        verdict=judgement.verdict,
        exit_code=judgement.exit_code,
        reasons=judgement.reasons,
        findings=[
            *findings(case, tally, jobs, recovery, cache, by_sort.pauses),
            *by_sort.findings(),
        ],
        run=run_section(case),
        jobs=jobs,
        crash=crash,
        recovery=recovery,
        latency_ms=latency,
        latency_by_ms=by_label(history, times),
        tenants=fairness(
            history, times, window, case.scenario.workload.tenants.distribution, limited
        ),
        errors=errors_section(history),
        queue=queue_section(case, times, window),
        resources=resources_section(history, window),
        expectations=expectations,
        cache=cache,
        faults=faults,
        stalls=by_sort.stalls,
        pauses=by_sort.pauses,
        departures=by_sort.departures,
        poison=by_sort.poison,
        survivors=by_sort.survivors,
        namesakes=by_sort.namesakes,
        bystanders=by_sort.bystanders,
        unexpected_exits=unexpected_exits(history),
        notable_jobs=[job for job in tally.jobs if finished or job.verdict != "ambiguous"],
    )


def _tally(case: Case) -> Tally:
    history = case.history
    in_flight = {job for death in case.deaths for job in death.phases}
    plain = plain_jobs(history, case.rules, in_flight)
    plain[case.unplanned_numbers()] = False
    tally = Tally()
    tally.add_plain(int(np.count_nonzero(plain)))
    rescue = history.start.rescue
    live = LiveCauses(
        case.incarnations,
        case.spans,
        stop_asked_ns(history.records),
        None if rescue is None else rescue.lease_s,
    )
    tally.add_all(case.evidence(~plain), case.rules, case.deaths, live)
    return tally


def _load_limited(case: Case, hiccups: HiccupMeter) -> bool | None:
    """Whether the machine or the producer was late while jobs were under way."""
    ends = [case.history.completions.t_ns, case.history.starts.t_ns]
    last_ns = max((int(t_ns.max()) for t_ns in ends if t_ns.size), default=None)
    return hiccups.limited(case.history.end, case.started_ns, last_ns)

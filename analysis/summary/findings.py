"""What a reader of a summary should know beside the figures: for people, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from analysis.evidence.deaths import Death
from analysis.faults_named import nth
from analysis.history.history import History
from analysis.ledger.case import Case
from analysis.ledger.ledger import HARNESS_REASONS
from analysis.ledger.tally import Tally
from analysis.metrics.cache import Cache
from analysis.metrics.kill_types import Recovery
from analysis.metrics.latency import Latencies, by_name
from analysis.metrics.pauses import PauseFound
from analysis.summary.leader_findings import leader_findings
from analysis.summary.observed import fails_unplanned
from analysis.summary.server_findings import server_findings
from analysis.summary.types import JobsSection
from analysis.summary.verdict import worker_deaths
from orchestrator.history.records import EnqueueFailed, RunStart
from orchestrator.scenario.types import CHECK_INTERVALS, Scenario
from worker_child.protocol import Note

NOTES = frozenset(
    {
        "blind",
        "fault_not_due",
        "not_settled",
        "parent_stalled",
        "pipe_held",
        "provider_stalled",
        "queue_unreadable",
        "stale_partial",
        "stop_ignored",
        "turn_lost",
        "wall_clock_step",
    }
)
"""Codes of the parent's notes that are repeated in the summary."""
MOST_NAMED = 3


def findings(
    case: Case,
    tally: Tally,
    jobs: JobsSection,
    recovery: list[Recovery],
    cache: Cache | None,
    paused: Sequence[PauseFound],
) -> list[str]:
    """Whatever is worth knowing and voids nothing; `jobs` and all behind it are the summary's."""
    notes = (
        _repeated(note)
        for note in case.history.records.of(Note)
        if note.code in NOTES and note.n is None
    )
    return [
        *_changed_settings(case.history.start),
        *_server_condition(case.scenario),
        *worker_deaths(case.history, ours=False),
        *_unplanned_failures(case.history),
        *_two_counts(tally),
        *_ways_of_the_queue(tally),
        *_long_bounds(case),
        *_missed_bounds(recovery),
        *dict.fromkeys(notes),
        *_late_kills(recovery),
        *_unannounced(case.deaths),
        *_failed_enqueues(jobs, case.history.records.of(EnqueueFailed)),
        *_wrong_results(cache),
        *_pauses(paused),
        *leader_findings(case),
        *server_findings(case.history),
    ]


def _server_condition(scenario: Scenario) -> Iterator[str]:
    if scenario.server != "check_off":
        interval = CHECK_INTERVALS[scenario.server]
        yield (
            f"Server condition {scenario.server}: a backend that is busy looks every {interval} "
            "whether its client is still there, which PostgreSQL by itself does not."
        )


def _jobs(count: int, one: str, several: str) -> str:
    return f"{count} job {one}" if count == 1 else f"{count} jobs {several}"


def _pauses(paused: Sequence[PauseFound]) -> Iterator[str]:
    for pause in paused:
        length = "for ever" if pause.paused_s is None else f"for {pause.paused_s:.1f} s"
        yield (
            f"Pause {nth(pause.fault)}: slot {pause.slot} stood still {length}. Of its "
            f"{pause.open} open executions the jobs of {pause.taken} were taken by another worker "
            f"meanwhile, and {pause.completed_late} of these it completed all the same once it "
            f"went on; {_jobs(pause.done_again, 'it had', 'it had')} done before and not "
            f"acknowledged, {pause.begun_late} it began only then."
        )


def _wrong_results(cache: Cache | None) -> Iterator[str]:
    if cache is None:
        return
    if cache.wrong_results:
        torn, foreign = cache.torn_results, cache.foreign_results
        sorts = {
            "torn": torn,
            "another address's": foreign,
            "of other bytes": cache.wrong_results - torn - foreign,
        }
        which = ", ".join(f"{count} {sort}" for sort, count in sorts.items() if count)
        named = ", ".join(cache.wrong_addresses[:MOST_NAMED])
        more = ", ..." if len(cache.wrong_addresses) > MOST_NAMED else ""
        yield f"Of {cache.asks} questions {cache.wrong_results} were served a wrong result " + (
            f"({which}), for {named}{more}."
        )
    if cache.stuck_addresses:
        yield f"Of {cache.stuck_addresses} addresses nobody was served any result in the end."


def _changed_settings(start: RunStart) -> Iterator[str]:
    if start.changed_settings:
        words = ", ".join(start.setting_words)
        yield f"The preset {start.preset} is {start.base_preset} with {words}."


def _two_counts(tally: Tally) -> Iterator[str]:
    """Where the ledger's duplicates and the lines that anybody can count differ: why."""
    duplicated, lines = tally.verdicts["duplicated"], tally.duplicate_executions
    by_effect = tally.duplicated_by_effect_alone
    if by_effect:
        their = "its" if by_effect == 1 else "their"
        yield (
            f"{_jobs(duplicated, 'is', 'are')} duplicated, and {_jobs(lines, 'has', 'have')} two "
            f"or more job_completed lines: {by_effect} committed {their} effect twice, and an "
            "execution was cut off between its effect and its line."
        )
    elif duplicated != lines:
        yield (
            f"{_jobs(lines, 'has', 'have')} two or more job_completed lines and {duplicated} of "
            "them are duplicated: of the others the ledger cannot tell, or nobody had planned them."
        )


def _ways_of_the_queue(tally: Tally) -> Iterator[str]:
    raised = tally.flags
    if several := raised["several_rows"]:
        yield (
            f"{_jobs(several, 'was', 'were')} done from several rows of the queue, though no "
            "coordinator had enqueued the job again: the adapter's enqueue made two rows of one "
            "job, or the library rescues a job by a new row."
        )
    if dead := raised["dead_though_done"]:
        whose = "that was done: its" if dead == 1 else "that were done: their"
        yield f"The queue calls {dead} job{'' if dead == 1 else 's'} dead {whose} effect stands."


def _missed_bounds(recovery: list[Recovery]) -> Iterator[str]:
    for kill in recovery:
        if kill.within_bound is False:
            yield (
                f"Kill {nth(kill.fault)}: the first orphan was picked up "
                f"{kill.first_orphan_pickup_s:.1f} s after it, later than the "
                f"{kill.predicted_bound_s:.1f} s expected."
            )


def _unplanned_failures(history: History) -> Iterator[str]:
    """The library's fault or ours: who reads the figures should look."""
    failures = history.failures
    places = np.flatnonzero(fails_unplanned(history))
    if not places.size:
        return
    first = places[np.argmin(failures.t_ns[places])]
    yield (
        f"{len(places)} executions failed as no plan foresaw, the first of "
        f"{history.jobs.name(int(failures.job[first]))}: its job_failed line has the message."
    )


def _repeated(note: Note) -> str:
    if {"slot", "incarnation"} <= note.detail.keys():
        who = f"slot {note.detail['slot']} incarnation {note.detail['incarnation']}: "
    else:
        who = ""
    return f"{note.code}: {who}{note.message}"


def _long_bounds(case: Case) -> Iterator[str]:
    limit_s = case.scenario.limits.max_bound_s
    for death in case.deaths:
        fault, bound_s = death.victim.fault, death.victim.bound_s
        if fault is None or bound_s is None or bound_s <= limit_s:
            continue
        yield (
            f"Kill {nth(fault.fault)}: the predicted bound of {bound_s:g} s is above the "
            f"scenario's limit of {limit_s:g} s."
        )


def contradictions(case: Case, latency: Latencies) -> list[str]:
    """Whatever cannot be true, and so voids the ledger."""
    sentences = [
        f"{_jobs(figures.out_of_range, 'has', 'have')} a latency ({name}) outside 0 to 24 hours."
        for name, figures in by_name(latency).items()
        if figures.out_of_range
    ]
    if case.unplanned:
        named = ", ".join(case.unplanned[:MOST_NAMED])
        more = ", ..." if len(case.unplanned) > MOST_NAMED else ""
        count = len(case.unplanned)
        sentences.append(
            f"{_jobs(count, 'was', 'were')} seen that the workload never planned: {named}{more}."
        )
    return sentences


def harness_ambiguities(case: Case, jobs: JobsSection) -> list[str]:
    """A sentence for every reason of the instrument's own for which jobs have no verdict."""
    told = []
    for reason, count in sorted(jobs.ambiguous_by_reason.items()):
        if reason in HARNESS_REASONS:
            words = reason.replace("_", " ")
            told.append(
                f"{_jobs(count, 'has', 'have')} no verdict by a failure of the instrument: {words}."
            )
    return [*_seen_though_rejected(case), *told]


def _seen_though_rejected(case: Case) -> Iterator[str]:
    """What the queue had was refused by its adapter: the row was in before the refusal."""
    ids = case.history.jobs
    rejected = {r.job_id for r in case.history.records.of(EnqueueFailed) if r.outcome == "rejected"}
    seen = sorted(job_id for job_id in rejected if ids.number(job_id) is not None)
    if seen:
        more = ", ..." if len(seen) > MOST_NAMED else ""
        yield (
            f"{_jobs(len(seen), 'was', 'were')} rejected, and yet the queue had them: "
            f"{', '.join(seen[:MOST_NAMED])}{more}. The adapter refused them when their rows were "
            "in already."
        )


def unwitnessed_completions(jobs: JobsSection) -> list[str]:
    """A sentence where a job_completed lacks the effect that must have been committed before it.

    Whoever is to blame, two of the three witnesses contradict each other: no figure that rests on
    them can be vouched for.
    """
    count = jobs.ambiguous_by_reason.get("completed_without_effect", 0)
    if not count:
        return []
    return [
        f"{_jobs(count, 'has', 'have')} a job_completed and no effect row: the adapter broke the "
        "wire's promise, or the database lost a commit. The ledger cannot be vouched for."
    ]


def _late_kills(recovery: list[Recovery]) -> Iterator[str]:
    for kill in recovery:
        if kill.late:
            yield (
                f"Kill {nth(kill.fault)} was sent {kill.late_s:.3f} s after its intended "
                "instant: what it met is no longer random, so it is not pooled."
            )


def _unannounced(deaths: list[Death]) -> Iterator[str]:
    for death in deaths:
        if death.unannounced and death.victim.fault is not None:
            named = ", ".join(repr(identity) for identity in death.unannounced)
            yield (
                f"Kill {nth(death.victim.fault.fault)}: rows were claimed under an identity "
                f"that no child_ready announced ({named}): whose they were is not known."
            )


def _failed_enqueues(jobs: JobsSection, failed: list[EnqueueFailed]) -> Iterator[str]:
    indeterminate = len({record.job_id for record in failed if record.outcome == "indeterminate"})
    counts = {
        f"{jobs.rejected} were rejected": jobs.rejected,
        f"{jobs.deduplicated} were answered with another job": jobs.refused - jobs.rejected,
        f"{indeterminate} had an unknown outcome": indeterminate,
        f"{jobs.not_enqueued} of those were never seen in the queue": jobs.not_enqueued,
    }
    some = [text for text, count in counts.items() if count]
    if some:
        yield f"Of the enqueues, {', '.join(some)}."

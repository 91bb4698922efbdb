"""A run's answer in plain words, from its summary alone: what happened to the jobs comes first.

Terminal, report, RESULTS.md and JUnit all take it from here, so that no two of them can differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from analysis.faults_named import faults_counted
from analysis.metrics.latency import by_name
from analysis.report.causes import causes
from analysis.report.number_format import milliseconds
from analysis.report.orphans_told import found_in_hand, last_words, taken_up
from analysis.report.reach import done_and_owed, reach
from analysis.summary.types import Summary

Harm = Literal["grave", "mild", "none", "void"]
"""What a reader should feel: jobs lost, left behind, given up or refused; jobs twice or late, a
bound missed, something not known; nothing of the kind; or that there is no result."""

MEANINGS = {
    "pass": "the scenario's expectations are met",
    "fail": "an expectation of the scenario is broken",
    "unknown": "it could not be found out whether the scenario's expectations are met",
    "invalid": "what was recorded cannot be trusted, so no figure of this run is a result",
}
"""By verdict: what it says."""
CUT_SHORT = {
    "interrupted": "the run was interrupted before its end",
    None: "the run did not come to its end",
}
"""By how an invalid run ended, where that alone says enough; None = without a run_end."""
EXPECTED = {
    "certificates": "faults proven to have been done",
    "discarded_unplanned": "jobs given up without a planned cause",
    "given_up": "jobs given up though their handler never failed",
    "late_first_orphans": "kills whose first orphan came back too late",
    "missing_children": "jobs that a coordinator was to enqueue and did not",
    "never_seen": "jobs never seen again after the enqueue",
    "refused": "jobs refused by the queue",
    "stranded": "jobs left behind",
    "unplanned_failures": "executions that failed as no plan foresaw",
}
"""By an expectation's key: its words, where the key alone says too little."""


@dataclass(frozen=True)
class Answer:
    """What is said of a run, in the order in which it is to be read."""

    finding: str
    """One sentence: what became of the jobs, and when the first orphan was taken up again."""
    harm: Harm
    """How bad the finding is."""
    evidence: str
    """Whether the evidence is sound, and what the scenario had expected."""
    details: tuple[str, ...]
    """Sentences: why, and what else the crash did."""

    def __str__(self) -> str:
        return " ".join([self.finding, self.evidence, *self.details])


@dataclass(frozen=True)
class _Fate:
    """Jobs that did not simply run once."""

    count: int
    harm: Harm
    many: str
    one: str = ""
    """Where a single job needs other words."""

    @property
    def words(self) -> str:
        return self.one if self.count == 1 and self.one else self.many


def answer(summary: Summary) -> Answer:
    """The answer of one run. Of an invalid run it gives no figures."""
    if summary.verdict == "invalid":
        return _no_result(summary)
    harm = _harm(summary)
    parts = (_enqueues(summary), _jobs(summary), _cache(summary), _recovery(summary))
    told = "; ".join(filter(None, parts))
    interrupted = summary.run.ended == "interrupted"
    finding = f"Interrupted; until then: {told}." if interrupted else f"{_capital(told)}."
    return Answer(finding, harm, _evidence(summary), tuple(_details(summary)))


def _no_result(summary: Summary) -> Answer:
    why = CUT_SHORT.get(summary.run.ended, "the instrument cannot vouch for this run")
    return Answer(
        finding=f"No result: {why}.",
        harm="void",
        evidence=f"INVALID ({MEANINGS['invalid']}). {summary.reasons[0]}",
        details=(),
    )


def _fates(summary: Summary) -> list[_Fate]:
    """The worst first; those of which there are none, too."""
    jobs = summary.jobs
    alone, unexplained = jobs.flags.get("by_crash_alone", 0), jobs.flags.get("unexplained", 0)
    never_failed = "given up though {} handler never failed"
    return [
        _Fate(jobs.lost, "grave", "lost"),
        _Fate(jobs.stranded, "grave", "left behind"),
        _Fate(alone, "grave", never_failed.format("their"), never_failed.format("its")),
        _Fate(unexplained, "grave", "given up without a planned cause"),
        _Fate(jobs.refused, "grave", "refused by the queue"),
        _Fate(jobs.duplicated, "mild", "executed twice"),
        _Fate(jobs.late, "mild", "done after their deadline", "done after its deadline"),
        _Fate(jobs.not_enqueued, "mild", "never seen again after the enqueue"),
        _Fate(jobs.pending, "mild", "not settled when the run ended"),
        _Fate(jobs.ambiguous, "mild", "of unknown fate"),
    ]


def _harm(summary: Summary) -> Harm:
    found = {fate.harm for fate in _fates(summary) if fate.count}
    cache = summary.cache
    if "grave" in found or (cache and (cache.wrong_results or cache.stuck_addresses)):
        return "grave"
    missed = any(kill.missed_bound for kill in summary.recovery)
    return "mild" if found or missed or summary.verdict != "pass" else "none"


def _enqueues(summary: Summary) -> str:
    """What came of several enqueues of one key, in a run that is about nothing else."""
    dedup = summary.jobs.dedup
    if dedup is None or not dedup.enqueues or summary.faults:
        return ""
    made = "1 job" if dedup.accepted == 1 else f"{dedup.accepted:,} jobs"
    keys = "1 key" if dedup.keys == 1 else f"{dedup.keys:,} keys"
    return f"{dedup.enqueues:,} enqueues of {keys} made {made}"


def _jobs(summary: Summary) -> str:
    """What became of the jobs; that none was lost or executed twice is always said."""
    jobs = summary.jobs
    accepted = jobs.enqueued + jobs.refused + jobs.not_enqueued
    if not accepted:
        return "no job was enqueued"
    found = [fate for fate in _fates(summary) if fate.count]
    absent = _absent(summary)
    of_all = f"{accepted:,} job{'' if accepted == 1 else 's'}"
    if not found:
        return f"none of {of_all} {absent}"
    first, *more = found
    parts = [f"{first.count:,} of {of_all} {first.words}"]
    parts += [f"{fate.count:,} {fate.words}" for fate in more]
    parts += [f"none {absent}"] if absent else []
    return ", ".join(parts)


def _absent(summary: Summary) -> str:
    """Which of the two did not happen, or has not yet."""
    lost, twice = summary.jobs.lost, summary.jobs.duplicated
    owed = done_and_owed(summary)
    if not twice and owed:
        which = "1 finished job" if owed == 1 else f"{owed:,} finished jobs"
        so_far = f"executed twice so far ({which} may still be repeated)"
        return so_far if lost else f"lost, none {so_far}"
    found = ((lost, "lost"), (twice, "executed twice"))
    return " or ".join(words for count, words in found if not count)


def _cache(summary: Summary) -> str:
    """What the callers of a cache were served; that none was served a wrong result is said, too."""
    cache = summary.cache
    if cache is None or not cache.asks:
        return ""
    found = ((cache.wrong_results, "answered wrongly"), (cache.unanswered, "not answered"))
    parts = [
        f"{count:,} {'was' if count == 1 else 'were'} {what}" for count, what in found if count
    ]
    if not parts:
        return f"all {cache.asks:,} cache requests were answered, none wrongly"
    return f"of {cache.asks:,} cache requests {' and '.join(parts)}"


def _recovery(summary: Summary) -> str:
    """When the first orphan was taken up again; of a run without a kill, what it is about."""
    if summary.recovery:
        return taken_up(summary)
    if summary.faults:
        return (
            f"no worker was killed: the harm was {faults_counted(f.what for f in summary.faults)}"
        )
    pickup = summary.latency_ms.pickup
    if summary.jobs.dedup is not None or summary.cache is not None:
        return ""
    if pickup.p50 is None or pickup.p99 is None:
        return ""
    return (
        f"jobs were picked up {milliseconds(pickup.p50)} ms (p50) and {milliseconds(pickup.p99)} "
        "ms (p99) after they were due"
    )


def _evidence(summary: Summary) -> str:
    """Of a run that is not invalid."""
    verdict = f"{summary.verdict.upper()} ({MEANINGS[summary.verdict]})"
    named = [
        _expected(one.name)
        for one in summary.expectations
        if one.outcome == {"fail": "broken", "unknown": "unknown"}.get(summary.verdict)
    ]
    which = f": {', '.join(named)}" if named else ""
    trusted = "The run can be trusted: its records are complete and agree."
    if is_limited(summary):
        trusted = (
            "The counts can be trusted: its records are complete and agree. The machine was held "
            "up meanwhile: times from then are not to be compared."
        )
    return f"{trusted} {verdict}{which}."


def is_limited(summary: Summary) -> bool:
    """Whether some time that was measured is marked as the stalled machine's."""
    latencies = by_name(summary.latency_ms).values()
    return any(kill.machine_limited for kill in summary.recovery) or any(
        latency.machine_limited for latency in latencies
    )


def _expected(name: str) -> str:
    """An expectation in words, with its key behind them where they differ."""
    key = name.replace("_", " ")
    return f"{EXPECTED[name]} ({key})" if name in EXPECTED else key


def _details(summary: Summary) -> Iterator[str]:
    yield from found_in_hand(summary)
    yield from causes(summary)
    yield from reach(summary)
    yield from last_words(summary)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""A run's answer in plain words, from its summary alone: what happened to the jobs comes first.

Terminal, report, RESULTS.md and JUnit all take it from here, so that no two of them can differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Literal

from analysis.faults_named import faults_counted
from analysis.metrics.kill_types import Recovery
from analysis.report.causes import causes
from analysis.report.reach import reach
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
ONE_SAMPLE = "One kill is one sample; crash_recovery_repeated gives a distribution."
NEVER_RESCUES = "this preset never takes up a dead worker's jobs again"


@dataclass(frozen=True)
class Answer:
    """What is said of a run, in the order in which it is to be read."""

    finding: str
    """One sentence: what became of the jobs, and when the first orphan came back."""
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
    parts = [text for text in (_jobs(summary), _cache(summary), _recovery(summary)) if text]
    told = "; ".join(parts)
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


def _jobs(summary: Summary) -> str:
    """What became of the jobs; that none was lost or executed twice is always said."""
    jobs = summary.jobs
    accepted = jobs.enqueued + jobs.refused + jobs.not_enqueued
    if not accepted:
        return "no job was enqueued"
    found = [fate for fate in _fates(summary) if fate.count]
    absent = [
        words
        for count, words in ((jobs.lost, "lost"), (jobs.duplicated, "executed twice"))
        if not count
    ]
    of_all = f"{accepted:,} job{'' if accepted == 1 else 's'}"
    if not found:
        return f"none of {of_all} lost or executed twice"
    first, *more = found
    parts = [f"{first.count:,} of {of_all} {first.words}"]
    parts += [f"{fate.count:,} {fate.words}" for fate in more]
    parts += [f"none {' or '.join(absent)}"] if absent else []
    return ", ".join(parts)


def _cache(summary: Summary) -> str:
    """What the callers of a cache were served; that none was served a wrong result is said, too."""
    cache = summary.cache
    if cache is None or not cache.asks:
        return ""
    of_all = f"of {cache.asks:,} questions to the cache"
    found = ((cache.wrong_results, "a wrong result"), (cache.unanswered, "none"))
    parts = [f"{count:,} were served {what}" for count, what in found if count]
    if not parts:
        return f"none {of_all} was served a wrong result or none"
    return f"{of_all} {' and '.join(parts)}"


def _recovery(summary: Summary) -> str:
    """When the first orphan came back, against the library's own bound."""
    kills = summary.recovery
    if not kills:
        harm = faults_counted(fault.what for fault in summary.faults)
        return "no worker was killed" + (f": the harm was {harm}" if harm else "")
    if summary.run.rescue is None and all(k.first_orphan_pickup_s is None for k in kills):
        return NEVER_RESCUES
    return _one(kills[0]) if len(kills) == 1 else _many(kills)


def _one(kill: Recovery) -> str:
    picked_s, bound_s = kill.first_orphan_pickup_s, kill.predicted_bound_s
    if not kill.orphans:
        if kill.at_least:
            return "the kill is not known to have found a job in flight"
        return "the kill found no job in flight"
    if picked_s is None:
        if kill.orphans == kill.found.finished_unacknowledged:
            return "no orphan had to come back"
        return "its orphan did not come back" if kill.orphans == 1 else "no orphan came back"
    first = "its orphan" if kill.orphans == 1 else "the first orphan"
    return f"{first} came back after {picked_s:.1f} s{_against(kill.missed_bound, bound_s)}"


def _against(missed: bool, bound_s: float | None) -> str:
    if bound_s is None:
        return ""
    return (
        f" (later than the {bound_s:.1f} s expected)"
        if missed
        else (f" (at most {bound_s:.1f} s expected)")
    )


def _many(kills: list[Recovery]) -> str:
    picked = [k.first_orphan_pickup_s for k in kills if k.first_orphan_pickup_s is not None]
    idle = [kill for kill in kills if not kill.orphans]
    if len(idle) == len(kills):
        found = "is known to have found" if any(kill.at_least for kill in idle) else "found"
        return f"none of {len(kills):,} kills {found} a job in flight"
    if not picked:
        return f"after none of {len(kills):,} kills an orphan came back"
    bounds = [k.predicted_bound_s for k in kills if k.predicted_bound_s is not None]
    missed = sum(kill.missed_bound for kill in kills)
    text = f"{_in_how_many(len(picked), idle, len(kills))} the first orphan came back, after "
    known: list[str] = []
    if len(picked) == 1:
        text += f"{picked[0]:.1f} s"
    else:
        text += f"{min(picked):.1f} to {max(picked):.1f} s"
        known.append(f"median {median(picked):.1f} s")
    if missed:
        known.append(f"{missed:,} later than expected")
    elif bounds:
        known.append(f"at most {max(bounds):.1f} s expected")
    return f"{text} ({'; '.join(known)})" if known else text


def _in_how_many(picked: int, idle: list[Recovery], kills: int) -> str:
    """Kills that found no job in flight left no orphan that could have come back."""
    if not idle:
        return f"in {picked:,} of {kills:,} kills"
    met = kills - len(idle)
    which = "each" if picked == met else f"{picked:,}"
    others = "the other one" if met == 1 else f"{which} of the other {met:,}"
    none = "are not known to have found a" if any(k.at_least for k in idle) else "found no"
    return f"{len(idle):,} of {kills:,} kills {none} job in flight; in {others}"


def _evidence(summary: Summary) -> str:
    """Of a run that is not invalid."""
    verdict = f"{summary.verdict.upper()} ({MEANINGS[summary.verdict]})"
    named = [
        _expected(one.name)
        for one in summary.expectations
        if one.outcome == {"fail": "broken", "unknown": "unknown"}.get(summary.verdict)
    ]
    which = f": {', '.join(named)}" if named else ""
    return f"The run can be trusted: its records are complete and agree. {verdict}{which}."


def _expected(name: str) -> str:
    """An expectation in words, with its key behind them where they differ."""
    key = name.replace("_", " ")
    return f"{EXPECTED[name]} ({key})" if name in EXPECTED else key


def _details(summary: Summary) -> Iterator[str]:
    yield from causes(summary)
    yield from reach(summary)
    if len(summary.recovery) == 1:
        yield from _one_kill(summary.recovery[0], summary.errors.discards.jobs > 0)
    elif summary.recovery:
        yield from _many_kills(summary.recovery)


def _many_kills(kills: list[Recovery]) -> Iterator[str]:
    orphans = sum(kill.orphans for kill in kills)
    if orphans:
        least = "At least " if any(kill.at_least for kill in kills) else ""
        jobs = "1 job was" if orphans == 1 else f"{orphans:,} jobs were"
        named = "the orphan" if orphans == 1 else "the orphans"
        yield f"{least}{jobs} in the hands of a worker when it was killed ({named})."
    yield f"The table of recoveries has each of the {len(kills):,} kills."


def _one_kill(kill: Recovery, discards: bool) -> Iterator[str]:
    if kill.orphans:
        yield "; ".join([_jobs_in_hand(kill), *_last_orphan(kill, discards)]) + "."
    if kill.resume_after_ready_s is not None:
        yield f"The new worker took work {kill.resume_after_ready_s:.2f} s after it was ready."
    if kill.trigger == "timed":
        yield ONE_SAMPLE


def _jobs_in_hand(kill: Recovery) -> str:
    count = f"{kill.orphans:,} job{' was' if kill.orphans == 1 else 's were'}"
    named = "the orphan" if kill.orphans == 1 else "the orphans"
    if not kill.at_least:
        return f"{count} in the dead worker's hands ({named})"
    return f"At least {count} in the dead worker's hands ({named}; not all of its rows are known)"


def _last_orphan(kill: Recovery, discards: bool) -> Iterator[str]:
    """When the last one came back and was done; where jobs were discarded, when it was settled."""
    picked_s, settled_s = kill.last_orphan_pickup_s, kill.last_orphan_settled_s
    if picked_s is not None and kill.orphans > 1:
        yield f"the last came back after {picked_s:.1f} s"
    if settled_s is None:
        yield kill.last_orphan_settled_s_why or "the last one was not seen to settle"
        return
    end = "settled" if discards else "completed"
    who, whose = ("it was", "its") if kill.orphans == 1 else ("all were", "their")
    own = f", {whose} own work included" if picked_s is not None else ""
    yield f"{who} {end} {settled_s:.1f} s after the kill{own}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

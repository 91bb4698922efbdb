"""A run's answer in plain words, from its summary alone: what happened, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.figures import Figures
from analysis.summary import Summary

MEANINGS = {
    "pass": "the scenario's expectations are met",
    "fail": "an expectation of the scenario is broken",
    "unknown": "it could not be found out whether the scenario's expectations are met",
    "invalid": "the ledger cannot be vouched for, so nothing below is a result",
}
"""By verdict: what it says."""
ONE_SAMPLE = "One kill is one sample; crash_recovery_repeated gives a distribution."


def answer(summary: Summary) -> str:
    """A handful of sentences, the verdict first. An invalid run is told no figures of."""
    return " ".join(_sentences(summary))


def _sentences(summary: Summary) -> Iterator[str]:
    yield f"{summary.verdict.upper()} ({MEANINGS[summary.verdict]})."
    if summary.verdict == "invalid":
        yield summary.reasons[0]
        return
    run, jobs, crash = summary.run, summary.jobs, summary.crash
    twice = crash["duplicate_executions"]
    times = f"{twice:,} of {jobs['enqueued']:,} jobs more than once" if twice else "no job twice"
    yield f"{run['library']} ({run['preset']}) executed {times} and {_losses(jobs)}."
    if len(summary.recovery) == 1:
        yield from _one_kill(summary.recovery[0])
    elif summary.recovery:
        yield f"{len(summary.recovery):,} kills: the table above has each."


def _losses(jobs: Figures) -> str:
    lost, stranded, open_ = jobs["lost"], jobs["stranded"], jobs["pending"] + jobs["ambiguous"]
    told = [f"lost {lost:,}" if lost else "lost none"]
    if stranded:
        told.append(f"left {stranded:,} stranded")
    if open_:
        told.append(f"left {open_:,} undecided")
    return ", ".join(told[:-1]) + " and " + told[-1] if len(told) > 1 else told[0]


def _one_kill(block: Figures) -> Iterator[str]:
    yield f"{_jobs_in_hand(block['orphans'])}{_settled(block)}."
    resumed_s = block["resume_after_ready_s"]
    if resumed_s is not None:
        yield f"The new worker took work {resumed_s:.2f} s after it was ready."
    if block["trigger"] == "timed":
        yield ONE_SAMPLE


def _jobs_in_hand(orphans: int) -> str:
    return f"{orphans:,} job{' was' if orphans == 1 else 's were'} in the dead worker's hands"


def _settled(block: Figures) -> str:
    settled_s = block["last_orphan_settled_s"]
    if not block["orphans"]:
        return ""
    if settled_s is None:
        return f"; {block['last_orphan_settled_s_why']}"
    return f"; the last was settled {settled_s:.1f} s after the kill"

"""A run's answer in plain words, from its summary alone: what happened, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.metrics.kill_types import Recovery
from analysis.summary.types import JobsSection, Summary

MEANINGS = {
    "pass": "the scenario's expectations are met",
    "fail": "an expectation of the scenario is broken",
    "unknown": "it could not be found out whether the scenario's expectations are met",
    "invalid": "the ledger cannot be vouched for, so no figure of this run is a result",
}
"""By verdict: what it says."""
CUT_SHORT = {
    "interrupted": "it was interrupted, so no figure of this run is a result",
    None: "it did not come to its end, so no figure of this run is a result",
}
"""By how an invalid run ended, where that alone says enough; None = without a run_end."""
ONE_SAMPLE = "One kill is one sample; crash_recovery_repeated gives a distribution."


def answer(summary: Summary) -> str:
    """A handful of sentences, the verdict first. Of an invalid run it gives no figures."""
    return " ".join(_sentences(summary))


def _sentences(summary: Summary) -> Iterator[str]:
    meaning = MEANINGS[summary.verdict]
    if summary.verdict == "invalid":
        yield f"INVALID ({CUT_SHORT.get(summary.run.ended, meaning)})."
        yield summary.reasons[0]
        return
    yield f"{summary.verdict.upper()} ({meaning})."
    run, jobs, crash = summary.run, summary.jobs, summary.crash
    twice = crash.duplicated
    times = f"{twice:,} of {jobs.enqueued:,} jobs more than once" if twice else "no job twice"
    yield f"{run.library} ({run.preset}) executed {times} and {_losses(jobs)}."
    if len(summary.recovery) == 1:
        end = "settled" if summary.errors.discards.jobs else "completed"
        yield from _one_kill(summary.recovery[0], end)
    elif summary.recovery:
        yield f"{len(summary.recovery):,} kills: the table above has each."


def _losses(jobs: JobsSection) -> str:
    lost, stranded, open_ = jobs.lost, jobs.stranded, jobs.pending + jobs.ambiguous
    parts = [f"lost {lost:,}" if lost else "lost none"]
    if stranded:
        parts.append(f"left {stranded:,} stranded")
    if open_:
        parts.append(f"left {open_:,} undecided")
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]


def _one_kill(kill: Recovery, end: str) -> Iterator[str]:
    """`end` = what became of the last orphan: where no job was discarded, it was completed."""
    yield "; ".join([_jobs_in_hand(kill.orphans), *_orphans(kill, end)]) + "."
    resumed_s = kill.resume_after_ready_s
    if resumed_s is not None:
        yield f"The new worker took work {resumed_s:.2f} s after it was ready."
    if kill.trigger == "timed":
        yield ONE_SAMPLE


def _jobs_in_hand(orphans: int) -> str:
    return f"{orphans:,} job{' was' if orphans == 1 else 's were'} in the dead worker's hands"


def _orphans(kill: Recovery, end: str) -> Iterator[str]:
    """When the first was taken up again, and when the last one had come to its end."""
    settled_s = kill.last_orphan_settled_s
    if not kill.orphans:
        return
    if kill.first_orphan_pickup_s is not None:
        taken_up = _taken_up(kill)
        if settled_s is not None:
            last = "it was" if kill.orphans == 1 else "the last one was"
            yield f"{taken_up}, {last} {end} after {settled_s:.1f} s, its own work included"
            return
        yield taken_up
    if settled_s is None:
        yield kill.last_orphan_settled_s_why or "the last one was not seen to settle"
    else:
        yield f"the last was {end} {settled_s:.1f} s after the kill"


def _taken_up(kill: Recovery) -> str:
    bound_s = kill.predicted_bound_s
    expected = "" if bound_s is None else f" (at most {bound_s:.1f} s expected)"
    first = "it" if kill.orphans == 1 else "the first"
    picked_s = kill.first_orphan_pickup_s
    return f"{first} was taken up again {picked_s:.1f} s after the kill{expected}"

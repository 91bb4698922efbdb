"""How far a run's answer reaches: what it did not try, did not judge, or did not wait for."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.summary.types import Summary

OF_DUPLICATES = ("duplicated", "max_duplicated", "duplicate_executions")
"""Expectations that judge how many jobs were executed twice."""
_MINUTE_S, _HOUR_S = 60, 3600


def reach(summary: Summary) -> Iterator[str]:
    """Sentences that keep a pass from being read for more than it is."""
    if not summary.crash.kills and not summary.faults:
        yield "No harm was done to a worker: this run says nothing of a crash."
    yield from _duplicates(summary)
    yield from _run_again(summary)
    yield from _still_owed(summary)


def _duplicates(summary: Summary) -> Iterator[str]:
    """A pass over jobs that were executed twice says whether anybody minded."""
    if summary.verdict != "pass" or not summary.jobs.duplicated:
        return
    judged = [one for one in summary.expectations if one.name in OF_DUPLICATES]
    if not judged:
        yield "Duplicates are reported here and not judged."
    for one in judged:
        how = "at most" if one.name.startswith("max_") else "exactly"
        yield f"Duplicates are judged here: {how} {one.expected:g} were expected."
        return


def _run_again(summary: Summary) -> Iterator[str]:
    """What was done once, and had to be begun twice for it."""
    count = summary.jobs.flags_by_verdict.get("completed_once", {}).get("redelivered", 0)
    if not summary.crash.kills or not count:
        return
    jobs, was, had = ("job", "was", "it had") if count == 1 else ("jobs", "were", "they had")
    if count > sum(kill.found.started for kill in summary.recovery):
        yield f"{count:,} {jobs} {was} started again and done once."
        return
    other = "other " if summary.crash.duplicates_by_crash else ""
    worker = "a worker" if len(summary.recovery) > 1 else "the worker"
    yield (
        f"{count:,} {other}interrupted {jobs} {was} started again and done once: {had} not "
        f"finished when {worker} died."
    )


def _still_owed(summary: Summary) -> Iterator[str]:
    """How long it may still take by the library's own bound, where the run did not wait so long."""
    bounds_s = [kill.predicted_bound_s for kill in summary.recovery]
    known_s = [bound_s for bound_s in bounds_s if bound_s is not None]
    if summary.jobs.pending_by_reason.get("bound_not_reached") and known_s:
        yield (
            f"By the library's own bound they may come back up to {duration(max(known_s))} after "
            "the kill; this run did not wait so long."
        )


def duration(seconds: float) -> str:
    """As people say it: 42 s, 3 min 20 s, 4 h 10 min."""
    whole = round(seconds)
    if whole < 2 * _MINUTE_S:
        return f"{whole} s"
    if whole < 2 * _HOUR_S:
        minutes, rest = divmod(whole, _MINUTE_S)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(whole / _MINUTE_S), _MINUTE_S)
    return f"{hours} h {rest} min" if rest else f"{hours} h"

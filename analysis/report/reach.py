"""How far a run's answer reaches: what it did not try, did not judge, or did not wait for."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.summary.types import Summary

OF_DUPLICATES = ("duplicated", "max_duplicated", "duplicate_executions")
"""Expectations that judge how many jobs were executed twice."""
_MINUTE_S, _HOUR_S = 60, 3600


def reach(summary: Summary) -> Iterator[str]:
    """Sentences that keep a pass from being read for more than it is."""
    if not summary.crash.kills and not summary.faults and not summary.unexpected_exits:
        yield "No fault was injected: this run says nothing about crashes."
    yield from _duplicates(summary)
    yield from _run_again(summary)
    yield from _still_owed(summary)


def _duplicates(summary: Summary) -> Iterator[str]:
    """A pass over jobs that were executed twice says whether anybody minded."""
    if summary.verdict != "pass" or not summary.jobs.duplicated:
        return
    judged = [one for one in summary.expectations if one.name in OF_DUPLICATES]
    if not judged:
        yield "The scenario sets no limit on duplicates: the pass says nothing about them."
    for one in judged:
        many = "1 job" if one.expected == 1 else f"{one.expected:g} jobs"
        if one.name.startswith("max_"):
            yield f"The scenario allows at most {many} executed twice."
        elif any(kill.trigger == "held" for kill in summary.recovery):
            yield (
                f"The scenario expects exactly {many} executed twice, and holds jobs until the "
                "kill to bring that about: the share says nothing of ordinary use."
            )
        else:
            yield f"The scenario expects exactly {many} executed twice."
        return


def _run_again(summary: Summary) -> Iterator[str]:
    """Jobs that were begun twice to be done once, where the kills had found fewer of them begun:
    else what the orphans were says it."""
    count = summary.jobs.flags_by_verdict.get("completed_once", {}).get("redelivered", 0)
    if summary.crash.kills and count > sum(k.found.started or 0 for k in summary.recovery):
        jobs = "1 job was" if count == 1 else f"{count:,} jobs were"
        yield f"{jobs} started again and done once."


def done_and_owed(summary: Summary) -> int:
    """Jobs that are done, and that a dead worker holds still: a rescue would repeat them."""
    jobs = summary.jobs
    if summary.run.rescue is None:
        return 0
    owed = jobs.flags_by_verdict.get("completed_once", {}).get("still_owed", 0)
    return min(owed, jobs.bound_not_reached - jobs.pending_by_reason.get("bound_not_reached", 0))


def _still_owed(summary: Summary) -> Iterator[str]:
    """How long it may still take by the library's own bound, where the run did not wait so long."""
    bounds_s = [kill.predicted_bound_s for kill in summary.recovery]
    known_s = [bound_s for bound_s in bounds_s if bound_s is not None]
    count, done = summary.jobs.bound_not_reached, done_and_owed(summary)
    if not count or not known_s:
        return
    jobs, may = ("1 job is", "it") if count == 1 else (f"{count:,} jobs are", "they")
    watched_s = _watched_s(summary)
    so_long = "this run did not wait so long"
    if watched_s is not None:
        so_long = f"this run watched for {duration(watched_s)}"
    yield (
        f"{jobs} still claimed for a dead worker: by the library's settings {may} may be taken up "
        f"again up to {duration(max(known_s))} after the kill; {so_long}."
    )
    if done:
        those = "1 of them is" if done == 1 else f"{done:,} of them are"
        yield f"{those} done, and would then run a second time."


def _watched_s(summary: Summary) -> float | None:
    """From the only kill until the last worker left, seconds; None = there is no such time."""
    if len(summary.recovery) != 1:
        return None
    (kill,) = summary.recovery
    left = {(life.slot, life.incarnation): life.left_s for life in summary.run.workers}
    victim_s = left.get((kill.slot, kill.incarnation))
    seen = [left_s for left_s in left.values() if left_s is not None]
    if victim_s is None or kill.reaped_s is None or len(seen) < len(left):
        return None
    return max(seen) - victim_s + kill.reaped_s


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

"""Why jobs were executed twice, where the evidence shows it, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from analysis.summary.types import RunSection, Summary

ACKNOWLEDGING = ("acknowledgement_flush", "completion_flush", "completer_flush")
"""Names that adapters give to the rhythm in which a library writes down what it has done."""

_SHOWN_S = 0.01
"""Ages are told to this."""


def causes(summary: Summary) -> Iterator[str]:
    """What had been done at the kills and not been recorded, duplicates of other causes, and what
    the rescues cost."""
    yield from _unacknowledged(summary)
    effects = sum(kill.found.effect_done for kill in summary.recovery if kill.found.effect_done)
    if effects and summary.jobs.duplicated:
        were, their = ("job was", "its") if effects == 1 else ("jobs were", "their")
        yield f"{effects:,} {were} killed between committing {their} effect and reporting it."
    crash = summary.crash
    if crash.duplicates_re_enqueued:
        one = crash.duplicates_re_enqueued == 1
        whose, them = ("its", "it") if one else ("their", "them")
        yield (
            f"{_jobs(crash.duplicates_re_enqueued)} executed twice because {whose} coordinator, "
            f"the job that enqueues {them}, did so again."
        )
    if crash.duplicates_live:
        yield f"{_jobs(crash.duplicates_live)} executed twice though no worker's death explains it."
    yield from _attempts(summary)


def _attempts(summary: Summary) -> Iterator[str]:
    """What the rescues cost besides, where the library counts attempts."""
    counts = [k.attempts_used_up for k in summary.recovery if k.attempts_used_up is not None]
    if not counts:
        return
    used_up = sum(counts)
    if used_up:
        some = "1 attempt" if used_up == 1 else f"{used_up:,} attempts"
        yield f"The library counted the restarts of orphans as {some}."
    else:
        yield "The library did not count the restarts of orphans as attempts."


def _unacknowledged(summary: Summary) -> Iterator[str]:
    """How old what was done and not recorded was, over all kills, beside the library's rhythm.

    Jobs that the instrument itself held between their end and their handler's return had no time
    to be acknowledged, whatever the rhythm; nor is it a cause where a kill was aimed otherwise.
    """
    yield from _held(summary)
    kills = [kill for kill in summary.recovery if kill.trigger != "held"]
    ages_s = sorted(age_s for kill in kills for age_s in kill.unacknowledged_age_s or ())
    if not ages_s:
        return
    when = _when(ages_s, several_kills=len(kills) > 1)
    job, were = ("job", "was") if len(ages_s) == 1 else ("jobs", "were")
    timed = all(kill.trigger == "timed" for kill in kills)
    yield (
        f"{len(ages_s):,} {job} had finished {when} and {were} not acknowledged"
        f"{_rhythm(summary.run) if timed else ''}{_not_again(summary)}."
    )


def _held(summary: Summary) -> Iterator[str]:
    held = [kill.found for kill in summary.recovery if kill.trigger == "held"]
    count = sum(found.finished_unacknowledged or 0 for found in held)
    if count:
        jobs, they, their = (
            ("job", "it was", "its") if count == 1 else ("jobs", "they were", "their")
        )
        yield (
            f"The scenario stopped {count:,} {jobs} after {they} done and before {their} handler "
            f"returned, and killed the worker there: no buffer is to blame{_not_again(summary)}."
        )


def _not_again(summary: Summary) -> str:
    return "" if summary.jobs.duplicated else "; none was executed again"


def _when(ages_s: list[float], *, several_kills: bool) -> str:
    """How long before its kill each had finished; `ages_s` ascend."""
    kill = "the kill" if not several_kills else "its kill" if len(ages_s) == 1 else "their kills"
    if ages_s[-1] < _SHOWN_S:
        return f"less than {_SHOWN_S:g} s before {kill}"
    if len(ages_s) == 1:
        return f"{ages_s[0]:.2f} s before {kill}"
    if not several_kills:
        return f"up to {ages_s[-1]:.2f} s before {kill}"
    spread = f"{ages_s[0]:.2f} to {ages_s[-1]:.2f} s (median {median(ages_s):.2f} s)"
    return f"{spread} before {kill}"


def _rhythm(run: RunSection) -> str:
    found = [run.periods_s[name] for name in ACKNOWLEDGING if name in run.periods_s]
    return f"; this preset buffers acknowledgements for {found[0]:g} s" if found else ""


def _jobs(count: int) -> str:
    return f"{count:,} job{' was' if count == 1 else 's were'}"

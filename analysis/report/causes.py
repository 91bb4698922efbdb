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
        were = "job had its effect" if effects == 1 else "jobs had their effect"
        yield f"{effects:,} {were} committed at the kill and had not yet said so."
    crash = summary.crash
    if crash.duplicates_re_enqueued:
        yield (
            f"{_jobs(crash.duplicates_re_enqueued)} executed twice because "
            f"{_they(crash.duplicates_re_enqueued)} enqueued twice."
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
    some = f"{used_up:,} attempt{'' if used_up == 1 else 's'}" if used_up else "no attempt"
    yield f"Rescues used up {some} by the library's own count."


def _unacknowledged(summary: Summary) -> Iterator[str]:
    """How old what was done and not recorded was, over all kills, beside the library's rhythm."""
    ages_s = sorted(age_s for kill in summary.recovery for age_s in kill.unacknowledged_age_s or ())
    if not ages_s:
        return
    when = _when(ages_s, several_kills=len(summary.recovery) > 1)
    job, were = ("job", "was") if len(ages_s) == 1 else ("jobs", "were")
    yield (
        f"{len(ages_s):,} {job} had finished {when} and {were} not acknowledged"
        f"{_rhythm(summary.run)}"
        f"{'' if summary.jobs.duplicated else '; none was executed again'}."
    )


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


def _they(count: int) -> str:
    return "it was" if count == 1 else "they were"

"""What became of the jobs that dead workers had in hand (the orphans), in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from analysis.metrics.kill_types import Recovery
from analysis.summary.types import Summary

NEVER_RESCUES = "this preset never takes up a dead worker's jobs (its orphans) again"
ONE_SAMPLE = "One kill is one sample; crash_recovery_repeated gives a distribution."
_SHOWN_S = 0.05
"""A shorter time without a worker is not told."""


def taken_up(summary: Summary) -> str:
    """When the first orphan was taken up again, against the library's own bound; for the first
    sentence of a run with a kill."""
    kills = summary.recovery
    if summary.run.rescue is None and all(k.first_orphan_pickup_s is None for k in kills):
        return NEVER_RESCUES
    return _one(kills[0], summary) if len(kills) == 1 else _many(kills)


def _one(kill: Recovery, summary: Summary) -> str:
    picked_s = kill.first_orphan_pickup_s
    if not kill.orphans:
        if kill.at_least:
            return "the kill is not known to have found a job in flight"
        return "the kill found no job in flight"
    single = kill.orphans == 1 and not kill.at_least
    count = "" if kill.at_least else f"{kill.orphans:,} "
    all_of_them = "the dead worker's job (its orphan)"
    if not single:
        all_of_them = f"the dead worker's {count}jobs (its orphans)"
    if picked_s is None and kill.orphans == kill.found.finished_unacknowledged:
        had_been = "had been done and was" if single else "had been done and were"
        return f"{all_of_them} {had_been} not run again"
    if picked_s is None:
        not_again = "taken up again"
        if single:
            return f"{all_of_them} was not {not_again}"
        return f"none of {all_of_them} was {not_again}"
    first = all_of_them if single else f"the first of {all_of_them}"
    within = _against(kill.missed_bound, kill.predicted_bound_s)
    since = "" if summary.unexpected_exits else _since_ready(kill)
    return f"{first} was taken up again {picked_s:.1f} s after the kill{within}{since}"


def _against(missed: bool, bound_s: float | None) -> str:
    if bound_s is None:
        return ""
    if missed:
        return f" (later than the {bound_s:.1f} s that the library's settings allow)"
    return f" (the library's settings allow {bound_s:.1f} s)"


def _since_ready(kill: Recovery) -> str:
    """Said only where a later worker of the same slot took it, and no survivor; not where one died
    unasked, since the worker that took it need not be the first that was ready."""
    first_s, ready_s = kill.first_orphan_pickup_s, kill.ready_s
    if first_s is None or ready_s is None or first_s < ready_s:
        return ""
    if first_s != kill.time_to_resume_s and kill.survivor_next_pickup_s is not None:
        return ""
    after_s = first_s - ready_s
    told = f"{after_s:.2f}" if after_s < 1 else f"{after_s:.1f}"
    return f", {told} s after a new worker was ready"


def _many(kills: list[Recovery]) -> str:
    picked = [k.first_orphan_pickup_s for k in kills if k.first_orphan_pickup_s is not None]
    idle = [kill for kill in kills if not kill.orphans]
    if len(idle) == len(kills):
        found = "is known to have found" if any(kill.at_least for kill in idle) else "found"
        return f"none of {len(kills):,} kills {found} a job in flight"
    if not picked:
        return f"no job of a dead worker (no orphan) was taken up again after {len(kills):,} kills"
    bounds = [k.predicted_bound_s for k in kills if k.predicted_bound_s is not None]
    missed = sum(kill.missed_bound for kill in kills)
    where = _in_how_many(len(picked), idle, len(kills))
    text = f"{where} the first of the dead worker's jobs (its orphans) was taken up again "
    known: list[str] = []
    if len(picked) == 1:
        text += f"{picked[0]:.1f} s after the kill"
    else:
        text += f"{min(picked):.1f} to {max(picked):.1f} s after the kill"
        known.append(f"median {median(picked):.1f} s")
    if missed:
        known.append(f"{missed:,} later than the library's settings allow")
    elif bounds:
        known.append(f"the library's settings allow {max(bounds):.1f} s")
    return f"{text} ({'; '.join(known)})" if known else text


def _in_how_many(picked: int, idle: list[Recovery], kills: int) -> str:
    """Kills that found no job in flight left no orphan that could be taken up again."""
    if not idle:
        return f"in {picked:,} of {kills:,} kills"
    met = kills - len(idle)
    which = "each" if picked == met else f"{picked:,}"
    others = "the other one" if met == 1 else f"{which} of the other {met:,}"
    none = "are not known to have found a" if any(k.at_least for k in idle) else "found no"
    return f"{len(idle):,} of {kills:,} kills {none} job in flight; in {others}"


def found_in_hand(summary: Summary) -> Iterator[str]:
    """In which phase the kills found the orphans, what became of them, and for how long the
    instrument itself left their slots empty."""
    kills = summary.recovery
    if len(kills) == 1:
        gave_up = summary.errors.discards.jobs > 0 or summary.jobs.discarded > 0
        yield from _one_breakdown(kills[0], gave_up)
    elif kills:
        yield from _many_breakdown(kills)
    yield from _empty_slots(summary)


def last_words(summary: Summary) -> Iterator[str]:
    """What else a kill did, and how far one reaches."""
    kills = summary.recovery
    if len(kills) > 1:
        yield f"The table of recoveries has each of the {len(kills):,} kills."
        return
    for kill in kills:
        first_s, resumed_s = kill.first_orphan_pickup_s, kill.time_to_resume_s
        other = resumed_s is not None and (first_s is None or resumed_s < first_s)
        if other and kill.resume_after_ready_s is not None:
            took_s = kill.resume_after_ready_s
            yield f"The new worker began other jobs {took_s:.2f} s after it was ready."
        if kill.trigger == "timed":
            yield ONE_SAMPLE


def _one_breakdown(kill: Recovery, discards: bool) -> Iterator[str]:
    phases = _phases([kill])
    if not kill.orphans or not phases:
        return
    end = "".join(f"; {text}" for text in (*_done_again(kill), *_ends(kill, discards)))
    if kill.orphans == 1 and not kill.at_least:
        yield f"The orphan was {phases[0][1]} at the kill{end}."
        return
    yield f"{_named(kill.orphans, at_least=kill.at_least)}: {_by_phase(phases)}{end}."


def _named(orphans: int, *, at_least: bool) -> str:
    who = "orphan" if orphans == 1 else "orphans"
    return f"At least {orphans:,} {who}" if at_least else f"The {orphans:,} {who}"


def _done_again(kill: Recovery) -> Iterator[str]:
    """Where the kill's duplicates are just what it found done."""
    done = (kill.found.finished_unacknowledged or 0) + (kill.found.effect_done or 0)
    if not done or kill.found.why is not None or kill.duplicates != done:
        return
    if done == 1:
        yield "it was done again" if kill.orphans == 1 else "the one that was done was done again"
    else:
        yield f"the {done:,} that were done were done again"


def _many_breakdown(kills: list[Recovery]) -> Iterator[str]:
    orphans, phases = sum(kill.orphans for kill in kills), _phases(kills)
    if orphans and phases:
        named = _named(orphans, at_least=any(kill.at_least for kill in kills))
        yield f"{named}: {_by_phase(phases)}."


def _phases(kills: list[Recovery]) -> list[tuple[int, str]]:
    """How many orphans were found in each phase that there is."""
    found = [kill.found for kill in kills]
    counts = (
        (sum(f.finished_unacknowledged or 0 for f in found), "done but not acknowledged"),
        (sum(f.effect_done or 0 for f in found), "done but not reported"),
        (sum(f.failed_unacknowledged or 0 for f in found), "failed but not acknowledged"),
        (sum(f.started or 0 for f in found), "begun"),
        (sum(f.claimed or 0 for f in found), "not begun"),
    )
    return [(count, phase) for count, phase in counts if count]


def _by_phase(phases: list[tuple[int, str]]) -> str:
    if len(phases) == 1 and phases[0][0] > 1:
        return f"all {phases[0][1]}"
    return ", ".join(f"{count:,} {phase}" for count, phase in phases)


def _ends(kill: Recovery, discards: bool) -> Iterator[str]:
    """When the last one was taken up again, and done; where jobs were discarded, settled."""
    picked_s, settled_s = kill.last_orphan_pickup_s, kill.last_orphan_settled_s
    if settled_s is None:
        why = kill.last_orphan_settled_s_why
        # That none was taken up again is the first sentence's.
        if why is not None and picked_s is not None:
            yield why
        return
    end = "settled" if discards else "completed"
    if kill.orphans == 1:
        yield f"it was {end} {settled_s:.1f} s after the kill"
        return
    if picked_s is not None:
        yield f"the last to be taken up again followed {picked_s:.1f} s after the kill"
    yield f"all were {end} by {settled_s:.1f} s after the kill"


def _empty_slots(summary: Summary) -> Iterator[str]:
    """The instrument's own pause is no time that the queue took. What lived on of a worker whose
    first process was killed alone filled its slot still."""
    alone = {found.fault for found in summary.survivors}
    kills = [kill for kill in summary.recovery if kill.fault not in alone]
    gaps = [kill.respawned_s for kill in kills if kill.respawned_s is not None]
    least, most = f"{min(gaps, default=0):.1f}", f"{max(gaps, default=0):.1f}"
    if gaps and min(gaps) >= _SHOWN_S:
        spread = f"{most} s" if least == most else f"{least} to {most} s"
        each = " each time" if len(gaps) > 1 else ""
        if len(gaps) < len(kills):
            each = f" after {len(gaps):,} of {len(kills):,} kills, and for good after the others"
        yield f"The harness, not the queue, left the slot empty for {spread}{each}."

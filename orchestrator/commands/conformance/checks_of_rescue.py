"""Judges the trial ``repeated``: what a preset states of its rescue against what kills show.

One kill says little of a bound: it may fall just before the library looks. Here several workers are
killed one after another, each at another phase of the library's rhythms, while others live.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.commands.conformance.checks_of_kills import beyond
from orchestrator.commands.conformance.finding import (
    Check,
    NotCheckedError,
    TrialName,
    UnofferedError,
)
from orchestrator.commands.conformance.run_facts import Fields, RunFacts, Worker, worker_of

_REPEATED: tuple[TrialName, ...] = ("repeated",)
_NS_PER_S = 1_000_000_000
_NOISE_S = 1.0
"""By so much one kill's first orphan may be late on a busy machine."""
_TIMES_TOO_LONG = 3.0
_CLAIM = re.compile(r"(yes|no)(?=$|[,;:.])")
"""How a preset begins that states whether a rescue counts as an attempt; others count none."""
_LONGER_S = 2.0
"""A bound is called long that is more than so many times what was seen, and so much above it."""


class Counts(NamedTuple):
    """What the library counted of a job: at the start that the kill cut off, and at the next."""

    job_id: str
    before: int
    after: int


@dataclass(frozen=True)
class Kill:
    """What became of one killed worker's jobs."""

    worker: Worker
    outage_s: float
    """Until its slot had a ready worker again."""
    orphans: int
    """Executions that were open."""
    back_s: tuple[float, ...]
    """After how long each that another worker ran again was started there; ascending."""
    counts: tuple[Counts, ...]
    """Of those that came back, and where the library counts, by job."""


def kills_of(run: RunFacts) -> list[Kill]:
    """The kills that found an open execution. Raises `NotCheckedError` where there is none."""
    run.need_end()
    found = [kill for fault in run.of("fault_injected") if (kill := _kill(run, fault)).orphans]
    if not found:
        raise NotCheckedError("no kill found an open execution")
    return found


def rescue_stated(run: RunFacts) -> Iterator[str]:
    """Who states that nothing is rescued has nothing rescued, as long as anybody looks."""
    kills = kills_of(run)
    if run.preset.rescue is not None:
        return
    if back_s := sorted(after_s for kill in kills for after_s in kill.back_s):
        yield (
            f"the preset states rescue = None, and {len(back_s)} of "
            f"{sum(kill.orphans for kill in kills)} orphans were run again by others, the first "
            f"{back_s[0]:.1f} s after its worker's kill"
        )


def attempts_of_rescues(run: RunFacts) -> Iterator[str]:
    """By the library's own count each rescue uses up an attempt, or none does, as it is stated."""
    counts = [count for kill in kills_of(run) for count in kill.counts]
    stated = run.preset.parity["rescue_counts_as_attempt"]
    claim = _CLAIM.match(stated)
    if not counts:
        raise UnofferedError("no orphan came back with a count of the library's own")
    rose = [count for count in counts if count.after > count.before]
    if claim is None:
        yield (
            f"the library counts attempts, and rescue_counts_as_attempt begins neither with yes "
            f"nor with no: {stated!r}"
        )
        return
    wrong = [count for count in counts if (count in rose) != (claim[1] == "yes")]
    if wrong:
        job_id, before, after = wrong[0]
        yield (
            f"rescue_counts_as_attempt says {claim[1]!r}, and {len(rose)} of {len(counts)} orphans "
            f"that came back had used up an attempt: library_attempt of {job_id} was {before} and "
            f"then {after}"
        )


def bound_borne_out(run: RunFacts) -> Iterator[str]:
    """The first orphan of each kill is back within the bound: no kill beyond the margin, and at
    most every other one by more than noise."""
    kills = _where_stated(run)
    assert run.preset.rescue is not None
    margin_s, most_s = run.scenario.limits.backlog_margin_s, run.scenario.limits.max_bound_s
    for kill in kills:
        bound_s = run.preset.rescue.bound_s(kill.outage_s)
        if not kill.back_s and bound_s <= most_s:
            yield f"no orphan of {kill.worker} came back; the preset states {bound_s:.1f} s"
    late = [kill for kill in kills if _late_s(run, kill) > _NOISE_S]
    if any(_late_s(run, kill) > margin_s for kill in kills) or 2 * len(late) > len(kills):
        yield f"the stated bound is too short: {_seen(run, kills)}"


def bound_too_long(run: RunFacts) -> Iterator[str]:
    """A run waits for the bound: one that is many times too long costs time, and hides delays."""
    kills = [kill for kill in _where_stated(run) if kill.back_s]
    assert run.preset.rescue is not None
    bound_s = min(run.preset.rescue.bound_s(kill.outage_s) for kill in kills)
    longest_s = max(kill.back_s[-1] for kill in kills)
    if bound_s > max(_TIMES_TOO_LONG * longest_s, longest_s + _LONGER_S):
        yield (
            f"the stated bound is {bound_s / longest_s:.0f} times the longest seen: "
            f"{_seen(run, kills)}"
        )


def _where_stated(run: RunFacts) -> list[Kill]:
    kills = kills_of(run)
    if run.preset.rescue is None:
        raise UnofferedError("this preset never rescues")
    if not any(kill.back_s for kill in kills) and (
        run.preset.rescue.bound_s(0.0) > run.scenario.limits.max_bound_s
    ):
        raise NotCheckedError(beyond(run))
    return kills


def _late_s(run: RunFacts, kill: Kill) -> float:
    """By how much the first orphan missed the bound; below 0 = it did not, or never came."""
    assert run.preset.rescue is not None
    bound_s = run.preset.rescue.bound_s(kill.outage_s)
    return kill.back_s[0] - bound_s if kill.back_s else -bound_s


def _seen(run: RunFacts, kills: list[Kill]) -> str:
    assert run.preset.rescue is not None
    firsts = ", ".join(f"{kill.back_s[0]:.1f}" if kill.back_s else "none" for kill in kills)
    bounds_s = [run.preset.rescue.bound_s(kill.outage_s) for kill in kills]
    return (
        f"over {len(kills)} kills the first orphans were back after {firsts} s, stated are at most "
        f"{max(bounds_s):.1f} s"
    )


def _kill(run: RunFacts, fault: Fields) -> Kill:
    victim, killed_ns = worker_of(fault), int(fault["t_ns"])
    ended = {
        fields["execution"]
        for kind in ("job_completed", "job_failed")
        for fields in run.of(kind)
        if worker_of(fields) == victim
    }
    orphans = {
        fields["job_id"]
        for fields in run.of("job_started")
        if worker_of(fields) == victim and fields["execution"] not in ended
    }
    before: dict[str, Fields] = {}
    again: dict[str, Fields] = {}
    for fields in sorted(run.of("job_started"), key=lambda fields: int(fields["t_ns"])):
        job_id = fields["job_id"]
        if job_id in orphans and worker_of(fields) == victim:
            before[job_id] = fields
        elif job_id in orphans and int(fields["t_ns"]) > killed_ns:
            again.setdefault(job_id, fields)
    ready_ns = [
        int(ready["t_ns"])
        for ready in run.of("child_ready")
        if ready["slot"] == victim.slot and ready["incarnation"] > victim.incarnation
    ]
    outage_ns = min(ready_ns, default=killed_ns) - killed_ns
    back_s = sorted((int(fields["t_ns"]) - killed_ns) / _NS_PER_S for fields in again.values())
    counts = (
        Counts(job_id, before[job_id]["library_attempt"], fields["library_attempt"])
        for job_id, fields in sorted(again.items())
        if None not in (before[job_id].get("library_attempt"), fields.get("library_attempt"))
    )
    return Kill(victim, outage_ns / _NS_PER_S, len(orphans), tuple(back_s), tuple(counts))


RESCUE: tuple[Check[RunFacts], ...] = (
    Check("rescue stated", "rescues nothing where it says so", _REPEATED, rescue_stated),
    Check(
        "rescue bound",
        "bears its stated bound out, kill after kill",
        _REPEATED,
        bound_borne_out,
        bound_too_long,
    ),
    Check(
        "rescue attempts",
        "counts a rescue as an attempt, or does not, as stated",
        _REPEATED,
        attempts_of_rescues,
    ),
)

"""Judges what callers of a queue with a cache were served. The trial is ``cached``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from orchestrator.commands.conformance.finding import Check, TrialName
from orchestrator.commands.conformance.run_facts import Fields, RunFacts

_CACHED: tuple[TrialName, ...] = ("cached",)
_AFTER_S = 2.0
"""So long after the first whole answer a result is in the cache, or it is not kept."""
_LOOK_S = 0.5
"""So long a look into the cache may take: what came to be later was waited for."""
_NS_PER_S = 1_000_000_000


def _by_address(run: RunFacts) -> dict[str, list[Fields]]:
    """Every question with its answer, by what was asked for, in the order of the questions."""
    run.need_end()
    found: defaultdict[str, list[Fields]] = defaultdict(list)
    for note in run.notes("cache_answered"):
        found[note["detail"]["address"]].append({**note["detail"], "answered_ns": note["t_ns"]})
    return {
        address: sorted(asked, key=lambda one: int(one["asked_ns"]))
        for address, asked in sorted(found.items())
    }


def answers_whole(run: RunFacts) -> Iterator[str]:
    """Nobody dies here and nothing fails: every question is answered, with the address's bytes."""
    answers = _by_address(run)
    if not answers:
        yield "no question was answered at all"
    for address, asked in answers.items():
        for one in asked:
            if one.get("sha256") is None:
                yield f"the question for {address} got nothing: {one.get('error') or 'no reason'}"
            elif one["sha256"] != one["expected_sha256"]:
                yield (
                    f"the question for {address} was served {one['bytes']} bytes that are not its "
                    f"own {one['expected_bytes']}"
                )


def hits_told(run: RunFacts) -> Iterator[str]:
    """An answer is a hit once the cache has the result, and none before any job had run."""
    completed_ns: dict[str, int] = {}
    for done in run.of("job_completed"):
        known_ns = completed_ns.setdefault(done["job_id"], int(done["t_ns"]))
        completed_ns[done["job_id"]] = min(known_ns, int(done["t_ns"]))
    for address, asked in _by_address(run).items():
        ends = [completed_ns[one["job_id"]] for one in asked if one["job_id"] in completed_ns]
        first_ns = min(ends, default=None)
        early = [
            one
            for one in asked
            if one["outcome"] == "hit"
            and (first_ns is None or one["asked_ns"] < first_ns - _LOOK_S * _NS_PER_S)
        ]
        if early:
            yield (
                f"the question for {address} was called a hit, and was asked {_LOOK_S:g} s and "
                "more before any job of it had completed"
            )
        kept_ns = min((int(one["answered_ns"]) for one in asked if one.get("sha256")), default=None)
        late = kept_ns is not None and [
            one
            for one in asked
            if one["outcome"] != "hit" and one["asked_ns"] > kept_ns + _AFTER_S * _NS_PER_S
        ]
        if late:
            outcome = late[0]["outcome"]
            yield f"{address} had been served, and {_AFTER_S:g} s later it was a {outcome}"


def executed_once(run: RunFacts) -> Iterator[str]:
    """Callers that ask at once for what is missing are served by one execution."""
    started = {fields["job_id"] for fields in run.of("job_started")}
    for address, asked in _by_address(run).items():
        jobs = {one["job_id"] for one in asked} & started
        if len(jobs) != 1:
            yield f"{len(asked)} questions for {address} led to {len(jobs)} executions"


CACHE: tuple[Check[RunFacts], ...] = (
    Check("cache answers", "serves each address's bytes", _CACHED, answers_whole, needs="cache"),
    Check("cache hits", "says truly what was in the cache", _CACHED, hits_told, needs="cache"),
    Check("cache misses", "executes an address once", _CACHED, executed_once, needs="cache"),
)

"""The scenario's expectations against what was found: met, broken, unknown or not applicable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from analysis.summary.types import Expectation, ExpectationOutcome

DEFAULTS: dict[str, Any] = {
    "lost": 0,
    "stranded": 0,
    "given_up": 0,
    "discarded_unplanned": 0,
    "unplanned_failures": 0,
    "refused": 0,
    "never_seen": 0,
    "missing_children": 0,
    "late_first_orphans": 0,
}
"""What is expected where the scenario does not say; null = nothing is."""
VOIDING = frozenset({"unexpected", "harness_ambiguity"})
"""What files of old expect to be 0, and what voids the run."""
NEVER_RESCUES = "this preset never rescues by itself"
BOUND = "jobs may yet be rescued: their bound was not reached"
NO_WORKER = "jobs were left with a dead worker, and no other lived long enough to rescue them"
EITHERS = (
    "jobs are held under a name that a dead worker and a later one bore: nobody knows by which"
)
STALLED = "the machine stalled meanwhile (machine_limited)"
UNSAMPLED = "nobody knows whether the machine stalled meanwhile: no hiccup sample covers it"

BROKEN: dict[str, str] = {
    "lost": "the queue had taken jobs that nobody ever ran to the end, and no longer has them",
    "stranded": "jobs stayed behind beyond their deadline: with a worker that had died or was told "
    "to stop, or in the queue while a live worker had nothing to do",
    "given_up": "the queue gave up jobs that had never failed, because their worker was killed",
    "discarded_unplanned": "the queue gave up jobs although neither their plan nor a kill gave it "
    "a reason",
    "unplanned_failures": "executions failed as no plan foresaw: their job_failed lines say how",
    "refused": "the queue refused jobs, so that they never ran",
    "never_seen": "enqueues ended without an answer, and their jobs were never seen",
    "missing_children": "coordinators completed, and jobs of theirs were never seen in the queue",
    "late_first_orphans": "a kill's first orphan came back later than the predicted bound and "
    "limits.backlog_margin_s together",
    "wrong_results": "callers of the cache were served wrong bytes, a part of a result, or another "
    "address's",
    "unanswered": "callers of the cache got no result within workload.cache.answer_s",
    "addresses_run_again": "the queue executed several jobs of one address, whose result one of "
    "them was to make for all",
    "poison_comes_back": "jobs that kill their worker came back until all deaths that the scenario "
    "allows were used up: the queue does not give them up",
    "duplicated": "another number of jobs was done twice or more",
    "max_duplicated": "more jobs were done twice or more",
    "duplicates_live": "the queue ran another number of jobs twice that no worker's death explains",
    "max_alive_and_idle_s": "a worker lived and had a place free while jobs waited, and took none",
    "max_first_work_s": "after a fault's end it took longer until a job was started",
    "max_first_orphan_s": "a kill's first orphan came back later",
    "max_last_settled_s": "a kill's last orphan came to its end later",
}
"""By name: what it means that it is broken."""


@dataclass(frozen=True, slots=True)
class Longest:
    """Of all kills the longest time until something came, seconds."""

    s: float | None
    """None = no kill has it."""
    open_s: float | None
    """Where it never came: how long it was waited for, at the longest."""

    def exceeds(self, expected_s: float) -> bool:
        """Whether it came, and later than that."""
        return self.s is not None and self.s > expected_s


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that an expectation may speak of."""

    counts: Mapping[str, int]
    """By an expectation's name without ``min_`` or ``max_``."""
    bound_not_reached: int
    """Jobs that the queue may yet run again: a dead incarnation's rows before their deadline."""
    no_worker: int
    """Jobs that a dead incarnation holds and that no worker lived long enough to free."""
    pending: int
    """Other jobs that the queue still had work with when the run ended."""
    unwitnessed: int
    """Jobs that may be lost and may be done: nobody witnessed their effect."""
    rescues: bool
    acknowledges_in_transaction: bool
    resume_s: float | None
    """The longest time to resume; None = some kill was never followed by a pickup."""
    machine_limited: bool | None
    """Whether the machine stalled during a recovery; None = of some nobody knows."""
    of_either: int
    """Jobs that a dead worker or a later one of its name holds; nobody knows which."""
    provider_stalled: bool
    """The provider's own process did not get its turn at some time."""
    poison_left: int
    """Jobs that kill their worker and that may yet come back, or not."""
    late_though_limited: int
    """Late first orphans of kills whose recovery the machine may have held up."""
    load_limited: bool | None
    """Whether the machine stalled while jobs were under way; None = nobody knows."""
    alive_and_idle_s: float | None
    """How long a worker lived and took nothing while jobs waited; None = nobody looked."""
    first_work: Longest
    """From each fault's end."""
    first_orphan: Longest
    last_settled: Longest

    @property
    def to_be_rescued(self) -> Mapping[str, int]:
        """What may yet come back, with the words for it."""
        return {
            BOUND: self.bound_not_reached,
            NO_WORKER: self.no_worker,
            EITHERS: self.of_either,
        }


Judge = Callable[[str, Any, Observed], Expectation]


def _expectation(
    name: str, expected: Any, found: Any, outcome: ExpectationOutcome, why: str | None = None
) -> Expectation:
    return Expectation(name=name, expected=expected, found=found, outcome=outcome, why=why)


def _plain(name: str, expected: Any, found: Any, *, met: bool) -> Expectation:
    if met:
        return _expectation(name, expected, found, "met")
    return _expectation(name, expected, found, "broken", BROKEN.get(name))


def judge_expectations(asked: Mapping[str, Any], observed: Observed) -> list[Expectation]:
    """Judge all that is expected, in the order of their names."""
    expected = {**DEFAULTS, **asked}
    return [
        JUDGES.get(name, _not_known)(name, expected[name], observed)
        for name in sorted(expected.keys() - VOIDING)
        if expected[name] is not None
    ]


def _not_known(name: str, expected: Any, _: Observed) -> Expectation:
    return _expectation(name, expected, None, "unknown", "this analysis does not know it")


def _exactly(name: str, expected: Any, observed: Observed) -> Expectation:
    found = observed.counts[name]
    return _plain(name, expected, found, met=found == expected)


def _open_question(
    plain: Expectation, doubts: Mapping[str, int], *, more_could_come: bool = True
) -> Expectation:
    """`plain`, or unknown where it is not yet broken and some jobs may still decide it."""
    why = "; ".join(f"{count} {what}" for what, count in doubts.items() if count)
    if not why or not more_could_come:
        return plain
    return msgspec.structs.replace(plain, outcome="unknown", why=why)


def _lost(name: str, expected: Any, observed: Observed) -> Expectation:
    doubts = {
        "jobs were still pending at the end": observed.pending,
        "jobs may be done or lost: no effect witnessed them": observed.unwitnessed,
        EITHERS: observed.of_either,
    }
    plain = _exactly(name, expected, observed)
    return _open_question(plain, doubts, more_could_come=plain.found <= expected)


def _stranded(name: str, expected: Any, observed: Observed) -> Expectation:
    plain = _exactly(name, expected, observed)
    if plain.outcome == "broken" and not observed.rescues:
        why = f"{NEVER_RESCUES}: what a dead worker held stays with it for ever"
        return msgspec.structs.replace(plain, why=why)
    more_could_come = plain.found <= expected
    return _open_question(plain, observed.to_be_rescued, more_could_come=more_could_come)


def _unplanned_failures(name: str, expected: Any, observed: Observed) -> Expectation:
    plain = _exactly(name, expected, observed)
    if plain.outcome == "broken" and observed.provider_stalled:
        why = "the provider of the external-API jobs stalled, which may have made them fail"
        return msgspec.structs.replace(plain, outcome="unknown", why=why)
    return plain


def _late_first_orphans(name: str, expected: Any, observed: Observed) -> Expectation:
    plain = _exactly(name, expected, observed)
    doubts = {"more may be the machine's doing: it stalled meanwhile": observed.late_though_limited}
    return _open_question(plain, doubts, more_could_come=plain.found <= expected)


def _of_cache(name: str, expected: Any, observed: Observed) -> Expectation:
    if name not in observed.counts:
        why = "the scenario has no workload.cache"
        return _expectation(name, expected, None, "not_applicable", why)
    return _exactly(name, expected, observed)


def _poison(name: str, expected: Any, observed: Observed) -> Expectation:
    if name not in observed.counts:
        why = "the scenario has no fault 'poison'"
        return _expectation(name, expected, None, "not_applicable", why)
    plain = _exactly(name, expected, observed)
    doubts = {"of them are in the queue and may yet come back": observed.poison_left}
    return _open_question(plain, doubts, more_could_come=plain.found <= expected)


def _reruns(name: str, expected: Any, observed: Observed) -> Expectation:
    found = observed.counts[name.removeprefix("min_")]
    met = found >= expected if name.startswith("min_") else found == expected
    plain = _plain(name, expected, found, met=met)
    if not observed.rescues:
        return msgspec.structs.replace(plain, outcome="not_applicable", why=NEVER_RESCUES)
    if observed.acknowledges_in_transaction:
        why = "this preset acknowledges in the job's own transaction"
        return msgspec.structs.replace(plain, outcome="not_applicable", why=why)
    settled = met and name.startswith("min_")
    return _open_question(plain, observed.to_be_rescued, more_could_come=not settled)


def _at_most(name: str, expected: Any, observed: Observed) -> Expectation:
    found = observed.counts[name.removeprefix("max_")]
    plain = _plain(name, expected, found, met=found <= expected)
    if not observed.rescues:
        return plain
    return _open_question(plain, observed.to_be_rescued, more_could_come=found <= expected)


def _resume(name: str, expected: Any, observed: Observed) -> Expectation:
    found = observed.resume_s
    if found is None:
        return _expectation(name, expected, None, "unknown", "not every kill was followed by one")
    return _timed(name, expected, found, observed)


def _timed(name: str, expected: Any, found: float | None, observed: Observed) -> Expectation:
    """A time at most as expected; None = it was longer than that and never came."""
    if observed.machine_limited:
        return _expectation(name, expected, found, "unknown", STALLED)
    if observed.machine_limited is None:
        return _expectation(name, expected, found, "unknown", UNSAMPLED)
    return _plain(name, expected, found, met=found is not None and found <= expected)


def _alive_and_idle(name: str, expected: Any, observed: Observed) -> Expectation:
    found = observed.alive_and_idle_s
    if found is None:
        why = "the queue's rows were never looked at"
        return _expectation(name, expected, None, "unknown", why)
    return _of_the_load(_plain(name, expected, found, met=found <= expected), observed)


def _of_the_load(plain: Expectation, observed: Observed) -> Expectation:
    """A time that a stalled machine may have made longer than it was."""
    if plain.outcome != "broken" or observed.load_limited is False:
        return plain
    why = STALLED if observed.load_limited else UNSAMPLED
    return msgspec.structs.replace(plain, outcome="unknown", why=why)


def _first_work(name: str, expected: Any, observed: Observed) -> Expectation:
    longest = observed.first_work
    if longest.s is None and longest.open_s is None:
        why = "the run had no fault that was over"
        return _expectation(name, expected, None, "not_applicable", why)
    if longest.open_s is None or longest.exceeds(expected):
        plain = _plain(name, expected, longest.s, met=not longest.exceeds(expected))
        return _of_the_load(plain, observed)
    if longest.open_s > expected:
        why = "after some fault's end nobody started a job"
        broken = _expectation(name, expected, None, "broken", why)
        return _of_the_load(broken, observed)
    why = f"after some fault's end nobody had when the run was over, {longest.open_s:g} s later"
    return _expectation(name, expected, longest.s, "unknown", why)


def _first_orphan(name: str, expected: Any, observed: Observed) -> Expectation:
    return _longest(name, expected, observed.first_orphan, observed)


def _last_settled(name: str, expected: Any, observed: Observed) -> Expectation:
    return _longest(name, expected, observed.last_settled, observed)


def _longest(name: str, expected: Any, longest: Longest, observed: Observed) -> Expectation:
    if longest.s is None and longest.open_s is None:
        why = "no kill left a job behind that had to be run again"
        return _expectation(name, expected, None, "not_applicable", why)
    if longest.open_s is None or longest.exceeds(expected):
        return _timed(name, expected, longest.s, observed)
    if longest.open_s > expected:
        return _timed(name, expected, None, observed)
    why = f"after some kill it had not come when the run ended, {longest.open_s:g} s later"
    return _expectation(name, expected, longest.s, "unknown", why)


JUDGES: dict[str, Judge] = {
    "lost": _lost,
    "stranded": _stranded,
    "given_up": _exactly,
    "discarded_unplanned": _exactly,
    "unplanned_failures": _unplanned_failures,
    "refused": _exactly,
    "never_seen": _exactly,
    "missing_children": _exactly,
    "late_first_orphans": _late_first_orphans,
    "wrong_results": _of_cache,
    "unanswered": _of_cache,
    "addresses_run_again": _of_cache,
    "poison_comes_back": _poison,
    "certificates": _exactly,
    "duplicated": _reruns,
    "max_duplicated": _at_most,
    "duplicate_executions": _reruns,
    "re_executions": _reruns,
    "min_duplicate_executions": _reruns,
    "min_re_executions": _reruns,
    "max_time_to_resume_s": _resume,
    "max_first_orphan_s": _first_orphan,
    "max_last_settled_s": _last_settled,
    "duplicates_live": _exactly,
    "max_alive_and_idle_s": _alive_and_idle,
    "max_first_work_s": _first_work,
}
"""By name: how an expectation is judged."""

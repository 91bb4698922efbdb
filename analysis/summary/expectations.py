"""The scenario's expectations against what was found: met, broken, unknown or not applicable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from analysis.summary.types import Expectation, ExpectationOutcome

DEFAULTS: dict[str, Any] = {"lost": 0, "stranded": 0, "unexpected": 0, "harness_ambiguity": 0}
"""What is expected where the scenario does not say; null = nothing is."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that an expectation may speak of."""

    counts: Mapping[str, int]
    """By an expectation's name without ``min_``."""
    bound_not_reached: int
    """Jobs that the queue may yet run again: a dead incarnation's rows before their deadline."""
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


Judge = Callable[[str, Any, Observed], Expectation]


def _expectation(
    name: str, expected: Any, found: Any, outcome: ExpectationOutcome, why: str | None = None
) -> Expectation:
    return Expectation(name=name, expected=expected, found=found, outcome=outcome, why=why)


def _plain(name: str, expected: Any, found: Any, *, met: bool) -> Expectation:
    return _expectation(name, expected, found, "met" if met else "broken")


def judge_expectations(asked: Mapping[str, Any], observed: Observed) -> list[Expectation]:
    """Judge all that is expected, in the order of their names."""
    expected = {**DEFAULTS, **asked}
    return [
        JUDGES.get(name, _not_known)(name, expected[name], observed)
        for name in sorted(expected)
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


BOUND = "jobs may yet be rescued: their bound was not reached"


def _lost(name: str, expected: Any, observed: Observed) -> Expectation:
    doubts = {
        "jobs were still pending at the end": observed.pending,
        "jobs may be done or lost: no effect witnessed them": observed.unwitnessed,
    }
    plain = _exactly(name, expected, observed)
    return _open_question(plain, doubts, more_could_come=plain.found <= expected)


def _stranded(name: str, expected: Any, observed: Observed) -> Expectation:
    plain = _exactly(name, expected, observed)
    if not observed.rescues:
        why = "this preset never rescues by itself"
        return msgspec.structs.replace(plain, outcome="not_applicable", why=why)
    doubts = {BOUND: observed.bound_not_reached}
    return _open_question(plain, doubts, more_could_come=plain.found <= expected)


def _reruns(name: str, expected: Any, observed: Observed) -> Expectation:
    found = observed.counts[name.removeprefix("min_")]
    met = found >= expected if name.startswith("min_") else found == expected
    plain = _plain(name, expected, found, met=met)
    if not observed.rescues:
        why = "this preset never rescues by itself"
        return msgspec.structs.replace(plain, outcome="not_applicable", why=why)
    if observed.acknowledges_in_transaction:
        why = "this preset acknowledges in the job's own transaction"
        return msgspec.structs.replace(plain, outcome="not_applicable", why=why)
    settled = met and name.startswith("min_")
    return _open_question(plain, {BOUND: observed.bound_not_reached}, more_could_come=not settled)


def _resume(name: str, expected: Any, observed: Observed) -> Expectation:
    found = observed.resume_s
    if found is None:
        return _expectation(name, expected, None, "unknown", "not every kill was followed by one")
    if observed.machine_limited:
        why = "the machine stalled meanwhile (machine_limited)"
        return _expectation(name, expected, found, "unknown", why)
    if observed.machine_limited is None:
        why = "nobody knows whether the machine stalled meanwhile: no hiccup sample covers it"
        return _expectation(name, expected, found, "unknown", why)
    return _plain(name, expected, found, met=found <= expected)


JUDGES: dict[str, Judge] = {
    "lost": _lost,
    "stranded": _stranded,
    "unexpected": _exactly,
    "harness_ambiguity": _exactly,
    "certificates": _exactly,
    "duplicate_executions": _reruns,
    "re_executions": _reruns,
    "min_duplicate_executions": _reruns,
    "min_re_executions": _reruns,
    "max_time_to_resume_s": _resume,
}
"""By name: how an expectation is judged."""

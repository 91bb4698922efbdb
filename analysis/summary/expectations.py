"""The scenario's expectations against what was found: met, broken, unknown or not applicable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Outcome = Literal["met", "broken", "unknown", "not_applicable"]

DEFAULTS: dict[str, Any] = {"lost": 0, "stranded": 0, "unexpected": 0, "harness_ambiguity": 0}
"""What is expected where the scenario does not say; null = nothing is."""


@dataclass(frozen=True, slots=True)
class Findings:
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


class Expectation(msgspec.Struct, frozen=True):
    """One expectation and its outcome."""

    name: str
    expected: Any
    found: Any
    outcome: Outcome
    why: str | None = None

    def sentence(self) -> str:
        """For people."""
        why = f" ({self.why})" if self.why else ""
        return f"Expected {self.name} = {self.expected}, found {self.found}: {self.outcome}{why}."


Judge = Callable[[str, Any, Findings], Expectation]


def judge_expectations(asked: Mapping[str, Any], findings: Findings) -> list[Expectation]:
    """Judge all that is expected, in the order of their names."""
    expected = {**DEFAULTS, **asked}
    return [
        JUDGES.get(name, _not_known)(name, expected[name], findings)
        for name in sorted(expected)
        if expected[name] is not None
    ]


def _not_known(name: str, expected: Any, _: Findings) -> Expectation:
    return Expectation(name, expected, None, "unknown", "this analysis does not know it")


def _exactly(name: str, expected: Any, findings: Findings) -> Expectation:
    found = findings.counts[name]
    return Expectation(name, expected, found, "met" if found == expected else "broken")


def _open_question(
    plain: Expectation, doubts: Mapping[str, int], *, more_could_come: bool = True
) -> Expectation:
    """`plain`, or unknown where it is not yet broken and some jobs may still decide it."""
    why = "; ".join(f"{count} {what}" for what, count in doubts.items() if count)
    if not why or not more_could_come:
        return plain
    return msgspec.structs.replace(plain, outcome="unknown", why=why)


BOUND = "jobs may yet be rescued: their bound was not reached"


def _lost(name: str, expected: Any, findings: Findings) -> Expectation:
    doubts = {
        "jobs were still pending at the end": findings.pending,
        "jobs may be done or lost: no effect witnessed them": findings.unwitnessed,
    }
    plain = _exactly(name, expected, findings)
    return _open_question(plain, doubts, more_could_come=plain.found <= expected)


def _stranded(name: str, expected: Any, findings: Findings) -> Expectation:
    plain = _exactly(name, expected, findings)
    if not findings.rescues:
        why = "this preset never rescues by itself"
        return msgspec.structs.replace(plain, outcome="not_applicable", why=why)
    doubts = {BOUND: findings.bound_not_reached}
    return _open_question(plain, doubts, more_could_come=plain.found <= expected)


def _reruns(name: str, expected: Any, findings: Findings) -> Expectation:
    found = findings.counts[name.removeprefix("min_")]
    met = found >= expected if name.startswith("min_") else found == expected
    plain = Expectation(name, expected, found, "met" if met else "broken")
    if not findings.rescues:
        why = "this preset never rescues by itself"
        return msgspec.structs.replace(plain, outcome="not_applicable", why=why)
    if findings.acknowledges_in_transaction:
        why = "this preset acknowledges in the job's own transaction"
        return msgspec.structs.replace(plain, outcome="not_applicable", why=why)
    settled = met and name.startswith("min_")
    return _open_question(plain, {BOUND: findings.bound_not_reached}, more_could_come=not settled)


def _resume(name: str, expected: Any, findings: Findings) -> Expectation:
    found = findings.resume_s
    if found is None:
        return Expectation(name, expected, None, "unknown", "not every kill was followed by one")
    if findings.machine_limited:
        why = "the machine stalled meanwhile (machine_limited)"
        return Expectation(name, expected, found, "unknown", why)
    if findings.machine_limited is None:
        why = "nobody knows whether the machine stalled meanwhile: no hiccup sample covers it"
        return Expectation(name, expected, found, "unknown", why)
    return Expectation(name, expected, found, "met" if found <= expected else "broken")


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

"""What a check comes to, and what a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Outcome = Literal["met", "broken", "not offered", "not checked"]
TrialName = Literal["direct", "held", "crowded", "failing"]
EvidenceT = TypeVar("EvidenceT")


class NotCheckedError(Exception):
    """Raised by a check that cannot be carried out here; the text says why."""


class UnofferedError(Exception):
    """Raised by a check of what this preset does not claim to do; the text says what that is."""


@dataclass(frozen=True)
class Check(Generic[EvidenceT]):
    """One row of the table: a promise, and how it is judged."""

    name: str
    promise: str
    """What a conforming adapter does, in a phrase."""
    trials: tuple[TrialName, ...]
    """Which trials are looked at; each must keep the promise."""
    faults: Callable[[EvidenceT], Iterator[str]]
    """A sentence for everything that breaks the promise; none = it is kept. May raise
    `NotCheckedError` and `UnofferedError` instead."""


@dataclass(frozen=True)
class Finding:
    """One row of the result."""

    name: str
    promise: str
    outcome: Outcome
    reason: str = ""


def judge(check: Check[EvidenceT], evidence: Mapping[TrialName, EvidenceT]) -> Finding:
    """Judge a check by the trials that it reads; one that was not carried out is in `evidence`
    not at all."""

    def found(outcome: Outcome, reason: str = "") -> Finding:
        return Finding(check.name, check.promise, outcome, reason)

    broken: list[str] = []
    unchecked: list[str] = []
    for trial in check.trials:
        told = f"{trial}: " if len(check.trials) > 1 else ""
        if trial not in evidence:
            unchecked.append("without a worker that becomes ready no run was made")
            continue
        try:
            broken += [told + sentence for sentence in check.faults(evidence[trial])]
        except NotCheckedError as error:
            unchecked.append(f"{told}{error}")
        except UnofferedError as error:
            return found("not offered", str(error))
    if broken:
        return found("broken", _told(broken))
    return found("not checked", "; ".join(dict.fromkeys(unchecked))) if unchecked else found("met")


_TOLD = 3


def _told(sentences: list[str]) -> str:
    more = len(sentences) - _TOLD
    return "; ".join(sentences[:_TOLD]) + (f"; and {more} more" if more > 0 else "")

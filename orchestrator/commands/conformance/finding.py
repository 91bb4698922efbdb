"""What a check comes to, and what a check is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from worker_child.adapters.contract import Offer

Outcome = Literal["met", "broken", "not offered", "not checked"]
TrialName = Literal["direct", "held", "repeated", "crowded", "failing", "cached"]
EvidenceT = TypeVar("EvidenceT")


class NotCheckedError(Exception):
    """Raised by a check that cannot be carried out here; the text says why."""


class UnofferedError(Exception):
    """Raised by a check of what this preset does not claim to do; the text says what that is."""


class LibrarysOwn(str):
    """A sentence on what the library does by itself: no change to the adapter would mend it."""

    __slots__ = ()


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
    remarks: Callable[[EvidenceT], Iterator[str]] | None = None
    """Where the promise is kept: what is worth knowing all the same."""
    needs: Offer | None = None
    """What the library must offer for it; what it does not offer it does not promise."""


@dataclass(frozen=True)
class Finding:
    """One row of the result."""

    name: str
    promise: str
    outcome: Outcome
    reason: str = ""
    """Why; of what is met a remark, or nothing."""
    of_library: bool = False
    """Broken by the library itself, and not by its adapter."""


def judge(
    check: Check[EvidenceT], evidence: Mapping[TrialName, EvidenceT], offers: Collection[str]
) -> Finding:
    """Judge a check by the trials that it reads; one that was not carried out is in `evidence`
    not at all. `offers` = what the library offers that not every one does."""

    def found(outcome: Outcome, reason: str = "", *, of_library: bool = False) -> Finding:
        return Finding(check.name, check.promise, outcome, reason, of_library)

    if check.needs is not None and check.needs not in offers:
        return found("not offered", f"it does not offer {check.needs}")
    broken: list[str] = []
    unchecked: list[str] = []
    remarks: list[str] = []
    whose: set[bool] = set()
    for trial in check.trials:
        where = f"{trial}: " if len(check.trials) > 1 else ""
        if trial not in evidence:
            unchecked.append("without a worker that becomes ready no run was made")
            continue
        try:
            sentences = list(check.faults(evidence[trial]))
            broken += [where + sentence for sentence in sentences]
            whose |= {isinstance(sentence, LibrarysOwn) for sentence in sentences}
            if not sentences and check.remarks is not None:
                remarks += [where + sentence for sentence in check.remarks(evidence[trial])]
        except NotCheckedError as error:
            unchecked.append(f"{where}{error}")
        except UnofferedError as error:
            return found("not offered", str(error))
    if broken:
        return found("broken", _first_of(broken), of_library=whose == {True})
    if unchecked:
        return found("not checked", "; ".join(dict.fromkeys(unchecked)))
    return found("met", "; ".join(remarks))


_MOST_SENTENCES = 3


def _first_of(sentences: list[str]) -> str:
    more = len(sentences) - _MOST_SENTENCES
    return "; ".join(sentences[:_MOST_SENTENCES]) + (f"; and {more} more" if more > 0 else "")


_WORST_FIRST: tuple[Outcome, ...] = ("broken", "not checked", "not offered", "met")


def over_repetitions(repetitions: Sequence[Sequence[Finding]]) -> list[Finding]:
    """One row a check over all repetitions, which have the same checks in the same order.

    Its outcome is the worst; the reason names the repetitions, counted from 1, where they differ.
    """
    return [_agreed(findings) for findings in zip(*repetitions, strict=True)]


def _agreed(findings: Sequence[Finding]) -> Finding:
    outcome = min((f.outcome for f in findings), key=_WORST_FIRST.index)
    of_library = all(f.of_library for f in findings if f.outcome == outcome)
    if len({finding.outcome for finding in findings}) == 1:
        reasons = dict.fromkeys(finding.reason for finding in findings if finding.reason)
        return replace(findings[0], reason="; ".join(reasons), of_library=of_library)
    by_outcome: defaultdict[Outcome, list[int]] = defaultdict(list)
    for number, finding in enumerate(findings, 1):
        by_outcome[finding.outcome].append(number)
    which = "; ".join(
        f"{one} in {len(numbers)} of {len(findings)} (repetition {', '.join(map(str, numbers))})"
        for one, numbers in sorted(by_outcome.items(), key=lambda item: _WORST_FIRST.index(item[0]))
    )
    reasons = dict.fromkeys(f.reason for f in findings if f.outcome == outcome and f.reason)
    reason = "; ".join([f"the repetitions differ: {which}", *reasons])
    return replace(findings[0], outcome=outcome, reason=reason, of_library=of_library)

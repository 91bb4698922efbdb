"""What every form of a certificate is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from analysis.section import Section, seconds
from orchestrator.history.records import FaultEnded, FaultInjected


class Certificate(Section, frozen=True, kw_only=True):
    """What every fault's certificate says."""

    complete: bool
    """Nothing is missing: the fault may be concluded from."""
    missing: list[str]
    """What is missing, in words; empty where it is complete."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The two lines of a fault, and their parts by the type that belongs to its `what`."""

    sent: FaultInjected
    seen: FaultEnded
    before: Any
    after: Any
    ready_ns: int | None = None
    """When the victim said that it was ready; None = it never did, or there is no victim."""
    closed_ns: int | None = None
    """When the certificate was closed; None = it never was."""

    def since(self, at_ns: int | None) -> float | None:
        """Seconds from the fault to an instant."""
        return None if at_ns is None else seconds(at_ns - self.sent.t_ns)


Part = Callable[[Witnessed], bool]
"""Whether it is missing."""


def goes_back(*names: str) -> Part:
    """Whether one of the instants of these names, as far as they are known, is earlier than one
    named before it."""

    def missing(fault: Witnessed) -> bool:
        known = [at for name in names if (at := getattr(fault.after, name)) is not None]
        return known != sorted(known)

    return missing


UNSEEN = "nothing shows that it lasted until its end"
_LOOKED_NS = 1_000_000_000, 5_000_000_000
"""It is looked at far more often than that: the first of a short one, the second of a long one."""


def unseen(still: str, ended: str) -> Part:
    """Whether it was last seen so long before its end that it may have been over by then: half of
    its time, a second at the least and five at the most."""

    def missing(fault: Witnessed) -> bool:
        still_ns, ended_ns = getattr(fault.after, still), getattr(fault.after, ended)
        if still_ns is None or ended_ns is None:
            return False  # said elsewhere
        least_ns, most_ns = _LOOKED_NS
        half_ns = (ended_ns - fault.sent.t_ns) // 2
        return bool(ended_ns - still_ns > min(most_ns, max(least_ns, half_ns)))

    return missing


@dataclass(frozen=True, slots=True)
class Form:
    """What the certificate of one sort of fault consists of."""

    parts: Mapping[str, Part]
    """By what it says when it is missing: whether that part is missing."""
    filled_in: Callable[[Witnessed, list[str]], Certificate]
    """What the summary shows of it, given what is missing."""


def complete_or_not(_: Witnessed, missing: list[str]) -> Certificate:
    """Where the summary shows nothing more."""
    return Certificate(complete=not missing, missing=missing)


SESSIONS_BEFORE: Mapping[str, Part] = MappingProxyType(
    {
        "no session of the worker was seen before it": lambda f: (
            f.before.ready and not f.before.sessions
        ),
        "sessions that bear no name of the run were open": lambda f: bool(
            f.before.unknown_sessions
        ),
    }
)
"""What a fault of a worker that goes on to live needs of `SessionsBefore`."""

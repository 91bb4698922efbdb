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

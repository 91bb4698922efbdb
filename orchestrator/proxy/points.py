"""A point: a round trip of the worker with PostgreSQL, and what it is called in every run."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Literal

Side = Literal["before", "after"]
"""``before`` = nothing of the request has reached the server; ``after`` = the whole answer has
come, and nothing of it has been given to the worker."""

_ID_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One request of the worker and its answer, as it stands between the two."""

    statement: str
    """What it executes, literals as ``?``; several statements apart by ``"; "``. Where it executes
    nothing: what it prepares, or else its messages, such as ``(Close, Sync)``."""
    sql: str
    """The text as sent, the first `statements.SQL_BYTES` of each statement."""
    executes: bool
    """False: only prepares, describes, closes or synchronises."""
    rows: int | None
    """Rows that the answer returned or affected; None before it, and where no command counts."""
    at_ns: int
    """CLOCK_MONOTONIC: when the request was known, or its answer had come."""


@dataclass(frozen=True, slots=True)
class Point:
    """The name of a round trip, the same in each run: no connection's number, no occurrence."""

    statement: str
    phase: str | None
    """Where the worker's jobs stood; None for what it also says without any."""
    ordinal: int
    """From 0, among the round trips of this statement and phase."""

    @property
    def id(self) -> str:
        """Eight hexadecimal digits, made from the name alone."""
        name = "\0".join((self.statement, self.phase or "", str(self.ordinal)))
        return hashlib.sha256(name.encode()).hexdigest()[:_ID_CHARACTERS]


class Ordinals:
    """Counts a run's round trips, so that each gets its point."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str | None]] = Counter()

    def point(self, statement: str, phase: str | None) -> Point:
        """The point of the round trip that comes now."""
        ordinal = self._seen[statement, phase]
        self._seen[statement, phase] += 1
        return Point(statement, phase, ordinal)

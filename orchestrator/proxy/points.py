"""A round trip of the worker with PostgreSQL, as whoever may stop it is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["before", "after"]
"""``before`` = nothing of the request has reached the server; ``after`` = the whole answer has
come, and nothing of it has been given to the worker."""


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
    """Rows that the answer returned or affected; None before it, and where no command counts. What
    ends a transaction bears those of all that it ends, before it too."""
    at_ns: int
    """CLOCK_MONOTONIC: when the request was known, or its answer had come."""
    connection: int = 0
    """The connection's number, from 0; never a part of a point's name."""
    number: int = 0
    """Of those of its connection, from 0: before and after a round trip it is the same."""

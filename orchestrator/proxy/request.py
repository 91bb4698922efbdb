"""One round trip on its way: what it is called, what it executes, what is still to be answered."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from orchestrator.proxy.points import RoundTrip
from orchestrator.proxy.statements import ends_transaction, named

LONG_BYTES = 1 << 20
"""A longer request is not held until its end once it can be named."""

_NAMES = {ord("S"): "Sync", ord("H"): "Flush", ord("D"): "Describe", ord("C"): "Close"}
_NAMES |= {ord("B"): "Bind", ord("X"): "Terminate"}


class _Told(NamedTuple):
    """What a request is, as far as its text says it."""

    name: str
    sql: str
    executes: bool
    ends_transaction: bool


class Request:
    """One round trip on its way: the messages up to the one that asks for an answer."""

    __slots__ = (
        *("executed", "bound", "prepared", "kinds"),
        *("awaits", "rows", "simple", "at_once", "closed", "whole", "passing"),
        *("connection", "number", "in_transaction", "_told"),
    )

    def __init__(self, connection: int = 0, number: int = 0) -> None:
        self.connection = connection
        self.number = number
        self.in_transaction = 0
        """Rows of the transaction that is under way when it reaches the server."""
        self.executed: list[str] = []
        """The SQL of what it executes."""
        self.bound: list[str] = []
        self.prepared: list[str] = []
        self.kinds: list[int] = []
        self.awaits: deque[int] = deque()
        self.rows: int | None = None
        self.simple = False
        """Its answer has as many parts as the server finds statements in it."""
        self.at_once = False
        """It is known from its first message on: a COPY's data."""
        self.closed = False
        """Its last message has begun."""
        self.whole = False
        """Its last message has come to its end."""
        self.passing = False
        """It has been let through to the server: what still comes of it follows."""
        self._told: _Told | None = None

    @property
    def answered(self) -> bool:
        """Whether the whole answer has come."""
        return self.closed and self.passing and not self.awaits

    def is_known(self, size: int) -> bool:
        """Whether it can be named, now that `size` bytes of it are held back.

        A long one is not held until its end.
        """
        return (
            self.closed or self.at_once or (size > LONG_BYTES and bool(self.executed or self.bound))
        )

    def round_trip(self, at_ns: int) -> RoundTrip:
        """What stands before the server, or has been answered."""
        told = self._told or self._tell()
        if self.whole:
            self._told = told
        rows = self.in_transaction if told.ends_transaction else self.rows
        name, sql, executes, _ = told
        return RoundTrip(name, sql, executes, rows, at_ns, self.connection, self.number)

    def _tell(self) -> _Told:
        # An Execute has not come yet where a long Bind is told at its beginning.
        texts = self.executed + ([] if self.closed else self.bound[len(self.executed) :])
        names = [name for name in map(named, texts) if name]
        statement = "; ".join(dict.fromkeys(names)) if names else self._idle_name()
        sql = ";\n".join(texts or self.prepared)
        return _Told(statement, sql, bool(names), _ends_transaction(names))

    def _idle_name(self) -> str:
        prepared = "; ".join(filter(None, map(named, self.prepared)))
        told = ", ".join(dict.fromkeys(_NAMES[kind] for kind in self.kinds if kind in _NAMES))
        return prepared or f"({told or 'empty'})"


def _ends_transaction(names: list[str]) -> bool:
    return bool(names) and all(map(ends_transaction, names))

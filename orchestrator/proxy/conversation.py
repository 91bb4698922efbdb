"""Which messages of a connection make up a round trip, what it executes, and when its answer ends.

A request ends with the message that asks for an answer: Query, FunctionCall, Sync or Flush, and the
end of a COPY's data. Messages are accounted for in the order in which the server sees them, so an
answer belongs to the oldest request that is not answered yet, pipelined or not.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from itertools import islice

from orchestrator.proxy.request import Request
from orchestrator.proxy.statements import SQL_BYTES
from orchestrator.proxy.wire import Piece

_HEADER_BYTES = 5
_COUNTED = re.compile(rb"(?:SELECT|INSERT \d+|UPDATE|DELETE|MERGE|FETCH|MOVE|COPY) (\d+)\0")

_PARSED, _BOUND, _CLOSED = ord("1"), ord("2"), ord("3")
_DESCRIBED, _DONE, _READY = ord("T"), ord("C"), ord("Z")
_ANSWERS = {
    ord("1"): _PARSED,
    ord("2"): _BOUND,
    ord("3"): _CLOSED,
    ord("T"): _DESCRIBED,
    ord("n"): _DESCRIBED,
    ord("C"): _DONE,
    ord("I"): _DONE,
    ord("s"): _DONE,
}
"""By kind of a message that ends a part of an answer: what that part was awaited as."""
_MADE_OF = frozenset(b"tDdcHV")
"""Kinds that stand within an answer and end no part of it."""
ASYNCHRONOUS = frozenset(b"NSA")
"""NoticeResponse, ParameterStatus and NotificationResponse: they may come at any time."""
_ERROR, _COPY_IN, _COPY_BOTH = ord("E"), ord("G"), ord("W")
_COPY_KINDS = frozenset(b"dcf")
_COPY_ENDS = frozenset(b"cf")


class _Copy:
    """A COPY FROM STDIN that the server has agreed to."""

    def __init__(self, request: Request) -> None:
        self.simple = request.simple
        self.sql = (request.executed or ["COPY"])[-1]
        self.request: Request | None = None
        """The round trip that brings the data, from its first message on."""


class Conversation:
    """The state of one connection that is up."""

    def __init__(self, connection: int = 0) -> None:
        self._connection = connection
        self._requests = 0
        self._in_transaction = 0
        self.pending: deque[Request] = deque()
        """Asked and not answered, the oldest first; the last one may not be complete."""
        self.unexplained = 0
        """Bytes of messages that answer nothing which was asked."""
        self.streams = False
        """Both sides speak at will (replication): there are no round trips."""
        self._statements: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}
        self._copy: _Copy | None = None
        self._skipping = False
        """The server skips everything up to the next Sync, after an error."""
        self._current: Request | None = None
        self._account: dict[int, Callable[[Request, bytes], None]] = {
            ord("Q"): self._query,
            ord("F"): self._function_call,
            ord("P"): self._parse,
            ord("B"): self._bind,
            ord("D"): self._describe,
            ord("E"): self._execute,
            ord("C"): self._close,
            ord("S"): self._sync,
            ord("H"): self._flush,
            ord("X"): self._flush,
        }

    def waits(self, piece: Piece) -> bool:
        """Whether only the server's answer will tell what a piece from the worker is.

        asyncpg sends a COPY's data without waiting for the server's consent.
        """
        return piece.first and piece.kind in _COPY_KINDS and bool(self.pending) and not self._copy

    def open_request(self) -> Request | None:
        """The request whose last message has not begun yet."""
        return self.pending[-1] if self.pending and not self.pending[-1].closed else None

    def ask(self, piece: Piece) -> Request | None:
        """The round trip to which a piece from the worker belongs; None = to none, let it pass."""
        if piece.first:
            self._current = self._asked(piece)
        request = self._current
        if request is not None:
            request.whole = request.closed and piece.last
        return request

    def answer(self, piece: Piece) -> None:
        """Account for a piece from the server; see `pending` for what is answered by it."""
        if not piece.first or piece.kind in ASYNCHRONOUS or self.streams:
            self.streams = self.streams and piece.kind != _READY
            return
        if not self.pending or not self.pending[0].passing:
            # A session may be ended by the server while nothing was asked.
            self.unexplained += len(piece.data) if piece.kind != _ERROR else 0
            return
        self._answered(self.pending[0], piece)

    # What the worker sends

    def _asked(self, piece: Piece) -> Request | None:
        kind = piece.kind
        if kind in _COPY_KINDS or (self._copy and self._copy.request):
            return self._copied(kind)
        if kind == ord("p") or self.streams or (self._copy and kind in b"SH"):
            return None  # of the handshake; or a Sync that the server ignores during a COPY
        opened = self.open_request()
        if opened is None and kind == ord("X"):
            return None
        request = opened or self._begun()
        request.kinds.append(kind)
        self._account[kind](request, piece.data)
        return request

    def _begun(self) -> Request:
        request = Request(self._connection, self._requests)
        request.in_transaction = self._in_transaction
        self._requests += 1
        self.pending.append(request)
        return request

    def _copied(self, kind: int) -> Request | None:
        """A message while the server takes a COPY's data, or has stopped taking them."""
        copy = self._copy
        if copy is None:
            return None  # the server drops data that come after an error
        if copy.request is None:
            copy.request = self._begun()
            copy.request.simple, copy.request.at_once = copy.simple, True
            copy.request.executed.append(f"{copy.sql} (its data)")
            copy.request.awaits.append(_READY if copy.simple else _DONE)
        request = copy.request
        if copy.simple:
            request.closed = request.closed or kind in _COPY_ENDS
        elif kind == ord("S"):
            self._sync(request, b"")
        elif kind == ord("H"):
            request.closed = True
        if request.closed:
            self._copy = None
        return request

    def _query(self, request: Request, data: bytes) -> None:
        request.simple = request.closed = True
        request.executed.append(_text(data, _HEADER_BYTES))
        self._await(request, _READY)

    def _function_call(self, request: Request, data: bytes) -> None:
        request.simple = request.closed = True
        request.executed.append("(function call)")
        self._await(request, _READY)

    def _parse(self, request: Request, data: bytes) -> None:
        name, at = _name(data, _HEADER_BYTES)
        sql = self._statements[name] = _text(data, at)
        request.prepared.append(sql)
        self._await(request, _PARSED)

    def _bind(self, request: Request, data: bytes) -> None:
        portal, at = _name(data, _HEADER_BYTES)
        statement, _ = _name(data, at)
        sql = self._portals[portal] = self._statements.get(statement, "(unknown statement)")
        request.bound.append(sql)
        self._await(request, _BOUND)

    def _describe(self, request: Request, data: bytes) -> None:
        self._await(request, _DESCRIBED)

    def _execute(self, request: Request, data: bytes) -> None:
        portal, _ = _name(data, _HEADER_BYTES)
        # A cursor that SQL declared is a portal, too.
        other = f"(portal {portal.decode(errors='replace')})"
        request.executed.append(self._portals.get(portal, other))
        self._await(request, _DONE)

    def _close(self, request: Request, data: bytes) -> None:
        name, _ = _name(data, _HEADER_BYTES + 1)
        table = self._statements if data[_HEADER_BYTES] == ord("S") else self._portals
        table.pop(name, None)
        self._await(request, _CLOSED)

    def _sync(self, request: Request, data: bytes) -> None:
        self._skipping = False
        request.closed = True
        request.awaits.append(_READY)

    def _flush(self, request: Request, data: bytes) -> None:
        request.closed = True

    def _await(self, request: Request, part: int) -> None:
        if not self._skipping:
            request.awaits.append(part)

    # What the server sends

    def _answered(self, request: Request, piece: Piece) -> None:
        kind = piece.kind
        if kind == _DONE:
            self._count(request, piece.data)
        awaited = _ANSWERS.get(kind)
        if awaited is not None and request.awaits and request.awaits[0] == awaited:
            request.awaits.popleft()
        elif kind == _READY:
            self._is_ready(request, piece)
        elif kind == _ERROR:
            self._failed()
        elif kind == _COPY_IN:
            self._takes_copy(request)
        elif kind == _COPY_BOTH:
            self._streams(request)
        elif kind not in _MADE_OF and not (awaited is not None and request.simple):
            self.unexplained += len(piece.data)

    def _count(self, request: Request, data: bytes) -> None:
        """At once: what a Flush asked for is answered without a ReadyForQuery."""
        counted = _COUNTED.fullmatch(data, _HEADER_BYTES)
        if counted:
            rows = int(counted[1])
            request.rows = (request.rows or 0) + rows
            self._bear(self._in_transaction + rows)

    def _bear(self, rows: int) -> None:
        """So many rows are the transaction's that is under way when what waits is executed."""
        self._in_transaction = rows
        for waiting in islice(self.pending, 1, None):
            waiting.in_transaction = rows

    def _is_ready(self, request: Request, piece: Piece) -> None:
        if _READY not in request.awaits:
            self.unexplained += len(piece.data)
            return
        if request.awaits[0] != _READY:
            self.unexplained += len(piece.data)  # parts were awaited that never came
        while request.awaits.popleft() != _READY:
            pass
        is_idle = piece.data[_HEADER_BYTES:] == b"I"
        if is_idle:
            self._bear(0)
        if self._copy and self._copy.request is request:
            request.closed, self._copy = True, None  # the rest of the data will be dropped
        if len(self.pending) == 1 and is_idle:
            self._portals.clear()

    def _failed(self) -> None:
        """The server skips what was asked up to the next Sync, or has answered a whole Query."""
        for request in self.pending:
            while request.awaits and request.awaits[0] != _READY:
                request.awaits.popleft()
            if request.awaits:
                return
        self._skipping = True

    def _takes_copy(self, request: Request) -> None:
        self._copy = _Copy(request)
        # A Sync that is on its way already is ignored by the server; a Query's end comes later.
        request.awaits.clear()
        request.closed = True

    def _streams(self, request: Request) -> None:
        self.streams = True
        request.awaits.clear()
        request.closed = True


def _name(data: bytes, at: int) -> tuple[bytes, int]:
    """A name and where the next field begins."""
    end = data.find(b"\0", at)
    end = len(data) if end < 0 else end
    return data[at:end], end + 1


def _text(data: bytes, at: int) -> str:
    """The beginning of an SQL text; bytes in another encoding than UTF-8 are replaced."""
    end = data.find(b"\0", at, at + SQL_BYTES)
    return data[at : end if end >= 0 else at + SQL_BYTES].decode(errors="replace")

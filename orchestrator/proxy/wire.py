"""The framing of PostgreSQL's wire, both directions: bytes in, whole messages or their parts out.

Incremental and exact: however the bytes were cut on their way, the same messages come out, and the
pieces one after the other are the bytes that went in. A message longer than `PREFIX_BYTES` comes in
pieces, so that none has to fit into memory; its first piece is long enough to tell what it is.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from orchestrator.errors import WireError

PREFIX_BYTES = 16 * 1024
"""At least so much of a longer message is in its first piece: more than any name or `SQL_BYTES`."""
MAX_MESSAGE_BYTES = 1 << 30
"""PostgreSQL itself neither sends nor takes a longer message."""
MAX_STARTUP_BYTES = 10_000
"""The longest packet before a connection is up (PostgreSQL's MAX_STARTUP_PACKET_LENGTH)."""

CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
UNTYPED = 0
"""The kind of a packet before the connection is up: it bears no type byte."""

FRONTEND_KINDS = frozenset(b"BCDEFHPQSXcdfp")
BACKEND_KINDS = frozenset(b"123ACDEGHIKNRSTVWZcdnstv")
_RUNS = frozenset(b"Dd")
_LENGTH = struct.Struct("!I")
_LENGTH_BYTES = 4


class Piece(NamedTuple):
    """A message, or a part of a long one, with its header."""

    kind: int
    """The type byte, or `UNTYPED`."""
    data: bytes
    first: bool
    """The message begins with it."""
    last: bool
    """The message ends with it."""


class Framer:
    """One direction of one connection. Feed it, then take `next` until there is none."""

    def __init__(
        self, kinds: frozenset[int], *, untyped: bool = False, joins_rows: bool = False
    ) -> None:
        """`untyped` = packets bear no type byte yet; whoever reads the startup packet unsets it.

        `joins_rows` = whole DataRow and CopyData messages that follow each other may come as one
        piece, which is quicker.
        """
        self.untyped = untyped
        self._kinds = kinds
        self._runs = _RUNS if joins_rows else frozenset[int]()
        self._data = b""
        self._at = 0
        self._kind = UNTYPED
        self._left = 0

    def feed(self, data: bytes) -> None:
        """More bytes, as they came."""
        rest = self._data[self._at :]
        self._data = rest + data if rest else data
        self._at = 0

    def next(self) -> Piece | None:
        """The next piece, or None until more bytes come. Raises `WireError` on what is no frame."""
        available = len(self._data) - self._at
        if self._left:
            return self._continued(min(available, self._left)) if available else None
        header = _LENGTH_BYTES if self.untyped else _LENGTH_BYTES + 1
        if available < header:
            # A wrong type byte shows at once: the bytes after it may never come.
            if available and not self.untyped and self._data[self._at] not in self._kinds:
                raise WireError(f"no message begins with the byte {self._data[self._at]:#04x}")
            return None
        kind, size = self._header(header)
        if size <= available:
            if kind in self._runs:
                size = self._run(kind, size)
            return Piece(kind, self._take(size), True, True)
        if available < PREFIX_BYTES or self.untyped:
            return None
        self._kind, self._left = kind, size - available
        return Piece(kind, self._take(available), True, False)

    def rest(self) -> bytes:
        """Everything that no piece has held yet; the framer is empty then."""
        return self._take(len(self._data) - self._at)

    def _header(self, header: int) -> tuple[int, int]:
        """The kind of the message that begins here and its size, header and all."""
        (length,) = _LENGTH.unpack_from(self._data, self._at + header - _LENGTH_BYTES)
        if self.untyped:
            kind, least, most = UNTYPED, 2 * _LENGTH_BYTES, MAX_STARTUP_BYTES
        else:
            kind, least, most = self._data[self._at], _LENGTH_BYTES, MAX_MESSAGE_BYTES
            if kind not in self._kinds:
                raise WireError(f"no message begins with the byte {kind:#04x}")
        if not least <= length <= most:
            raise WireError(f"a message of kind {chr(kind)!r} says that it has {length} bytes")
        return kind, length + header - _LENGTH_BYTES

    def _run(self, kind: int, size: int) -> int:
        """The bytes of all whole messages of one kind that lie here one after the other."""
        data, end = self._data, self._at + size
        while len(data) - end > _LENGTH_BYTES and data[end] == kind:
            (length,) = _LENGTH.unpack_from(data, end + 1)
            if length < _LENGTH_BYTES or end + 1 + length > len(data):
                break
            end += 1 + length
        return end - self._at

    def _continued(self, size: int) -> Piece:
        self._left -= size
        return Piece(self._kind, self._take(size), False, self._left == 0)

    def _take(self, size: int) -> bytes:
        begin, self._at = self._at, self._at + size
        if begin == 0 and size == len(self._data):
            taken, self._data, self._at = self._data, b"", 0
            return taken
        return self._data[begin : self._at]

"""Which backend a session has, by the server's own word at its beginning."""

from __future__ import annotations

import struct
from copy import copy

from orchestrator.errors import WireError
from orchestrator.proxy.wire import Framer, Piece

KEY_DATA = ord("K")
"""BackendKeyData: the process of the session and its cancel key."""
_PID = struct.Struct("!I")
_PID_AT = 5


def backend_of(key_data: Piece) -> int:
    """The backend's process id; longer cancel keys (protocol 3.2) stand behind it."""
    pid: int = _PID.unpack_from(key_data.data, _PID_AT)[0]
    return pid


def backend_in(answers: Framer, unread: bytes) -> int | None:
    """The same from what lies unread behind that which `answers` has had, which stays as it is;
    None = the word is not there."""
    ahead = copy(answers)
    ahead.feed(unread)
    try:
        while (piece := ahead.next()) is not None:
            if piece.kind == KEY_DATA:
                return backend_of(piece)
    except WireError:
        return None  # whoever reads it finds out, and counts it as unexplained
    return None

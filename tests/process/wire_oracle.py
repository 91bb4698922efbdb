"""Two decoders of PostgreSQL's wire that are not ours: pgproto3 of pgx, and libpq's own trace."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from orchestrator.proxy.wire import BACKEND_KINDS, FRONTEND_KINDS, UNTYPED, Framer
from tests.toolchain import need_program

SOURCES = Path(__file__).resolve().parents[1] / "wire_oracle"
_REMEDY = "install Go 1.26 or newer from https://go.dev/dl"

Direction = Literal["F", "B"]
"""What a client sends, or what the server sends."""


class Message(NamedTuple):
    """A message as somebody has decoded it."""

    kind: str
    """Its type byte; "" of a startup packet."""
    size: int
    """Bytes, header and all."""
    crc: int
    """CRC-32 of these bytes; 0 of a startup packet, whose words pgproto3 puts in any order."""
    sql: str
    """Of Query and Parse: the text."""


def build_oracle(folder: Path) -> Path:
    """The program that decodes by pgproto3; the test is skipped without Go, and failed under CI."""
    program = folder / "wire_oracle"
    done = subprocess.run(
        [need_program("go", _REMEDY), "build", "-o", program, "."],
        cwd=SOURCES,
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program


def by_pgproto3(
    program: Path, folder: Path, streams: Sequence[tuple[Direction, bytes]]
) -> list[list[Message]]:
    """The messages of each stream; one of a client begins with its startup packet."""
    asked = []
    for number, (direction, stream) in enumerate(streams):
        path = folder / f"stream{number}"
        path.write_bytes(stream)
        asked.append(f"{direction} {path}\n")
    done = subprocess.run(
        [program], input="".join(asked), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [
        [
            Message(one["kind"], one["size"], one["crc"], one.get("sql", ""))
            for one in json.loads(line)
        ]
        for line in done.stdout.splitlines()
    ]


def by_our_framer(direction: Direction, stream: bytes) -> list[Message]:
    """The same by the code under test; each message must be whole."""
    is_client = direction == "F"
    framer = Framer(FRONTEND_KINDS if is_client else BACKEND_KINDS, untyped=is_client)
    framer.feed(stream)
    messages: list[tuple[int, bytes]] = []
    while piece := framer.next():
        framer.untyped = False
        if piece.first:
            messages.append((piece.kind, piece.data))
        else:
            messages[-1] = (piece.kind, messages[-1][1] + piece.data)
    assert framer.rest() == b""
    return [_message(kind, data) for kind, data in messages]


def _message(kind: int, data: bytes) -> Message:
    letter = "" if kind == UNTYPED else chr(kind)
    crc = zlib.crc32(data) if letter else 0
    return Message(letter, len(data), crc, _sql(letter, data))


def _sql(letter: str, data: bytes) -> str:
    if letter == "Q":
        return data[5:-1].decode()
    return data[5:].split(b"\0")[1].decode() if letter == "P" else ""


def by_libpq(trace: str) -> list[tuple[Direction, str, int]]:
    """The lines of a PQtrace without its times: direction, a message's name, its own length."""
    found: list[tuple[Direction, str, int]] = []
    for line in trace.splitlines():
        direction, length, name, *_ = line.split("\t")
        found.append(("F" if direction == "F" else "B", name, int(length)))
    return found


NAMES: dict[tuple[Direction, str], str] = {
    ("F", "B"): "Bind",
    ("F", "C"): "Close",
    ("F", "D"): "Describe",
    ("F", "E"): "Execute",
    ("F", "H"): "Flush",
    ("F", "P"): "Parse",
    ("F", "Q"): "Query",
    ("F", "S"): "Sync",
    ("F", "c"): "CopyDone",
    ("F", "d"): "CopyData",
    ("F", "f"): "CopyFail",
    ("B", "1"): "ParseComplete",
    ("B", "2"): "BindComplete",
    ("B", "3"): "CloseComplete",
    ("B", "A"): "NotificationResponse",
    ("B", "C"): "CommandComplete",
    ("B", "D"): "DataRow",
    ("B", "E"): "ErrorResponse",
    ("B", "G"): "CopyInResponse",
    ("B", "H"): "CopyOutResponse",
    ("B", "I"): "EmptyQueryResponse",
    ("B", "N"): "NoticeResponse",
    ("B", "S"): "ParameterStatus",
    ("B", "T"): "RowDescription",
    ("B", "Z"): "ReadyForQuery",
    ("B", "c"): "CopyDone",
    ("B", "d"): "CopyData",
    ("B", "n"): "NoData",
    ("B", "s"): "PortalSuspended",
    ("B", "t"): "ParameterDescription",
}
"""What libpq's trace calls a message."""


def is_session(sent: bytes) -> bool:
    """Whether a client's stream is a session's, not a cancel request."""
    return sent[4:6] == struct.pack("!H", 3)

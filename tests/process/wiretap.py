"""Listens in on a Unix socket's connections: what passes is written down and passed on."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import make_conninfo

SOCKET = ".s.PGSQL.5432"


@dataclass
class Session:
    """The bytes of one connection, both ways."""

    sent: bytearray = field(default_factory=bytearray)
    """By the client."""
    answered: bytearray = field(default_factory=bytearray)


class Wiretap:
    """A context manager: stands in `folder` and leads to the socket in `upstream`."""

    def __init__(self, folder: Path, upstream: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.sessions: list[Session] = []
        self._upstream = f"{upstream}/{SOCKET}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def dsn(self, dsn: str) -> str:
        """`dsn`, so changed that it leads here."""
        return make_conninfo(dsn, host=str(self.folder), port=5432)

    def heard(self) -> list[tuple[bytes, bytes]]:
        """What all connections have sent and been answered; call it when all have ended."""
        for thread in self._threads[1:]:
            thread.join(20)
            assert not thread.is_alive(), "a connection is still there"
        return sorted((bytes(session.sent), bytes(session.answered)) for session in self.sessions)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            onward = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            onward.connect(self._upstream)
            session = Session()
            self.sessions.append(session)
            thread = threading.Thread(target=_serve, args=(accepted, onward, session), daemon=True)
            self._threads.append(thread)
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()


def _serve(near: socket.socket, far: socket.socket, session: Session) -> None:
    with near, far:
        back = threading.Thread(target=_pass, args=(far, near, session.answered), daemon=True)
        back.start()
        _pass(near, far, session.sent)
        back.join()


def _pass(source: socket.socket, sink: socket.socket, written_down: bytearray) -> None:
    try:
        while data := source.recv(1 << 16):
            written_down += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for one in (source, sink):  # one side has gone: the other one learns it, too
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

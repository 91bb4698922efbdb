"""One socket of a connection: read when there is room for it, written without ever waiting."""

from __future__ import annotations

import array
import fcntl
import select
import socket
import struct
import termios
from collections import deque
from typing import Protocol

from orchestrator.proxy.gate import Meter
from orchestrator.proxy.spool import Spool

READ_BYTES = 1 << 18
PEEK_BYTES = 1 << 14
BACKLOG_BYTES = 1 << 18
"""Whose queue is longer takes nothing more from the other side until it is written."""


_NO_LINGER = struct.pack("ii", 1, 0)


def linger_not(connected: socket.socket) -> None:
    """Have its close discard what is still to be sent, and reset the connection (tcp(7)); one of
    another family is only closed."""
    if connected.family != socket.AF_UNIX:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)


def reset(connected: socket.socket) -> None:
    """Reset a connection that nobody owns yet."""
    linger_not(connected)
    connected.close()


class Watcher(Protocol):
    """Where a channel says what it waits for."""

    def watch(self, channel: Channel, events: int) -> None:
        """Tell the owner of `channel` when one of `events` of epoll(7) is there; 0 = never."""


class Owner(Protocol):
    """Whom a channel tells."""

    def ready(self, channel: Channel, events: int) -> None:
        """`events` of epoll(7) are there."""


class Channel:
    """A connected socket, and what is still to be written to it."""

    def __init__(
        self, connected: socket.socket, owner: Owner, meter: Meter, watcher: Watcher
    ) -> None:
        connected.setblocking(False)
        if connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected
        self.owner = owner
        self.ended = False
        """Nothing more will come from there."""
        self.closed = False
        self.wants = True
        """Whether there is room for what comes from there."""
        self._meter = meter
        self._watcher: Watcher | None = watcher
        self._queue: deque[bytes | memoryview | Spool] = deque()
        self._backlog = 0
        self._ends = False
        self.settle()

    @property
    def backlog(self) -> int:
        """Bytes that are still to be written."""
        return self._backlog

    def settle(self) -> None:
        """Say anew what is waited for."""
        events = select.EPOLLIN if self.wants and not self.ended else 0
        events |= select.EPOLLOUT if self._backlog else 0
        if self._watcher is not None:
            self._watcher.watch(self, 0 if self.closed else events)

    def detach(self) -> None:
        """Have nothing to do with the proxy any more: whoever holds it waits by himself."""
        if self._watcher is not None:
            self._watcher.watch(self, 0)
        self._watcher, self._meter = None, Meter()

    def read(self, buffer: memoryview) -> bytes | None:
        """What has come; None = nothing yet, b"" = the end. Raises OSError on a broken one."""
        try:
            size = self.socket.recv_into(buffer)
        except BlockingIOError:
            return None
        except OSError:
            self.ended = True
            raise
        if size == 0:
            self.ended = True
            self.settle()
        return bytes(buffer[:size])

    def unread(self) -> int:
        """Bytes that have come and lie in the kernel."""
        size = array.array("i", [0])
        if not self.closed:
            fcntl.ioctl(self.socket, termios.FIONREAD, size)
        return size[0]

    def peek(self) -> bytes:
        """What has come and lies in the kernel, as far as it fits one read; it stays there."""
        try:
            return b"" if self.closed else self.socket.recv(PEEK_BYTES, socket.MSG_PEEK)
        except OSError:
            return b""  # nothing yet, or a broken one: whoever reads it finds out

    def write(self, data: bytes) -> None:
        """Write after all that is to be written. Raises OSError on a broken one."""
        if self._backlog:
            self._queue.append(data)
            self._backlog += len(data)
            return
        written = self._send(data)
        if written < len(data):
            self._queue.append(memoryview(data)[written:])
            self._backlog = len(data) - written
            self.settle()

    def write_all(self, spool: Spool) -> None:
        """Write what a spool holds; it is the channel's from now on."""
        while spool.size and not self._backlog:
            self.write(spool.take())
        if spool.size:
            self._queue.append(spool)
            self._backlog += spool.size

    def flush(self) -> None:
        """Write what can be written now."""
        while self._queue:
            data = self._queue[0]
            if isinstance(data, Spool):
                if not data.size:
                    self._queue.popleft()
                    continue
                data = data.take()
                self._queue.appendleft(data)
            written = self._send(data)
            self._backlog -= written
            if written < len(data):
                self._queue[0] = memoryview(data)[written:]
                return
            self._queue.popleft()
        self.settle()
        if self._ends:
            self._shut_down()

    def end(self) -> None:
        """Say that nothing more will be written, once all has been."""
        self._ends = True
        if not self._backlog:
            self._shut_down()

    def close(self) -> None:
        """Let go of the socket; what was not written is lost."""
        if self.closed:
            return
        self.closed = True
        self.settle()
        self.socket.close()
        for data in self._queue:
            if isinstance(data, Spool):
                data.discard()
        self._queue.clear()
        self._backlog = 0

    def reset(self) -> None:
        """As `close`; where it is one of TCP the other side is told by a RST."""
        if not self.closed:
            linger_not(self.socket)
        self.close()

    def _send(self, data: bytes | memoryview) -> int:
        try:
            written = self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.ended = True  # it has closed its side
            raise
        self._meter.passed += written
        return written

    def _shut_down(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True  # the other side was quicker

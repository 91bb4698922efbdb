"""One connection of the worker: held back, asked about, let through byte for byte."""

from __future__ import annotations

import select
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import WireError
from orchestrator.proxy import handshake
from orchestrator.proxy.channel import BACKLOG_BYTES, READ_BYTES, Channel, Watcher
from orchestrator.proxy.conversation import Conversation
from orchestrator.proxy.gate import Gate
from orchestrator.proxy.listens import channels_after
from orchestrator.proxy.request import Request
from orchestrator.proxy.spool import Spool
from orchestrator.proxy.upstream import Upstream
from orchestrator.proxy.wire import (
    BACKEND_KINDS,
    CANCEL_REQUEST,
    FRONTEND_KINDS,
    GSS_REQUEST,
    SSL_REQUEST,
    UNTYPED,
    Framer,
    Piece,
)

_CODE = struct.Struct("!I")
_CODE_AT = 4
_TERMINATE, _READY = ord("X"), ord("Z")
_REFUSED = b"N"


@dataclass
class Tally:
    """What all connections of a proxy add up to."""

    connections: int = 0
    broken: int = 0
    unexplained: int = 0
    backend_pids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Surroundings:
    """What the connections of a proxy share."""

    upstream: Upstream
    folder: Path
    gate: Gate
    watcher: Watcher
    tally: Tally
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(READ_BYTES)))


class Link:
    """The worker's socket, the server's, and what is held between them."""

    def __init__(self, accepted: socket.socket, around: Surroundings) -> None:
        self.worker = Channel(accepted, self, around.gate.meter, around.watcher)
        self.server: Channel | None = None
        self.number = around.tally.connections
        """Among those of its proxy, from 0."""
        self.talk = Conversation(self.number)
        self.held_request: Request | None = None
        """Stopped before: nothing of it has reached the server."""
        self.request_bytes = Spool(around.folder)
        """What was asked and has not been let through."""
        self.requests = Framer(FRONTEND_KINDS, untyped=True, joins_rows=True)
        self.answers = Framer(BACKEND_KINDS, joins_rows=True)
        self.over = False
        self.backend_pid: int | None = None
        """Of its session, once the server has said so."""
        self.channels: frozenset[str] = frozenset()
        """To which that listens, as far as its statements say it."""
        self._answer_bytes = Spool(around.folder)
        self._holds_answer = False
        self._waiting: Piece | None = None
        """What can only be understood by the answer to what was asked before it."""
        self._around = around
        self._gate = around.gate
        self._is_up = False
        self._cancels = False
        self._takes_leave = False
        self._unreadable = False
        around.tally.connections += 1

    def ready(self, channel: Channel, events: int) -> None:
        """One of the two sockets can be read or written."""
        try:
            if events & select.EPOLLOUT:
                channel.flush()
            if events & ~select.EPOLLOUT:
                self._read(channel)
            self._balance()
        except OSError:
            self._lost()

    def resume(self) -> None:
        """The gate is open again: let through what was held, then what has come after it."""
        if self.over:
            return
        try:
            if self.held_request is not None:
                request, self.held_request = self.held_request, None
                self._let_through(request)
            elif self._holds_answer:
                self._holds_answer = False
                self._give()
                self._finish()
            self._pump_requests()
            self._pump_answers()
            self._balance()
        except WireError:
            self._pass_unread()
        except OSError:
            self._lost()

    def lose_answer(self) -> None:
        """Forget the answer that is held, as if it had never been sent."""
        if self._holds_answer:
            self._answer_bytes.discard()
            self._answer_bytes = Spool(self._around.folder)

    def unread(self) -> int:
        """Bytes of the worker that lie in the kernel or were read and not looked at."""
        return 0 if self.over else self.worker.unread()

    def unread_of_both(self) -> tuple[int, int]:
        """Bytes of the worker, and of the server, that lie in the kernel."""
        return self.unread(), 0 if self.over or self.server is None else self.server.unread()

    def announced_backend(self) -> int | None:
        """Its session's backend, also where the server's word of it lies unread in the kernel, as
        when nothing passes any more since before it came."""
        if self.backend_pid is not None or self._is_up or self._unreadable or self.server is None:
            return self.backend_pid
        return handshake.backend_in(self.answers, self.server.peek())

    def reset(self) -> int | None:
        """Reset both sides; what is held is lost. The session's backend."""
        for channel in (self.worker, self.server):
            if channel is not None:
                channel.reset()
        self.close()
        return self.backend_pid

    def gather(self, request: Request) -> None:
        """Take in what the worker has already sent of the request that is held."""
        while not request.whole:
            piece = self.requests.next()
            if piece is not None:
                self.talk.ask(piece)
                self.request_bytes.put(piece.data)
                continue
            data = self.worker.read(self._around.buffer)
            if not data:
                return
            self.requests.feed(data)

    def close(self, *, keeping_server: bool = False) -> None:
        """Let go of both sockets; what is held is lost. Idempotent."""
        if self.over:
            return
        self.over = True
        self._around.tally.unexplained += self.talk.unexplained
        self.worker.close()
        if keeping_server and self.server is not None:
            self.server.detach()
            return
        if self.server is not None:
            self.server.close()
        self.request_bytes.discard()
        self._answer_bytes.discard()

    # Reading

    def _read(self, channel: Channel) -> None:
        data = channel.read(self._around.buffer)
        if data is None:
            return
        self._take_in(data, from_worker=channel is self.worker)

    def _take_in(self, data: bytes, *, from_worker: bool) -> None:
        try:
            if self._unreadable:
                self._pass_on(data, from_worker)
            elif from_worker:
                self.requests.feed(data)
                self._pump_requests()
            else:
                self.answers.feed(data)
                self._pump_answers()
        except WireError:
            self._pass_unread()

    def _pump_requests(self) -> None:
        while not self._gate.shut:
            piece = self._waiting or self.requests.next()
            if piece is None:
                break
            if piece.kind != UNTYPED and self.talk.waits(piece):
                self._wait(piece)
                return
            self._waiting = None
            self._asked(piece)
        if self.worker.ended and not self._gate.shut:
            self._worker_ended()

    def _wait(self, piece: Piece) -> None:
        """Take nothing from the worker until what was asked before is answered."""
        self._waiting = piece
        opened = self.talk.open_request()
        if opened is not None:
            opened.closed = opened.whole = True
            self._stand_before(opened)

    def _asked(self, piece: Piece) -> None:
        if piece.kind == UNTYPED:
            self._open(piece)
            return
        request = self.talk.ask(piece)
        self._takes_leave = piece.kind == _TERMINATE
        passes = not self.request_bytes.size if request is None else request.passing
        if passes:
            self._to_server(piece.data)
            return
        self.request_bytes.put(piece.data)
        if request is not None and request.is_known(self.request_bytes.size):
            self._stand_before(request)

    def _stand_before(self, request: Request) -> None:
        if self._gate.stops(request, "before"):
            self.held_request = request
        else:
            self._let_through(request)

    def _let_through(self, request: Request) -> None:
        request.passing = True
        if self.server is not None:
            self.server.write_all(self.request_bytes)
        if self.request_bytes.size:
            self.request_bytes = Spool(self._around.folder)
        self._finish()

    def _pump_answers(self) -> None:
        while not self._gate.shut:
            piece = self.answers.next()
            if piece is None:
                break
            self._came(piece)
        if self._waiting is not None:
            self._pump_requests()
        if self.server is not None and self.server.ended and not self._gate.shut:
            self._server_ended()

    def _came(self, piece: Piece) -> None:
        if not self._is_up:
            self._handshake(piece)
            self.worker.write(piece.data)
            return
        is_owed = bool(self.talk.pending) and self.talk.pending[0].passing
        self.talk.answer(piece)
        if not is_owed:
            self.worker.write(piece.data)
            return
        self._answer_bytes.put(piece.data)
        if piece.last:
            self._finish()

    def _finish(self) -> None:
        """Give the worker each answer that has come as a whole, unless it is stopped there."""
        pending = self.talk.pending
        while pending and pending[0].answered:
            request = pending.popleft()
            for sql in request.executed:
                self.channels = channels_after(self.channels, sql)
            if self._gate.stops(request, "after"):
                self._holds_answer = True
                return
            self._give()

    def _give(self) -> None:
        self.worker.write_all(self._answer_bytes)
        if self._answer_bytes.size:
            self._answer_bytes = Spool(self._around.folder)

    # The beginning and the end

    def _open(self, piece: Piece) -> None:
        (code,) = _CODE.unpack_from(piece.data, _CODE_AT)
        if code in (SSL_REQUEST, GSS_REQUEST):
            self.worker.write(_REFUSED)
            return
        self.requests.untyped = False
        self._cancels = code == CANCEL_REQUEST
        dialled = self._around.upstream.dial()
        self.server = Channel(dialled, self, self._gate.meter, self._around.watcher)
        self.server.write(piece.data)

    def _handshake(self, piece: Piece) -> None:
        if piece.kind == handshake.KEY_DATA:
            self.backend_pid = handshake.backend_of(piece)
            self._around.tally.backend_pids.append(self.backend_pid)
        self._is_up = piece.kind == _READY

    def _worker_ended(self) -> None:
        """The server gets what had been sent, as without us, and the end."""
        if self.server is None:
            self.close()
            return
        opened = self.talk.open_request()
        if opened is not None and not opened.passing:
            opened.closed = True
            self._stand_before(opened)
            if self._gate.shut:
                return
        self._to_server(self.requests.rest())
        self.server.end()

    def _server_ended(self) -> None:
        """The worker gets what had come, as without us, and the end."""
        if not (self.worker.ended or self._takes_leave or self._cancels):
            self._around.tally.broken += 1
        self._give()
        self.worker.write(self.answers.rest())
        if self.server is not None:
            self.server.close()
        self.worker.end()
        self._takes_leave = True

    def _lost(self) -> None:
        """One of the two has gone; why the server went it may have said before."""
        server = self.server
        if server is not None and server.ended and not (server.closed or self._gate.shut):
            try:
                self._hear_out(server)
                return
            except OSError:
                self.worker.ended = True  # both have gone
        if not (self.worker.ended or self._takes_leave or self._cancels):
            self._around.tally.broken += 1
        self.close()

    def _hear_out(self, server: Channel) -> None:
        """Give the worker all that the server had sent, and the end. Raises OSError."""
        words = []
        while data := server.read(self._around.buffer):
            words.append(data)
        self._take_in(b"".join(words), from_worker=False)
        self._balance()

    def _balance(self) -> None:
        """Take nothing from a side while the other one does not take what has come from it."""
        worker, server = self.worker, self.server
        if server is None:
            return
        if server.closed and not worker.backlog:
            self.close()
            return
        for source, sink in ((worker, server), (server, worker)):
            wants = sink.backlog < BACKLOG_BYTES
            wants = wants and not (source is worker and self._waiting)
            if source.wants != wants:
                source.wants = wants
                source.settle()

    # Without understanding

    def _pass_unread(self) -> None:
        """What comes cannot be read: let it pass as it is, and tell."""
        self._unreadable = True
        if self.server is None:
            self._lost()
            return
        self.server.write_all(self.request_bytes)
        self._give()
        self._pass_on(self.requests.rest(), True)
        self._pass_on(self.answers.rest(), False)
        self._balance()

    def _pass_on(self, data: bytes, from_worker: bool) -> None:
        self._around.tally.unexplained += len(data)
        if from_worker:
            self._to_server(data)
            if self.worker.ended and self.server is not None:
                self.server.end()
        else:
            self.worker.write(data)
            if self.server is not None and self.server.ended:
                self._server_ended()

    def _to_server(self, data: bytes) -> None:
        if data and self.server is not None:
            self.server.write(data)

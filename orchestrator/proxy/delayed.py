"""A request that is on its way for long: it reaches the server when its worker is no more."""

from __future__ import annotations

import re
import select
import socket
import time
from dataclasses import dataclass

from orchestrator.errors import ProxyError
from orchestrator.proxy.channel import READ_BYTES
from orchestrator.proxy.link import Link
from orchestrator.proxy.points import RoundTrip
from orchestrator.proxy.request import Request
from orchestrator.proxy.wire import Piece

_ERROR = ord("E")
_FIELD = re.compile(rb"([CM])([^\0]*)\0")
_HEADER_BYTES = 5


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a delayed request."""

    round_trip: RoundTrip
    error: str | None
    """The server's refusal, SQLSTATE first; None where it executed everything."""
    sent_ns: int
    """CLOCK_MONOTONIC: from then on the server may have executed it."""
    sent_bytes: int
    """What the server was sent, all of the request."""
    answered_ns: int
    """CLOCK_MONOTONIC: its whole answer had come."""


class Delayed:
    """A held request and its connection to the server. Deliver it or close it."""

    def __init__(self, link: Link, request: Request) -> None:
        assert link.server is not None, "a request is only asked on a connection that is up"
        self._link = link
        self._request = request
        self._server = link.server
        self._error: str | None = None

    def deliver(self, limit_s: float) -> Delivered:
        """Send the request and read the whole answer, which nobody gets.

        Raises `ProxyError` where the worker had not sent all of the request, the server ended the
        session, or no whole answer came within `limit_s` seconds; the connection is closed then.
        """
        deadline = time.monotonic() + limit_s
        sent_bytes = self._link.request_bytes.size
        try:
            sent_ns = self._send(deadline)
            self._pump()
            while not self._request.answered:
                self._receive(deadline)
        except OSError as error:
            raise ProxyError(f"the delayed request was not delivered: {error}") from None
        finally:
            self.close()
        answered_ns = time.monotonic_ns()
        round_trip = self._request.round_trip(answered_ns)
        return Delivered(round_trip, self._error, sent_ns, sent_bytes, answered_ns)

    def abort(self) -> None:
        """Make a `deliver` that goes on in another thread raise; for one that has not ended."""
        self._server.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; what was not delivered is lost. Idempotent."""
        self._server.close()
        self._link.request_bytes.discard()

    def _send(self, deadline: float) -> int:
        if not self._request.whole:
            raise ProxyError("the delayed request cannot be delivered: its worker sent only a part")
        self._request.passing = True
        sent_ns = time.monotonic_ns()
        self._server.write_all(self._link.request_bytes)
        while self._server.backlog:
            self._wait(select.POLLOUT, deadline)
            self._server.flush()
        return sent_ns

    def _receive(self, deadline: float) -> None:
        self._wait(select.POLLIN, deadline)
        data = self._server.socket.recv(READ_BYTES)
        if not data:
            raise ProxyError("the delayed request was not answered: the server ended the session")
        self._link.answers.feed(data)
        self._pump()

    def _pump(self) -> None:
        while piece := self._link.answers.next():
            self._came(piece)
            pending = self._link.talk.pending
            while pending and pending[0].answered:
                pending.popleft()

    def _came(self, piece: Piece) -> None:
        if piece.kind == _ERROR and piece.first and self._error is None:
            fields = dict(_FIELD.findall(piece.data[_HEADER_BYTES:]))
            told = (fields.get(letter, b"").decode(errors="replace") for letter in (b"C", b"M"))
            self._error = " ".join(told)
        self._link.talk.answer(piece)

    def _wait(self, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._server.socket, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise ProxyError("the delayed request was not answered in time")

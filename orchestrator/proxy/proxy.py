"""Stands between one worker process and PostgreSQL, and can stop it at any round trip.

A thread of its own reads and writes; while it asks whether to stop, nothing flows. The other
methods may be called from any thread: they are carried out in that one.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

from orchestrator.errors import ProxyClosedError, ProxyError
from orchestrator.proxy import listening, upstream
from orchestrator.proxy.channel import Channel
from orchestrator.proxy.delayed import Delayed
from orchestrator.proxy.gate import Decide, Gate, Held
from orchestrator.proxy.link import Link, Surroundings, Tally
from orchestrator.proxy.outage import HeldBack, Outage, reset_all
from orchestrator.proxy.poller import Poller

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a proxy knows of its connections; counts are since it began unless they say else."""

    passed_since_freeze: int
    """Bytes that were written to any socket, either way, since the worker was stopped."""
    arrived_since_freeze: int
    """Bytes that the worker has sent since, and that were held."""
    backend_pids: tuple[int, ...]
    """Of all sessions that there were, by the server's own word."""
    broken: int
    """Connections that ended although the worker had neither closed nor taken its leave."""
    unexplained: int
    """Bytes that passed as they were and that we could not read as PostgreSQL's protocol."""
    refused: int
    """Connections that were reset as soon as they had been opened."""


class Proxy:
    """A context manager; `close` ends its thread and its sockets.

    `on_round_trip` is as of `watch`. Raises `TlsDemandedError` where the server wants TLS,
    `ServerUnreachableError`, and `ProxyError` where the socket cannot be made in `folder`, which
    is made where there is none and should be nobody else's.
    """

    def __init__(
        self, upstream_dsn: str, folder: Path, *, on_round_trip: Decide | None = None
    ) -> None:
        self._upstream = upstream.locate(upstream_dsn)
        self._folder = folder
        self._unix = listening.in_folder(folder)
        self._gate = Gate(on_round_trip)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poller = Poller(self._gate)
        self._tally = Tally()
        self._around = Surroundings(self._upstream, folder, self._gate, self._poller, self._tally)
        self._links: list[Link] = []
        self._outage = Outage()
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._failure: BaseException | None = None
        self._ends = False
        self._waking = threading.Lock()
        """Held by whoever wakes the thread: what has ended is asked nothing."""
        self._unread_at_freeze = 0
        self._arrived = 0
        self._tcp: socket.socket | None = None
        self._poller.always(self._wake, lambda events: self._woken())
        self._accept_on(self._unix)
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    # What the supervisor asks

    @property
    def stopped(self) -> threading.Event:
        """Set once the worker is stopped and everything is frozen, `held` says where; and once the
        proxy has failed."""
        return self._gate.stopped

    @property
    def held(self) -> Held | None:
        """Where the worker is stopped."""
        return self._gate.held

    def dsn(self, dsn: str, *, tcp: bool = False) -> str:
        """The worker's conninfo `dsn` so changed that it leads here, by a Unix socket where it did
        so before and else by loopback TCP: not every driver knows both. `tcp` = by TCP anyway."""
        password = self._upstream.password
        if not tcp and not upstream.is_by_tcp(dsn):
            return upstream.redirected(dsn, str(self._folder.absolute()), listening.PORT, password)
        port = self._do(self._listen_tcp)
        return upstream.redirected(dsn, listening.LOOPBACK, port, password)

    def watch(self, decide: Decide | None) -> None:
        """Ask `decide(round_trip, side)` at both sides of each round trip from now on.

        It is called in the proxy's thread, and nothing flows until it returns. True = stop here:
        all connections freeze, and what stands here is held.
        """

        def change() -> None:
            self._gate.decide = decide

        self._do(change)

    def facts(self) -> Facts:
        """What is known now."""
        return self._do(self._facts)

    def backends_of(self, connection: int) -> tuple[int, ...]:
        """The backend of the connection of this number; none where it has none, or has gone."""

        def found() -> Iterator[int]:
            for link in self._links:
                if link.number == connection and link.backend_pid is not None:
                    yield link.backend_pid

        return self._do(lambda: tuple(found()))

    def lose_answer(self) -> None:
        """Forget the answer at which the worker was stopped, as if it had never been sent."""

        def lose() -> None:
            for link in self._links:
                link.lose_answer()

        self._do(lose)

    def listeners(self) -> tuple[int, ...]:
        """The backends of the sessions that have said LISTEN and are there."""
        return self._do(lambda: tuple(_listeners(self._links)))

    def shut(self) -> int:
        """Let nothing pass any more, wherever it stands, until `release`; the instant of it.

        Who connects meanwhile is taken, and gets no answer.
        """

        def shut() -> int:
            instant = self._gate.shut_now()
            # Before the answer: what the worker sends once this has returned is to be counted.
            self._freeze_if_shut()
            return instant

        return self._do(shut)

    def held_back(self) -> tuple[HeldBack, ...]:
        """Of each connection: what has come since nothing passes."""
        return self._do(lambda: self._outage.held_back(self._links))

    def reset(self) -> tuple[int | None, ...]:
        """Reset all connections, and each new one until `accept_again`. The backends of those that
        there were; None = of one that had no session."""
        return self._do(self._reset)

    def attempt(self) -> socket.socket:
        """A connection over TCP as a worker opens one, which waits for nothing; where it is reset,
        it counts as refused. Whoever asks for it closes it."""
        port = self._do(self._listen_tcp)
        tried = socket.create_connection((listening.LOOPBACK, port))
        tried.setblocking(False)
        with suppress(ConnectionError):  # it was reset at once: its end says so as well
            tried.sendall(listening.ASKS_FOR_TLS)
        return tried

    def accept_again(self) -> None:
        """Take new connections as before."""

        def accept() -> None:
            self._outage.refuses = False

        self._do(accept)

    def release(self) -> None:
        """Let everything flow again, in order and byte for byte."""
        self._do(self._release)

    def drop(self) -> None:
        """Close all connections to both sides; what is held is discarded.

        Where the worker was stopped it stays so: nothing passes until `release`.
        """
        self._do(self._drop)

    def drop_keeping_held(self) -> Delayed:
        """As `drop`, save for the held request and its connection to the server.

        Raises `ProxyError` where no request is held before the server.
        """
        return self._do(self._drop_keeping_held)

    def close(self) -> None:
        """Drop everything and end the thread. Idempotent."""
        with self._waking:
            if self._ends:
                return
            self._ends = True
            os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._drop()
        (self._folder / listening.SOCKET).unlink(missing_ok=True)
        for listener in (self._unix, self._tcp):
            if listener is not None:
                listener.close()
        self._poller.close()
        os.close(self._wake)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # The thread

    def _run(self) -> None:
        try:
            while not self._ends:
                self._poller.wait(self._freeze_if_shut)
        except BaseException as error:  # noqa: BLE001 - it is raised where the supervisor asks
            self._failure = error
            self.stopped.set()
        self._serve_calls()  # whoever asked just before the end waits for an answer

    def _do(self, call: Callable[[], Answer]) -> Answer:
        """Carry out `call` in the proxy's thread. Raises `ProxyError` where that has failed, and
        `ProxyClosedError` where it has ended."""
        if threading.current_thread() is self._thread:
            return call()
        future: Future[Answer] = Future()

        def answered() -> None:
            try:
                self._check()
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
                future.set_exception(error)

        with self._waking:
            if self._ends:
                raise ProxyClosedError("the proxy was closed before it was asked")
            self._calls.put(answered)
            os.eventfd_write(self._wake, 1)
        self._check()
        return future.result()

    def _check(self) -> None:
        if self._failure is not None:
            raise ProxyError(f"the proxy has failed: {self._failure!r}") from self._failure

    def _woken(self) -> None:
        os.eventfd_read(self._wake)
        self._serve_calls()

    def _serve_calls(self) -> None:
        while not self._calls.empty():
            self._calls.get()()

    def _accept_on(self, listener: socket.socket) -> None:
        self._poller.always(listener.fileno(), lambda events: self._accept(listener))

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it was given up meanwhile
        if listener is self._tcp and not listening.is_ours(peer, listener.getsockname()):
            accepted.close()
            return
        if self._outage.refuses:
            self._outage.refuse(accepted)
            return
        self._links = [link for link in self._links if not link.over]
        self._links.append(Link(accepted, self._around))

    # Freezing

    def _freeze_if_shut(self) -> None:
        if not self._gate.shut or self.stopped.is_set():
            return
        self._poller.still(_channels(self._links))
        self._unread_at_freeze = self._unread()
        self._arrived = 0
        self._outage.begin(self._links)
        self.stopped.set()

    def _release(self) -> None:
        self._gate.open()
        for channel in _channels(self._links):
            channel.settle()
        for link in self._links:
            # What one of them brings may stop the worker again.
            link.resume()
            if self._gate.shut:
                break

    def _reset(self) -> tuple[int | None, ...]:
        self._outage.refuses = True
        backends = reset_all(self._links)
        self._links.clear()
        return backends

    def _drop(self) -> None:
        self._arrived = self._arrived_since_freeze()
        for link in self._links:
            link.close()
        self._links.clear()

    def _drop_keeping_held(self) -> Delayed:
        keeper = next((link for link in self._links if link.held_request is not None), None)
        if keeper is None or keeper.held_request is None:
            raise ProxyError("no request is held before the server, so that none can be delayed")
        self._arrived = self._arrived_since_freeze()
        keeper.gather(keeper.held_request)
        delayed = Delayed(keeper, keeper.held_request)
        keeper.close(keeping_server=True)
        self._drop()
        return delayed

    def _unread(self) -> int:
        return sum(link.unread() for link in self._links)

    def _arrived_since_freeze(self) -> int:
        return max(self._arrived, self._unread() - self._unread_at_freeze)

    def _facts(self) -> Facts:
        gate, tally, is_shut = self._gate, self._tally, self._gate.shut
        talks = (link.talk for link in self._links if not link.over)
        return Facts(
            passed_since_freeze=gate.passed_since,
            arrived_since_freeze=self._arrived_since_freeze() if is_shut else 0,
            backend_pids=(*tally.backend_pids, *_announced(self._links)),
            broken=tally.broken,
            refused=self._outage.refused,
            unexplained=tally.unexplained + sum(talk.unexplained for talk in talks),
        )

    def _listen_tcp(self) -> int:
        if self._tcp is None:
            self._tcp = listening.on_loopback()
            self._accept_on(self._tcp)
        port: int = self._tcp.getsockname()[1]
        return port


def _announced(links: list[Link]) -> Iterator[int]:
    """Backends of whose sessions the server has said so, and nobody has read it."""
    for link in links:
        if not link.over and link.backend_pid is None:
            pid = link.announced_backend()
            if pid is not None:
                yield pid


def _listeners(links: list[Link]) -> Iterator[int]:
    for link in links:
        if link.channels and link.backend_pid is not None and not link.over:
            yield link.backend_pid


def _channels(links: list[Link]) -> list[Channel]:
    both = (channel for link in links for channel in (link.worker, link.server))
    return [channel for channel in both if channel is not None and not channel.closed]

"""A server that has ended a session while its worker was writing: what it said is not lost."""

from __future__ import annotations

import select
import socket
import struct
from pathlib import Path
from typing import cast

import pytest

from orchestrator.proxy.channel import Channel
from orchestrator.proxy.gate import Gate
from orchestrator.proxy.link import Link, Surroundings, Tally
from orchestrator.proxy.upstream import Upstream

PROTOCOL_3 = 196608
READY = b"Z" + struct.pack("!I", 5) + b"I"
FATAL = b"E" + struct.pack("!I", 4 + 7 + 1) + b"C57P01\0\0"
QUERY = b"Q" + struct.pack("!I", 4 + 9) + b"SELECT 1\0"


class Still:
    """Waits for nothing: the test says what is ready."""

    def watch(self, channel: Channel, events: int) -> None:
        """See `Watcher`."""


class Session:
    """One connection that is up, and both of its ends."""

    def __init__(self, folder: Path) -> None:
        self.worker, accepted = socket.socketpair()
        self.server, dialled = socket.socketpair()
        for end in (self.worker, self.server):
            end.settimeout(10.0)
        self.tally = Tally()

        class Dialled:
            def dial(self) -> socket.socket:
                return dialled

        around = Surroundings(cast("Upstream", Dialled()), folder, Gate(None), Still(), self.tally)
        self.link = Link(accepted, around)
        self.worker.sendall(struct.pack("!IIx", 9, PROTOCOL_3))
        self.link.ready(self.link.worker, select.EPOLLIN)
        self.server.recv(100)
        self.server.sendall(READY)
        self.hear_server()
        assert self.worker.recv(100) == READY

    def hear_server(self) -> None:
        assert self.link.server is not None
        self.link.ready(self.link.server, select.EPOLLIN)

    def hear_worker(self) -> None:
        self.link.ready(self.link.worker, select.EPOLLIN)

    def close(self) -> None:
        self.link.close()
        self.worker.close()
        self.server.close()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def test_why_the_server_ended_a_session_reaches_the_worker_whose_request_came_too_late(
    session: Session,
) -> None:
    session.server.sendall(FATAL)
    session.server.close()
    session.worker.sendall(QUERY)
    session.hear_worker()
    assert session.worker.recv(100) == FATAL
    assert session.worker.recv(100) == b""
    assert session.tally.broken == 1
    assert session.link.over
    session.close()


def test_a_server_that_said_nothing_leaves_a_connection_that_is_closed(session: Session) -> None:
    session.server.close()
    session.worker.sendall(QUERY)
    session.hear_worker()
    assert session.worker.recv(100) == b""
    assert session.tally.broken == 1
    session.close()


def test_where_both_have_gone_nobody_is_told_anything(session: Session) -> None:
    session.worker.sendall(QUERY)
    session.server.sendall(FATAL)
    session.server.close()
    session.worker.close()
    session.hear_worker()
    assert session.link.over
    session.close()

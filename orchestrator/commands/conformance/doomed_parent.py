"""A parent to be killed: it starts one worker as a run would, hands its pipes on, and waits.

Whoever kills it holds the other ends of both pipes: the worker's stdin does not end and its events
are still read, so nothing but the kernel's death signal can tell it that its parent is gone.
"""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import msgspec

from orchestrator.workers.spawner import Spawner
from worker_child.protocol import Init


class DoomedOrders(msgspec.Struct, frozen=True):
    """What it reads, one line on stdin."""

    init: Init
    argv: list[str]
    logs: str
    mark: str
    socket: int
    """The inherited socket through which the pipes are handed on."""


def main() -> None:
    """Spawn the worker, hand over its pid, its stdin and its event pipe, wait to be killed."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=DoomedOrders)
    child = Spawner(Path(orders.logs), orders.mark).spawn(orders.init, orders.argv)
    with socket.socket(fileno=orders.socket) as heir:
        socket.send_fds(heir, [str(child.pid).encode()], [child.orders_fileno(), child.fileno()])
        signal.pause()


if __name__ == "__main__":
    main()

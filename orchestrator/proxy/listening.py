"""Where a worker finds the proxy: a Unix socket in a private folder, or a port of loopback TCP."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from orchestrator.errors import ProxyError

PORT = 5432
"""Of the Unix socket, only its name."""
SOCKET = f".s.PGSQL.{PORT}"
LOOPBACK = "127.0.0.1"
ASKS_FOR_TLS = bytes.fromhex("0000000804d2162f")
"""SSLRequest: the first that a client may say."""

_SOCKET_PATH_BYTES = 107
_BACKLOG = 1024
_CONNECTIONS = Path("/proc/net/tcp")


def in_folder(folder: Path) -> socket.socket:
    """Listen in `folder`, which is made where there is none. Raises `ProxyError`."""
    path = folder.absolute() / SOCKET
    if len(os.fsencode(path)) > _SOCKET_PATH_BYTES:
        raise ProxyError(
            f"the proxy cannot listen at {path}: a socket's path has at most "
            f"{_SOCKET_PATH_BYTES} bytes"
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise ProxyError(f"the proxy cannot listen at {path}: {error.strerror}") from None
    return _listening(listener)


def on_loopback() -> socket.socket:
    """Listen on some port. Whoever connects may be anybody on this machine: see `is_ours`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((LOOPBACK, 0))
    return _listening(listener)


def is_ours(peer: tuple[str, int], listener: tuple[str, int]) -> bool:
    """Whether a connection from `peer` to `listener` was made by our own user; see proc(5)."""
    wanted = [_hexadecimal(peer), _hexadecimal(listener)]
    for line in _CONNECTIONS.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == wanted:
            return int(fields[7]) == os.geteuid()
    return False


def _hexadecimal(address: tuple[str, int]) -> str:
    """An address as it stands in the kernel's table, its bytes in the machine's order."""
    host = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return f"{host:08X}:{address[1]:04X}"


def _listening(listener: socket.socket) -> socket.socket:
    listener.setblocking(False)
    listener.listen(_BACKLOG)
    return listener

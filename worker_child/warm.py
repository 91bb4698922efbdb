"""A warm process: it has imported a library once, and workers are forked from it.

A worker's imports take most of the processor time of a short run. Where no start-up is measured the
parent starts one such process per adapter, by a worker's own argv and with `WARM_VARIABLE` in its
environment, and orders workers from it over a socket. What is forked is not told from a worker that
was started: it is a child of the parent, not of the warm process; it leads a session of its own; it
has the four descriptors that came with the order and no others; its environment is the ordered one,
and the run's mark stands where the kernel shows it. Its hash seed alone is that of its siblings.

The warm process has one thread, or it refuses: what is forked from several may hang on a lock. It
ends with its parent, or with the socket.
"""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

WARM_VARIABLE: Final = "CRASHBENCH_WARM"
"""Makes a worker's command a warm process: ``DESCRIPTOR:LIBRARY``, the first of its socket."""
MARK_PLACE: Final = "-" * 500
"""Stands in a warm process's environment where its workers have the run's mark. It keeps the room:
proc_pid_environ(5) shows what a process was started with, whatever it has set since."""
EVENT_FD: Final = 3
"""The event pipe of a forked worker."""
MOST_BYTES: Final = 1 << 18
"""Of a message; the sockets keep their borders (SOCK_SEQPACKET)."""
_DESCRIPTORS = 4
_ENV_START, _ENV_END = 47, 48
"""Fields 50 and 51 of proc_pid_stat(5), counted from the one behind the program's name."""


class Ready(msgspec.Struct, frozen=True):
    """The warm process's first message."""

    refusal: str | None = None
    """Why nothing can be forked from it; it has ended then. None = it waits for orders."""


class ForkOrder(msgspec.Struct, frozen=True):
    """One worker; with it come its stdin, stdout, stderr and event pipe."""

    environment: dict[str, str]
    mark: str
    """What its environment has where that of the warm process has `MARK_PLACE`."""


class Forked(msgspec.Struct, frozen=True):
    """The worker is the parent's child by now, and leads its session; None = it could not be
    made."""

    pid: int | None


def fork_when_ordered(load: Callable[[str], object]) -> None:
    """Be a warm process: `load` the library, then serve orders. Returns in a forked worker alone.

    Raises what `load` raises.
    """
    descriptor, _, library = os.environ[WARM_VARIABLE].partition(":")
    control = socket.socket(fileno=int(descriptor))
    load(library)
    # What is there now is nobody's garbage: no collection of a worker is to copy its pages.
    gc.collect()
    gc.freeze()
    place = _MarkPlace()
    refusal = _refusal(control.fileno())
    control.send(msgspec.msgpack.encode(Ready(refusal)))
    if refusal is not None:
        os._exit(0)  # its library's threads, if there are any, need not be waited for
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, MOST_BYTES, _DESCRIPTORS)
        if not order:
            sys.exit(0)
        if _fork(control, msgspec.msgpack.decode(order, type=ForkOrder), descriptors, place):
            return


def _refusal(control: int) -> str | None:
    """Why a copy of this process would not be a sound worker."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"its library has {threads - 1} threads of its own once it is imported"
    if strange := [number for number in _open_descriptors() if number > 2 and number != control]:
        return f"its library holds {len(strange)} open files once it is imported"
    return None


def _open_descriptors() -> list[int]:
    listed = list(Path("/proc/self/fd").iterdir())  # that it is being read is one of them
    return [int(path.name) for path in listed if path.exists()]


def _fork(
    control: socket.socket, order: ForkOrder, descriptors: Sequence[int], place: _MarkPlace
) -> bool:
    """Make one worker, and tell the parent of it; whether this is the worker.

    A process in between ends at once, so that the worker falls to the nearest subreaper, the parent
    (prctl(2), PR_SET_CHILD_SUBREAPER). Until that has happened the worker waits: its own tether
    would be tied to the wrong process.
    """
    told, tell = os.pipe()
    held, let_go = os.pipe()
    between = os.fork()
    if between == 0:
        _leave_a_child()
        os.close(told)
        os.close(let_go)
        _become_worker(control, order, descriptors, place, tell=tell, held=held)
        return True
    for descriptor in (tell, held, *descriptors):
        os.close(descriptor)
    os.waitpid(between, 0)
    pid = os.read(told, 32)
    os.close(told)
    control.send(msgspec.msgpack.encode(Forked(int(pid) if pid else None)))
    os.close(let_go)
    return False


def _leave_a_child() -> None:
    """Fork once more and end; only the child returns."""
    try:
        pid = os.fork()
    except OSError:
        os._exit(1)  # nobody tells of a worker then, and the parent hears that there is none
    if pid:
        os._exit(0)


def _become_worker(
    control: socket.socket,
    order: ForkOrder,
    descriptors: Sequence[int],
    place: _MarkPlace,
    *,
    tell: int,
    held: int,
) -> None:
    os.setsid()
    place.write(order.mark)
    os.environ.clear()
    os.environ.update(order.environment)
    os.write(tell, str(os.getpid()).encode())
    os.read(held, 1)
    # Received in order, all above those that they replace.
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    control.detach()
    for number in _open_descriptors():
        if number > EVENT_FD:
            os.close(number)


class _MarkPlace:
    """Where in this process's memory the kernel finds the value `MARK_PLACE` of its environment.

    Raises `RuntimeError` when it is not there.
    """

    def __init__(self) -> None:
        fields = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
        start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
        found = ctypes.string_at(start, end - start).find(b"=" + MARK_PLACE.encode()) + 1
        if not found:
            raise RuntimeError("the environment of a warm process has no place for a mark")
        self._address = start + found

    def write(self, mark: str) -> None:
        """Put `mark` there. Raises ValueError when it is too long."""
        value = mark.encode()
        if len(value) > len(MARK_PLACE):
            raise ValueError(
                f"a mark of {len(value)} bytes, and there is room for {len(MARK_PLACE)}"
            )
        ctypes.memmove(self._address, value.ljust(len(MARK_PLACE), b"\0"), len(MARK_PLACE))

"""Ties a child's life to its parent's: whatever happens, no worker outlives its run.

Two ropes, since each can fail alone: the kernel kills the child when the parent's spawning thread
ends (PR_SET_PDEATHSIG, prctl(2)), and a thread leaves the process when stdin reaches its end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator

import msgspec

from worker_child.protocol import Command, Init

PARENT_PID_VARIABLE = "CRASHBENCH_PARENT_PID"
EXIT_PARENT_GONE = 71
EXIT_BAD_INPUT = 72

_PR_SET_PDEATHSIG = 1
_STDIN = 0


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL at the parent's death; leave at once if it is dead already.

    Raises OSError where the kernel refuses. Linux only.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    expected = os.environ.get(PARENT_PID_VARIABLE)
    if expected is not None and os.getppid() != int(expected):
        os._exit(EXIT_PARENT_GONE)


class CommandStream:
    """The child's stdin: first `Init`, then commands, and at its end the parent is gone."""

    def __init__(self, descriptor: int = _STDIN) -> None:
        self._descriptor = descriptor
        self._pending = b""

    def init(self) -> Init:
        """Read the first line. Raises msgspec.DecodeError or UnicodeDecodeError: it is none."""
        line = self._line()
        if line is None:
            os._exit(EXIT_PARENT_GONE)
        return msgspec.json.decode(line, type=Init)

    def lines(self) -> Iterator[bytes]:
        """What comes after it, line by line, for whoever does nothing but answer; at its end the
        process leaves."""
        while (line := self._line()) is not None:
            yield line
        os._exit(EXIT_PARENT_GONE)

    def watch(self, on_stop: Callable[[], object]) -> None:
        """Start the thread that reads commands; `on_stop` is called from that thread, and a command
        to die is obeyed there, whatever the others are at."""
        threading.Thread(target=self._watch, args=(on_stop,), name="commands", daemon=True).start()

    def _watch(self, on_stop: Callable[[], object]) -> None:
        decoder = msgspec.json.Decoder(Command)
        while (line := self._line()) is not None:
            if decoder.decode(line).command == "die":
                os.killpg(os.getpgrp(), signal.SIGKILL)
            on_stop()
        os._exit(EXIT_PARENT_GONE)

    def _line(self) -> bytes | None:
        while b"\n" not in self._pending:
            chunk = os.read(self._descriptor, 65536)
            if not chunk:
                return None
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line

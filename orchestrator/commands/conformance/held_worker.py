"""A worker under a parent that will be killed: both are held from here, with the worker's pipes."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from orchestrator.commands.conformance.doomed_parent import DoomedOrders
from orchestrator.processes import linux
from orchestrator.workers.child import RUN_VARIABLE, ChildHandle
from orchestrator.workers.event_reader import EventReader
from worker_child.paths import OUR_PYTHON
from worker_child.protocol import ChildReady, Init

_POLL_S = 0.02
_READ_BYTES = 1 << 16
_START_LIMIT_S = 20.0
"""For an interpreter and the imports of a parent."""


class WorkerEvents:
    """What a worker has said so far on its event pipe."""

    def __init__(self, init: Init, descriptor: int) -> None:
        self.ready: ChildReady | None = None
        self.started: set[str] = set()
        self.ended = False
        """The pipe is at its end: nobody holds it any more."""
        self._reader = EventReader(init.run_id, init.slot, init.incarnation)
        self._descriptor = descriptor

    def wait_for(self, reached: Callable[[], bool], limit_s: float) -> bool:
        """Read until `reached` or the pipe's end, at most so long; whether it was reached."""
        give_up_s = time.monotonic() + limit_s
        while not reached() and not self.ended:
            left_s = give_up_s - time.monotonic()
            if left_s <= 0:
                break
            if select.select([self._descriptor], [], [], left_s)[0]:
                self._take_in(os.read(self._descriptor, _READ_BYTES))
        return reached()

    def _take_in(self, chunk: bytes) -> None:
        self.ended = not chunk
        for event in self._reader.feed(chunk).events:
            if event.kind == "child_ready":
                self.ready = event.fields
            elif event.kind == "job_started":
                self.started.add(event.fields.job_id)


class HeldWorker:
    """A context manager: a worker, its doomed parent between us and it, its pipes in our hands."""

    def __init__(self, init: Init, argv: Sequence[str], logs: Path, mark: str) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._parent = subprocess.Popen(
                [*OUR_PYTHON, "-m", doomed_parent_module()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                # It bears the mark of its worker: should we die, the janitor ends both.
                env={**os.environ, RUN_VARIABLE: mark},
            )
            theirs_fd = theirs.fileno()
            theirs.close()  # else nobody would learn that the parent has ended
            assert self._parent.stdin is not None
            orders = DoomedOrders(init, list(argv), str(logs), mark, theirs_fd)
            self._parent.stdin.write(msgspec.json.encode(orders) + b"\n")
            self._parent.stdin.flush()
            ours.settimeout(_START_LIMIT_S)
            pid_text, descriptors, _, _ = socket.recv_fds(ours, 64, 2)
        if len(descriptors) != 2:
            self._parent.kill()
            raise OSError(self._said())
        self.pid = int(pid_text)
        self._stdin, self._pipe = descriptors
        self.events = WorkerEvents(init, self._pipe)

    def kill_parent(self, limit_s: float) -> float | None:
        """SIGKILL the parent; how long the worker outlived it, seconds, or None at the limit."""
        self._parent.kill()
        self._parent.wait()
        return seconds_until(lambda: not _alive(self.pid), limit_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._parent.kill()
        self._parent.wait()
        for pipe in (self._parent.stdin, self._parent.stderr):
            assert pipe is not None
            pipe.close()
        for descriptor in (self._stdin, self._pipe):
            os.close(descriptor)

    def _said(self) -> str:
        _, error = self._parent.communicate()
        return str(error.decode(errors="replace").strip())


def doomed_parent_module() -> str:
    """What ``python -m`` runs."""
    return DoomedOrders.__module__


def wait_for_exit(child: ChildHandle, limit_s: float) -> int | None:
    """With what a worker of our own left, minus the signal if by one; None at the limit."""
    if seconds_until(lambda: child.reap() is not None, limit_s) is None:
        return None
    assert child.exit is not None
    code = child.exit.exit_code
    return code if code is not None else -(child.exit.signal or 0)


def seconds_until(reached: Callable[[], bool], limit_s: float) -> float | None:
    """How long it took until `reached`; None at the limit."""
    begun_s = time.monotonic()
    while not reached():
        if time.monotonic() - begun_s > limit_s:
            return None
        time.sleep(_POLL_S)
    return time.monotonic() - begun_s


def end_marked(mark: str, limit_s: float) -> None:
    """SIGKILL whoever bears `mark` in its environment, and wait for their end."""

    def none_left() -> bool:
        marked = linux.living_marked(mark)
        for process in marked:
            _kill(process.pid)
        return not marked

    seconds_until(none_left, limit_s)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has just ended by itself


def _alive(pid: int) -> bool:
    process = linux.read(pid)
    return process is not None and process.alive

"""Warm processes, from which a lane's workers are forked; see `worker_child.warm`.

They outlive a run and so are no run's janitor's. The kernel ends them with the parent, and so does
the end of their socket. Plain runs start every worker anew: how long that takes is a part of what
they measure.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self, TypeVar

import msgspec

from orchestrator.errors import ChildFailedError
from orchestrator.workers.child import RUN_VARIABLE
from worker_child.adapters.program import is_python_worker
from worker_child.lifeline import PARENT_PID_VARIABLE
from worker_child.warm import MARK_PLACE, MOST_BYTES, WARM_VARIABLE, Forked, ForkOrder, Ready

_IMPORT_LIMIT_S = 60.0
_FORK_LIMIT_S = 20.0
_END_LIMIT_S = 5.0

MessageT = TypeVar("MessageT", Ready, Forked)


@dataclass
class ForkedWorker:
    """A forked worker, as `subprocess.Popen` shows one that was started."""

    pid: int
    stdin: IO[bytes] | None
    returncode: int | None = field(default=None)


class WarmProcess:
    """One of them, which has imported one library. To be made in the parent's main thread.

    Its workers become children of the parent, which is a subreaper by then.
    """

    def __init__(self, argv: Sequence[str], library: str) -> None:
        """`argv` is that of a Python worker. Raises OSError when it cannot be run."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        with theirs:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={
                    **os.environ,
                    PARENT_PID_VARIABLE: str(os.getpid()),
                    RUN_VARIABLE: MARK_PLACE,
                    WARM_VARIABLE: f"{theirs.fileno()}:{library}",
                },
            )
        ready = self._hear(Ready, _IMPORT_LIMIT_S)
        self.refusal = "its library could not be imported" if ready is None else ready.refusal
        """Why no worker can be forked from it; None = one can."""
        if self.refusal is not None:
            self.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def fork(self, environment: Mapping[str, str], mark: str, descriptors: Sequence[int]) -> int:
        """Make a worker and return its process id; it is a child of ours, and leads its session.

        `descriptors` are its stdin, stdout, stderr and event pipe. Raises `ChildFailedError`.
        """
        order = msgspec.msgpack.encode(ForkOrder(dict(environment), mark))
        try:
            socket.send_fds(self._socket, [order], list(descriptors))
        except OSError as error:
            raise self._gone() from error
        forked = self._hear(Forked, _FORK_LIMIT_S)
        if forked is None or forked.pid is None:
            raise self._gone()
        return forked.pid

    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """Have it end. Closing twice is harmless."""
        self._socket.close()
        try:
            self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _hear(self, kind: type[MessageT], limit_s: float) -> MessageT | None:
        """Its next message; None = it has ended without one, or is silent."""
        self._socket.settimeout(limit_s)
        try:
            message = self._socket.recv(MOST_BYTES)
        except (TimeoutError, ConnectionError):
            return None
        return msgspec.msgpack.decode(message, type=kind) if message else None

    def _gone(self) -> ChildFailedError:
        return ChildFailedError(
            f"the warm process {self.pid}, from which workers are forked, made none (exit code "
            f"{self._process.poll()}). Was it killed by hand, or for want of memory?"
        )


class WarmProcesses:
    """Those of one lane, by the worker's command; a context manager."""

    def __init__(self) -> None:
        self._by_command: dict[tuple[str, ...], WarmProcess] = {}

    def of(self, argv: Sequence[str], library: str) -> WarmProcess | str:
        """The one for this command, alive; else a sentence on why there is none."""
        if not is_python_worker(argv):
            return "it is no Python worker of ours"
        command = (*argv, library)
        known = self._by_command.get(command)
        if known is None or (known.refusal is None and not known.alive()):
            if known is not None:
                known.close()
            try:
                known = self._by_command[command] = WarmProcess(argv, library)
            except OSError as error:
                return f"its command cannot be run: {error.strerror}"
        return known if known.refusal is None else known.refusal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._by_command.values():
            process.close()

"""Starts worker children, the first and the respawned by the same path.

They are started anew, or forked from a warm process of a lane (`orchestrator.workers.warm`).
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from orchestrator.errors import ResultsError
from orchestrator.workers.child import RUN_VARIABLE, ChildHandle, Started, Strays
from orchestrator.workers.warm import ForkedWorker, WarmProcess
from worker_child.lifeline import PARENT_PID_VARIABLE
from worker_child.protocol import Init
from worker_child.warm import EVENT_FD

_PIPE_BYTES = 1 << 20


class Spawner:
    """Starts children: anew, or forked from `warm` where there is one.

    `logs` takes their stdout and stderr; `mark` names the run in their environment. To be made
    before the first of them, once the parent itself starts everything with the mark.
    """

    def __init__(self, logs: Path, mark: str, warm: WarmProcess | None = None) -> None:
        self._logs = logs
        self._mark = mark
        self._warm = warm
        self._strays = Strays(mark)

    def spawn(self, init: Init, argv: Sequence[str]) -> ChildHandle:
        """Start one child and hand it its orders.

        Raises OSError when argv cannot be run, `ResultsError` when its logs cannot be made,
        `ChildFailedError` when the warm process is gone.
        """
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(reading, False)
        mark = self._mark_of(init)
        name = f"slot{init.slot}-incarnation{init.incarnation}"
        stderr_path = self._logs / f"{name}.stderr"
        environment = self._environment(init)
        try:
            out, err = _logs(self._logs / f"{name}.stdout", stderr_path)
            with out, err:
                process = self._start(argv, environment, mark, (out, err), writing)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        event_fd = writing if self._warm is None else EVENT_FD
        orders = msgspec.structs.replace(init, event_fd=event_fd)
        handle = ChildHandle(orders, process, reading, stderr_path, mark=mark, strays=self._strays)
        handle.send(msgspec.json.encode(orders) + b"\n")
        return handle

    def _mark_of(self, init: Init) -> str:
        return f"{self._mark}:{init.slot}:{init.incarnation}"

    def _environment(self, init: Init) -> dict[str, str]:
        return {
            **os.environ,
            PARENT_PID_VARIABLE: str(os.getpid()),
            RUN_VARIABLE: self._mark_of(init),
        }

    def _start(
        self,
        argv: Sequence[str],
        environment: dict[str, str],
        mark: str,
        logs: tuple[BinaryIO, BinaryIO],
        events: int,
    ) -> Started:
        out, err = logs
        if self._warm is None:
            return subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                pass_fds=[events],
                start_new_session=True,
                env=environment,
            )
        stdin, orders = os.pipe()
        try:
            descriptors = (stdin, out.fileno(), err.fileno(), events)
            pid = self._warm.fork(environment, mark, descriptors)
        except BaseException:
            os.close(orders)
            raise
        finally:
            os.close(stdin)
        return ForkedWorker(pid, os.fdopen(orders, "wb"))


def _logs(*paths: Path) -> list[BinaryIO]:
    opened: list[BinaryIO] = []
    try:
        opened += [path.open("wb") for path in paths]
    except OSError as error:
        raise ResultsError(
            f"the worker's log {error.filename} cannot be written: {error.strerror}. Free some "
            "space, or choose another folder with --results"
        ) from error
    return opened

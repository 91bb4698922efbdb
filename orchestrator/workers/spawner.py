"""Starts worker children, the first and the respawned by the same path."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from orchestrator.errors import ResultsError
from orchestrator.workers.child import RUN_VARIABLE, ChildHandle, Strays
from worker_child.lifeline import PARENT_PID_VARIABLE
from worker_child.protocol import Init

_PIPE_BYTES = 1 << 20


class Spawner:
    """Starts children, the first and the respawned by the same path.

    `logs` takes their stdout and stderr; `mark` names the run in their environment. To be made
    before the first of them, once the parent itself starts everything with the mark.
    """

    def __init__(self, logs: Path, mark: str) -> None:
        self._logs = logs
        self._mark = mark
        self._strays = Strays(mark)

    def spawn(self, init: Init, argv: Sequence[str]) -> ChildHandle:
        """Start one child and hand it its orders.

        Raises OSError when argv cannot be run, `ResultsError` when its logs cannot be made.
        """
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(reading, False)
        mark = f"{self._mark}:{init.slot}:{init.incarnation}"
        name = f"slot{init.slot}-incarnation{init.incarnation}"
        stderr_path = self._logs / f"{name}.stderr"
        environment = {
            **os.environ,
            PARENT_PID_VARIABLE: str(os.getpid()),
            RUN_VARIABLE: mark,
        }
        try:
            out, err = _logs(self._logs / f"{name}.stdout", stderr_path)
            with out, err:
                process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    pass_fds=[writing],
                    start_new_session=True,
                    env=environment,
                )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        orders = msgspec.structs.replace(init, event_fd=writing)
        handle = ChildHandle(orders, process, reading, stderr_path, mark=mark, strays=self._strays)
        handle.send(msgspec.json.encode(orders) + b"\n")
        return handle


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

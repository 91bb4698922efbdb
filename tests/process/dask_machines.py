"""A real Dask scheduler and worker processes on this machine, each a process that can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

QUIET = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING": "False",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "False",
}
"""What docs/many_machines.md says is to be set on every machine."""
_END_LIMIT_S = 60
_REGISTERED = "Registered to:"
"""What a worker logs once the scheduler knows it."""
_CELL = ("--resources", "cell=1")


class DaskMachines:
    """A scheduler, and workers as they are added; all are gone when the context ends."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = QUIET) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._port = _free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start_scheduler()

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """At the address; also anew once it was killed."""
        words = ("scheduler", "--host", "127.0.0.1", "--port", str(self._port), "--no-dashboard")
        self.scheduler = self._start(words, {})
        return self.scheduler

    def add_worker(
        self, *, cell: bool = True, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """One without a nanny: when it is killed, it stays away."""
        words = ("worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard")
        local = ("--local-directory", str(self._folder / f"worker{len(self._processes)}"))
        return self._start((*words, *local, *(_CELL if cell else ())), environment or {})

    def registered(self) -> int:
        """How many workers have ever told a scheduler here of themselves."""
        logs = (log.read_text(errors="replace") for log in self._folder.glob("dask*.log"))
        return sum(_REGISTERED in log for log in logs)

    def _start(self, words: tuple[str, ...], more: Mapping[str, str]) -> subprocess.Popen[bytes]:
        log = self._folder / f"dask{len(self._processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "dask", *words],
                env={**self._environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait(_END_LIMIT_S)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port

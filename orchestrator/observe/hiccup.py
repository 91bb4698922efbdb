"""The hiccup meter: was the machine itself held up while we measured?

A process of its own naps for 5 ms at a time and reports once a second how late it was woken
(`orchestrator.observe.hiccup_sleeper`). Timings of a window in which it tripped are the machine's,
not the queue's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

import msgspec

from orchestrator.errors import HiccupMeterError
from orchestrator.history.records import ResourceSample
from orchestrator.observe import hiccup_sleeper
from orchestrator.processes.death_signal import tethered

STOP_LIMIT_S = 5.0
_READ_BYTES = 65536


class HiccupReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """About one second of ticks, ended at `t_ns` (CLOCK_MONOTONIC).

    `ticks` = milliseconds covered; `ticks_over_50_ms` = those that ended more than 50 ms late;
    `max_us` = the greatest lateness, microseconds.
    """

    t_ns: int
    ticks: int
    ticks_over_50_ms: int
    max_us: int

    def sample(self) -> ResourceSample:
        """As a line of the history."""
        return ResourceSample(
            t_ns=self.t_ns,
            subject="hiccup",
            ticks=self.ticks,
            ticks_over_50_ms=self.ticks_over_50_ms,
            max_us=self.max_us,
        )


_decoder = msgspec.json.Decoder(HiccupReport)


class HiccupMeter:
    """A running meter, tethered to the thread that starts it: start it in the main thread."""

    def __init__(self) -> None:
        assert threading.current_thread() is threading.main_thread(), "the tether is the thread's"
        self._process: subprocess.Popen[bytes] | None = None
        self._torn = b""

    def start(self) -> None:
        """Start the process; its first report comes after a second."""
        assert self._process is None, "started twice"
        sleeper = [sys.executable, "-I", "-S", hiccup_sleeper.__file__]
        self._process = subprocess.Popen(
            tethered(sleeper, signal.SIGKILL, None),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        os.set_blocking(self.fileno(), False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    def fileno(self) -> int:
        """A descriptor that becomes readable when a report has come; for epoll."""
        stdout = self._running().stdout
        assert stdout is not None
        return stdout.fileno()

    def read(self) -> list[HiccupReport]:
        """The reports that have come since the last call, without waiting.

        Raises `HiccupMeterError` when the meter has died.
        """
        try:
            chunk = os.read(self.fileno(), _READ_BYTES)
        except BlockingIOError:
            return []
        if not chunk:
            raise HiccupMeterError(
                f"the hiccup meter (process {self.pid}) has died, exit code "
                f"{self._running().poll()}: whether the machine held us up cannot be known. "
                "Was it killed by hand, or for want of memory?"
            )
        *lines, self._torn = (self._torn + chunk).split(b"\n")
        return [_decoder.decode(line) for line in lines]

    def stop(self) -> None:
        """End the process and wait for it. Stopping twice is harmless."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.kill()
        process.wait(STOP_LIMIT_S)
        if process.stdout is not None:
            process.stdout.close()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started, or stopped"
        return self._process

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

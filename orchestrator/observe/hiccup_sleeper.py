"""The hiccup meter's process: sleep to every millisecond, tell how late one was woken.

Run as a file by a bare interpreter. One JSON line a second goes to stdout. A wake-up that is d ms
late has swallowed the ticks that lay in between: each counts, with the lateness d, d - 1, ... that
a sleeper of its own would have seen, so that shares of ticks are shares of time (no coordinated
omission).
"""

from __future__ import annotations

import ctypes
import errno
import gc
import json
import os
import sys
import time

TICK_NS = 1_000_000
HICCUP_NS = 50_000_000
REPORT_NS = 1_000_000_000

_PR_SET_TIMERSLACK = 29
_CLOCK_MONOTONIC = 1
_TIMER_ABSTIME = 1


class Tally:
    """The ticks since the last report, and how late they were."""

    def __init__(self) -> None:
        self.ticks = 0
        self.ticks_over_50_ms = 0
        self.max_late_ns = 0

    def woke(self, late_ns: int) -> int:
        """Count one wake-up `late_ns` after its deadline; returns how many ticks it stands for."""
        swallowed = late_ns // TICK_NS + 1
        self.ticks += swallowed
        self.max_late_ns = max(self.max_late_ns, late_ns)
        if late_ns > HICCUP_NS:
            # Lateness late_ns - j ms is above the limit for j = 0 .. this number - 1.
            self.ticks_over_50_ms += -(-(late_ns - HICCUP_NS) // TICK_NS)
        return swallowed

    def line(self, t_ns: int) -> bytes:
        """The report of these ticks, made at `t_ns`."""
        report = {
            "t_ns": t_ns,
            "ticks": self.ticks,
            "ticks_over_50_ms": self.ticks_over_50_ms,
            "max_us": self.max_late_ns // 1000,
        }
        return json.dumps(report).encode() + b"\n"


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


def _sleep_and_report(libc: ctypes.CDLL) -> None:
    deadline = _Timespec()
    reference = ctypes.byref(deadline)
    sleep, clock = libc.clock_nanosleep, time.monotonic_ns
    tally = Tally()
    tick_ns = clock() + TICK_NS
    report_ns = tick_ns + REPORT_NS
    while True:
        deadline.tv_sec, deadline.tv_nsec = divmod(tick_ns, 1_000_000_000)
        while sleep(_CLOCK_MONOTONIC, _TIMER_ABSTIME, reference, None) == errno.EINTR:
            pass  # a stop and continue; the deadline is absolute, so sleep on to it
        now_ns = clock()
        tick_ns += TICK_NS * tally.woke(now_ns - tick_ns)
        if now_ns >= report_ns:
            os.write(sys.stdout.fileno(), tally.line(now_ns))
            tally = Tally()
            report_ns = now_ns + REPORT_NS


def main() -> None:
    """Sleep until killed, or until nobody reads any more."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_TIMERSLACK)")
    gc.disable()  # nothing here makes cycles, and a collection would look like a hiccup
    try:
        _sleep_and_report(libc)
    except BrokenPipeError:
        sys.exit(0)  # the parent is gone


if __name__ == "__main__":
    main()

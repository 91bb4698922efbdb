"""The hiccup meter's process: nap for 5 ms, tell how late one was woken; again and again.

Run as a file by a bare interpreter. One JSON line a second goes to stdout. Time is counted in
ticks of a millisecond, so that shares of ticks are shares of time. A wake-up that is d ms late
stands for the ticks of its nap, each d late, and for those that it has swallowed since, each with
the lateness d - 1, d - 2, ... that a sleeper of its own would have seen (no coordinated omission).
A stall that begins during a nap is seen shorter by what was left of it, 5 ms at most: a tenth of
the least that counts.
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
NAP_TICKS = 5
"""A sleeper of one tick sees no more of a hiccup of 50 ms, and takes five times the CPU."""
NAP_NS = NAP_TICKS * TICK_NS
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
        """Count one wake-up `late_ns` after its deadline; returns how many ticks it swallowed."""
        swallowed = late_ns // TICK_NS
        self.ticks += NAP_TICKS + swallowed
        self.max_late_ns = max(self.max_late_ns, late_ns)
        if late_ns > HICCUP_NS:
            # Of the nap's ticks all, and of the swallowed ones those with late_ns - j ms above it.
            self.ticks_over_50_ms += NAP_TICKS - 1 + -(-(late_ns - HICCUP_NS) // TICK_NS)
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
    due_ns = clock() + NAP_NS
    report_ns = due_ns + REPORT_NS
    while True:
        deadline.tv_sec, deadline.tv_nsec = divmod(due_ns, 1_000_000_000)
        while sleep(_CLOCK_MONOTONIC, _TIMER_ABSTIME, reference, None) == errno.EINTR:
            pass  # a stop and continue; the deadline is absolute, so sleep on to it
        now_ns = clock()
        due_ns += NAP_NS + TICK_NS * tally.woke(now_ns - due_ns)
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

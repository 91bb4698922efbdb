"""The hiccup meter as a process: it reports, sees a stall, dies with its parent."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from orchestrator.errors import HiccupMeterError
from orchestrator.observe.hiccup import HiccupMeter, HiccupReport

REPORT_LIMIT_S = 10.0


def _next_reports(meter: HiccupMeter) -> list[HiccupReport]:
    assert select.select([meter], [], [], REPORT_LIMIT_S)[0], "no report within its limit"
    return meter.read()


def test_a_second_is_about_a_thousand_ticks() -> None:
    with HiccupMeter() as meter:
        assert meter.read() == []
        (report,) = _next_reports(meter)
    assert report.ticks >= 1000
    assert (report.max_us >= 50_000) if report.ticks_over_50_ms else (report.max_us <= 50_000)


def test_a_stopped_meter_counts_the_ticks_that_the_stop_swallowed() -> None:
    with HiccupMeter() as meter:
        (before,) = _next_reports(meter)
        os.kill(meter.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, meter.pid, os.WSTOPPED)
        # Its next report is due within a second and cannot come: this is the stall itself.
        assert not select.select([meter], [], [], 1.2)[0]
        os.kill(meter.pid, signal.SIGCONT)
        (after,) = _next_reports(meter)

    assert after.max_us > 1_100_000
    assert after.ticks_over_50_ms > 1000
    assert after.ticks == pytest.approx((after.t_ns - before.t_ns) / 1e6, abs=2)


def test_a_meter_that_dies_is_noticed() -> None:
    with HiccupMeter() as meter:
        os.kill(meter.pid, signal.SIGKILL)
        with pytest.raises(HiccupMeterError, match="has died"):
            _next_reports(meter)


def test_the_meter_dies_with_its_parent() -> None:
    code = (
        "import select, signal\n"
        "from orchestrator.observe.hiccup import HiccupMeter\n"
        "meter = HiccupMeter(); meter.start()\n"
        "select.select([meter], [], [], 10)\n"  # its first report: the tether is on
        "print(meter.pid, flush=True); signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        meter = os.pidfd_open(pid)
        os.kill(pid, signal.SIGSTOP)  # so that it cannot end by itself, on its broken pipe
        parent.kill()
    try:
        outlived = not select.select([meter], [], [], 5)[0]
        if outlived:
            signal.pidfd_send_signal(meter, signal.SIGKILL)
        assert not outlived, "the meter outlives its parent"
    finally:
        os.close(meter)

"""Whether the machine itself stalled while a benchmark looked at the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from analysis.evidence.hiccups import HiccupMeter as Judge
from orchestrator.history.records import ResourceSample
from orchestrator.observe.hiccup import HiccupMeter, HiccupReport

REPORT_S = 1.0


class Watch(NamedTuple):
    """A running hiccup meter and when it was started."""

    meter: HiccupMeter
    begun_ns: int

    def tripped(self) -> bool:
        """Whether it tripped since, by the rule that a run is judged by."""
        samples = [_sample(report) for report in self.meter.read()]
        verdict = Judge(samples).tripped(self.begun_ns, time.monotonic_ns())
        assert verdict is not None, f"asked within {REPORT_S:g} s: no report has come yet"
        return verdict


@contextmanager
def watching() -> Iterator[Watch]:
    """A meter for at least one second and for at most some ten minutes (its pipe is read once)."""
    with HiccupMeter() as meter:
        yield Watch(meter, time.monotonic_ns())


def _sample(report: HiccupReport) -> ResourceSample:
    return ResourceSample(
        t_ns=report.t_ns,
        subject="hiccup",
        ticks=report.ticks,
        ticks_over_50_ms=report.ticks_over_50_ms,
        max_us=report.max_us,
    )

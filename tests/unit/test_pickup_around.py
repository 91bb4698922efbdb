"""How soon jobs were picked up before each fault and after it, against a count by hand."""

from __future__ import annotations

import numpy as np

from analysis.evidence.fault_spans import FaultSpan
from analysis.metrics.latency import NEVER, Instants, Percentiles
from analysis.metrics.pickup_around import Around, pickup_around

MS = 1_000_000


def span(fault: int, began: int, healed: int | None) -> FaultSpan:
    """From one instant to another, milliseconds."""
    return FaultSpan(
        fault=fault,
        what="blackhole",
        began_ns=began * MS,
        healed_ns=None if healed is None else healed * MS,
        workers=frozenset(),
        slots=frozenset(),
        ends_process=False,
    )


def around(spans: list[FaultSpan], jobs: list[tuple[int, int | None]]) -> dict[int, Around]:
    """`jobs`: when each was intended, and how long it waited; milliseconds, None = for ever."""
    intended = np.array([at * MS for at, _ in jobs], np.int64)
    started = np.array([NEVER if wait is None else (at + wait) * MS for at, wait in jobs], np.int64)
    counted = np.array([at >= 10 for at, _ in jobs])
    times = Instants(intended, intended, started, started, counted)
    return pickup_around(spans, times)


def jobs_of(found: Percentiles) -> tuple[int, int | None]:
    """How many, and their median in whole milliseconds."""
    return found.n, None if found.p50 is None else round(found.p50)


JOBS: list[tuple[int, int | None]] = [(5, 500), (20, 4), (25, 4), (35, 90), (45, 8), (60, 16)]


def test_each_fault_has_the_jobs_since_the_one_before_and_until_the_one_after() -> None:
    found = around([span(0, 30, 40), span(1, 50, 55)], JOBS)
    assert (jobs_of(found[0].before), jobs_of(found[0].after)) == ((2, 4), (1, 8))
    assert found[1].before == found[0].after
    assert jobs_of(found[1].after) == (1, 16)


def test_faults_that_overlap_have_the_same_before_and_after() -> None:
    found = around([span(0, 30, 50), span(1, 40, 45)], JOBS)
    assert found[0] == found[1]
    assert (jobs_of(found[0].before), jobs_of(found[0].after)) == ((2, 4), (1, 16))


def test_a_fault_that_was_never_over_has_no_job_after_it() -> None:
    found = around([span(0, 30, None), span(1, 40, 45)], JOBS)
    assert (found[0].before.n, found[0].after.n, found[1].after.n) == (2, 0, 0)
    assert found[0].after.why == "no job has the first instant"


def test_a_job_that_was_never_picked_up_counts_among_those_after_it() -> None:
    found = around([span(0, 30, 40)], [(20, 4), (45, None), (46, 8)])
    assert (found[0].after.n, found[0].after.censored, found[0].after.p95) == (2, 1, None)


def test_a_run_without_a_fault_has_nothing_around_it() -> None:
    assert around([], JOBS) == {}

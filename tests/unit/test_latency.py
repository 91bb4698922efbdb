"""Latencies: integer ranks, right-censoring, and what is out of range."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from analysis.history.load import load
from analysis.metrics.buckets import DIGITS, HIGHEST_US, LOWEST_US, bucketed
from analysis.metrics.latency import NEVER, distribution
from analysis.summary.summary import analyse
from tests.histories.builder import ORIGIN_NS, Story
from tests.histories.stories import A, B, healthy, one_job

DURATIONS_US = st.lists(st.integers(1, HIGHEST_US), min_size=1, max_size=200)


def of(durations_us: list[int], censored: int = 0) -> dict[str, Any]:
    begin = np.zeros(len(durations_us) + censored, np.int64)
    end = np.array([*(d * 1000 for d in durations_us), *[NEVER] * censored], np.int64)
    found: dict[str, Any] = msgspec.to_builtins(distribution(begin, end))
    return found


def equivalent_ms(value_us: int) -> float:
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    return float(histogram.get_highest_equivalent_value(value_us)) / 1000


@given(DURATIONS_US, st.integers(0, 50))
def test_a_percentile_is_the_value_at_its_integer_rank(durations: list[int], missing: int) -> None:
    found = of(durations, missing)
    n = len(durations) + missing
    ordered = sorted(durations)
    assert (found["n"], found["censored"]) == (n, missing)
    for name, share in (("p50", 500), ("p90", 900), ("p95", 950), ("p99", 990), ("p99_9", 999)):
        rank = ceil(n * share / 1000) if n * share % 1000 else n * share // 1000
        expected = equivalent_ms(ordered[rank - 1]) if rank <= len(ordered) else None
        assert found[name] == expected, name
    assert found["max"] == (None if missing else equivalent_ms(ordered[-1]))


@given(DURATIONS_US)
def test_recording_by_buckets_equals_recording_one_by_one(durations: list[int]) -> None:
    by_one = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    by_bucket = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value in durations:
        by_one.record_value(value)
    for value, count in zip(
        *(part.tolist() for part in bucketed(np.array(durations))), strict=True
    ):
        by_bucket.record_value(value, count)

    assert list(by_bucket.counts) == list(by_one.counts)


def test_a_percentile_among_the_censored_is_null_and_says_above_what() -> None:
    found = of([1000] * 90, censored=10)

    assert found["p90"] == 1.0
    assert found["p95"] is None
    assert found["above"] == 1.0
    assert "censored" in found["why"]


def test_a_rank_that_a_float_gets_wrong_is_right() -> None:
    found = of(list(range(1, 1001)))

    assert found["p99_9"] == 0.999
    assert found["max"] == 1.0


def test_no_job_at_all_has_no_latency() -> None:
    assert of([])["p50"] is None
    assert of([])["n"] == 0


@pytest.mark.parametrize("duration_us", [-1, HIGHEST_US + 1])
def test_an_impossible_duration_voids_the_distribution(duration_us: int) -> None:
    found = of([duration_us, 5])

    assert found["out_of_range"] == 1
    assert found["p50"] is None


def test_a_job_that_starts_before_it_was_intended_makes_the_run_invalid(tmp_path: Path) -> None:
    story = healthy()
    story.first("job_enqueued")["intended_ns"] = ORIGIN_NS * 2
    summary = analyse(story.write(tmp_path))

    assert summary.verdict == "invalid"
    assert summary.latency_ms.pickup.p50 is None


def test_jobs_that_never_ran_stay_in_the_denominator(tmp_path: Path) -> None:
    pickup = analyse(one_job({A: "queued"}).write(tmp_path)).latency_ms.pickup

    assert (pickup.n, pickup.censored) == (2, 1)


def test_pickup_counts_from_the_intended_and_the_uncorrected_from_the_sent(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    enqueued = story.first("job_enqueued")
    started_ns = enqueued["intended_ns"] + 50_000_000
    enqueued["sent_ns"] = started_ns - 10_000_000
    story.wait(10)
    worker.run(A)
    story.first("job_started")["t_ns"] = started_ns
    story.exit(worker)
    story.end()
    latency = analyse(story.write(tmp_path)).latency_ms

    assert latency.pickup.p50 == equivalent_ms(50_000)
    assert latency.pickup_uncorrected.p50 == equivalent_ms(10_000)
    assert latency.total.p50 is not None and latency.total.p50 > 10_000


def test_throughput_counts_jobs_completed_inside_the_window(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    story.wait(2)
    story.enqueue(B)
    worker.run(B)
    story.exit(worker)
    story.end()
    last_ns = story.first("job_enqueued", job_id=B)["intended_ns"]
    found = analyse(story.write(tmp_path)).throughput_per_s

    assert found == round(1e9 / (last_ns - ORIGIN_NS), 3)


def test_a_recovered_job_s_sent_instant_is_unknown_even_where_a_second_row_s_is_not(
    tmp_path: Path,
) -> None:
    story = Story()
    worker = story.worker()
    worker.run("j000000/0")
    story.enqueue("j000000")
    worker.run("j000000")
    story.enqueue("j000000/0")
    worker.start("j000000/0", "row-2")
    worker.complete("j000000/0")
    story.recover("j000000/0")
    story.exit(worker)
    story.end()
    found = analyse(story.write(tmp_path)).latency_ms
    assert found.pickup.out_of_range == found.pickup_uncorrected.out_of_range == 0
    assert (found.pickup.n, found.pickup_uncorrected.n) == (2, 1)


CALM = {"ticks": 1000, "ticks_over_50_ms": 0, "max_us": 900}
STALLED = {"ticks": 1000, "ticks_over_50_ms": 20, "max_us": 60_000}


def stalled_at(stall_s: float, warmup_s: float = 1.0) -> Story:
    """Load from second 0 to 4, A done at 2, a held job sent at 8; the machine stalls once."""
    story = Story()
    story.first("run_start")["scenario"]["workload"]["warmup_s"] = warmup_s
    worker = story.worker()

    def wait_until(second: float) -> None:
        story.now_ns = ORIGIN_NS + round(second * 1e9)

    for second, job_id in ((2.0, A), (4.0, B), (8.0, "h000000"), (9.0, f"{A}/0")):
        wait_until(second)
        story.enqueue(job_id)
        worker.run(job_id)
    for second in range(1, 10):
        wait_until(second)
        story.record("resource_sample", subject="hiccup", **CALM)
    wait_until(stall_s)
    story.record("resource_sample", subject="hiccup", **STALLED)
    wait_until(20)
    story.exit(worker)
    story.end()
    return story


def test_held_jobs_and_children_do_not_stretch_the_window_of_the_throughput(tmp_path: Path) -> None:
    found = analyse(stalled_at(4.0).write(tmp_path)).throughput_per_s

    assert found == round(1 / 3, 3)


@pytest.mark.parametrize(
    ("stall_s", "throughput_limited", "latency_limited"),
    [(0.5, False, True), (3.5, True, True), (7.5, False, True), (15.0, False, False)],
    ids=["in the warm-up", "under load", "among held jobs", "when all was done"],
)
def test_a_stall_marks_the_figures_whose_window_it_falls_into(
    stall_s: float, throughput_limited: bool, latency_limited: bool, tmp_path: Path
) -> None:
    summary = analyse(stalled_at(stall_s).write(tmp_path))

    assert summary.throughput_machine_limited is throughput_limited
    assert summary.latency_ms.pickup.machine_limited is latency_limited


def test_a_producer_that_woke_late_marks_the_throughput(tmp_path: Path) -> None:
    story = stalled_at(15.0)
    story.first("run_end")["max_lateness_us"] = 50_001

    assert analyse(story.write(tmp_path)).throughput_machine_limited is True


def test_the_stream_goes_on_beyond_the_millionth_job(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue("j999999")
    story.wait(2)
    story.enqueue("j1000000")
    story.enqueue("h000000", "j1000000/0", "x1000000")
    story.exit(worker)
    story.end()
    jobs = load(story.write(tmp_path)).jobs
    stream = [name for name, marked in zip(jobs, jobs.of_stream.tolist(), strict=True) if marked]

    assert stream == ["j999999", "j1000000"]

"""The queue and the resources at 1 Hz, the recovery from a burst, throughput by the second."""

from __future__ import annotations

from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram

from analysis.metrics.buckets import DIGITS, HIGHEST_US, LOWEST_US
from analysis.metrics.queue import QueueLevel
from analysis.metrics.resources import LoadLevel, MemoryLevel
from analysis.metrics.throughput import EachSecond
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import ORIGIN_NS, Story
from tests.histories.loaded import SECOND_NS, job, sampled, unfair
from tests.histories.stories import healthy

CALM = [1, 1, 1, 1, 1, 1]
BURST = {"curve": {"shape": "burst", "factor": 10, "from_s": 6, "length_s": 3}}


def judged(story: Story, folder: Path) -> Summary:
    return analyse(story.write(folder))


def test_rows_by_state_have_a_most_and_a_mean_of_the_load(tmp_path: Path) -> None:
    queue = judged(sampled([0, 4, 2, 9]), tmp_path).queue

    assert queue.queued == QueueLevel(max=9, mean=2.0, n=3)
    assert queue.backlog == queue.queued
    assert queue.claimed.max == 1
    assert queue.table_bytes == QueueLevel(max=1003 << 10, mean=1001.0 * 1024, n=3)
    assert queue.backlog_at_end_of_load == 2


def test_the_drain_lasts_from_the_last_intended_to_the_last_completed(tmp_path: Path) -> None:
    assert judged(unfair(), tmp_path).queue.drain_s == 0.507


def test_without_samples_the_queues_figures_are_null_and_say_why(tmp_path: Path) -> None:
    story = unfair()
    story.sees_the_queue = False
    queue = judged(story, tmp_path).queue

    assert queue.samples == 0
    assert queue.queued.max is None and queue.queued.max_why
    assert queue.backlog_at_end_of_load is None
    assert queue.recovery == []


def test_a_burst_that_leaves_a_backlog_saturates_and_recovers(tmp_path: Path) -> None:
    backlog = [*CALM, 50, 90, 90, 60, 40, 20, *CALM]
    (found,) = judged(sampled(backlog, **BURST), tmp_path).queue.recovery

    assert found.what == "burst"
    assert (found.from_s, found.to_s, found.band) == (6, 9, 1)
    assert found.saturated is True
    assert found.recovered_s == 3.99


def test_a_spike_within_capacity_leaves_no_lasting_backlog(tmp_path: Path) -> None:
    backlog = [*CALM, 50, 90, 1, *CALM]
    (found,) = judged(sampled(backlog, **BURST), tmp_path).queue.recovery

    assert found.saturated is False
    assert found.recovered_s == 0.99


def test_a_backlog_that_stays_never_recovers_and_says_so(tmp_path: Path) -> None:
    (found,) = judged(sampled([*CALM, *[50] * 10], **BURST), tmp_path).queue.recovery

    assert found.recovered_s is None and found.recovered_s_why
    assert found.saturated is True


def test_a_run_that_drained_recovers_though_it_ends_within_five_samples(tmp_path: Path) -> None:
    backlog = [*CALM, *[50] * 6, 1, 0]
    (found,) = judged(sampled(backlog, **BURST), tmp_path).queue.recovery
    story = sampled(backlog, **BURST)
    story.first("run_end")["drain"] = "one job had not settled"
    (cut_short,) = judged(story, tmp_path).queue.recovery

    assert found.recovered_s == 3.99
    assert cut_short.recovered_s is None


def test_a_window_of_errors_has_a_recovery_too(tmp_path: Path) -> None:
    errors = [{"share": 0.3, "error_class": "rate_limit", "from_s": 6.0, "to_s": 8.0}]
    backlog = [*CALM, 30, 30, *CALM]
    (found,) = judged(sampled(backlog, errors=errors), tmp_path).queue.recovery

    assert (found.what, found.recovered_s) == ("errors", 0.99)


def test_memory_stands_for_each_subject(tmp_path: Path) -> None:
    rss = judged(sampled([0, 0, 0]), tmp_path).resources.rss_bytes

    level = MemoryLevel(n=3, mean=11 << 20, max=12 << 20, last=12 << 20)
    assert (rss.children, rss.parent, rss.postgres) == (level, level, level)


def test_the_places_in_use_are_those_of_the_load(tmp_path: Path) -> None:
    used = judged(sampled([0, 0, 0, 0]), tmp_path).resources.pool_utilisation

    assert used == LoadLevel(n=3, mean=round(0.25 / 3, 6), max=0.25)


def test_queries_a_second_are_differences_of_the_calls(tmp_path: Path) -> None:
    queries = judged(sampled([0, 0, 0, 0]), tmp_path).resources.queue_queries_per_s

    assert queries == LoadLevel(n=2, mean=15.0, max=20.0)


def test_two_counts_of_one_instant_say_nothing(tmp_path: Path) -> None:
    story = sampled([0] * 4)
    calls = [f for kind, f in story.records if kind == "resource_sample" and "calls" in f]
    calls[1]["t_ns"] = calls[0]["t_ns"]
    queries = judged(story, tmp_path).resources.queue_queries_per_s

    assert queries is not None and queries.n == 1


def test_a_count_that_falls_says_nothing_of_that_second(tmp_path: Path) -> None:
    story = sampled([0, 0, 0, 0, 0])
    story.first("resource_sample", subject="postgres", calls=30)["calls"] = 0
    queries = judged(story, tmp_path).resources.queue_queries_per_s

    assert queries == LoadLevel(n=2, mean=35.0, max=60.0)


@pytest.mark.parametrize(
    ("postgres", "word"),
    [
        ({"origin": "dsn", "pg_stat_statements": True}, "DSN"),
        ({"origin": "system", "pg_stat_statements": False}, "pg_stat_statements"),
        ({"origin": "wheel", "pg_stat_statements": True}, "samples"),
    ],
)
def test_queries_that_cannot_be_had_say_why(
    postgres: dict[str, object], word: str, tmp_path: Path
) -> None:
    story = sampled([0, 0, 0])
    for _, fields in story.records:
        fields.pop("calls", None)
    story.first("run_start")["environment"] = {"postgres": postgres}
    resources = judged(story, tmp_path).resources

    assert resources.queue_queries_per_s is None
    assert word in str(resources.queue_queries_per_s_why)


def test_a_load_that_the_queue_refused_in_the_end_is_no_shorter(tmp_path: Path) -> None:
    story = sampled([0, 0, 0])
    end = story.records.pop()
    refused_ns = ORIGIN_NS + 4 * SECOND_NS
    instants = dict.fromkeys(("intended_ns", "sent_ns"), refused_ns)
    story.record("enqueue_failed", job_id=job(3), outcome="rejected", **instants)
    story.records.append(end)
    end[1].update(t_ns=story.now_ns + 1, stream_jobs=4)

    assert judged(story, tmp_path).throughput_per_s == 0.75


def test_throughput_has_a_least_a_median_and_a_most_second(tmp_path: Path) -> None:
    each = judged(unfair(), tmp_path).throughput_each_second

    assert each == EachSecond(n=2, min=0, median=0, max=5)


def test_a_load_of_no_length_has_no_seconds_and_says_so(tmp_path: Path) -> None:
    summary = judged(healthy(), tmp_path)

    assert summary.throughput_each_second is None
    assert "less than a second" in str(summary.throughput_each_second_why)


def test_the_encoded_histogram_is_read_back_and_can_be_added(tmp_path: Path) -> None:
    pickup = judged(unfair(), tmp_path).latency_ms.pickup
    merged = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for _ in range(2):
        merged.decode_and_add(pickup.histogram)

    assert merged.get_total_count() == 2 * pickup.n
    assert merged.get_value_at_percentile(50) / 1000 == pickup.p50
    assert merged.get_max_value() / 1000 == pickup.max


def test_no_histogram_stands_where_there_is_no_job(tmp_path: Path) -> None:
    quiet = judged(healthy(), tmp_path).tenants.quiet_ms.pickup

    assert quiet.n == 0
    assert quiet.histogram is None

"""The summary against a second computation by another engine: SQL over the same lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from analysis.metrics.fairness import PooledTenants, Tenant
from analysis.metrics.latency import PER_MILLE, PickupAndTotal, by_name
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story
from tests.histories.loaded import burdened, erring, sampled, unfair
from tests.histories.recount import EVERY_JOB, Recount, recount
from tests.histories.stories import crash

STORIES: dict[str, Callable[[], Story]] = {
    "burdened": burdened,
    "a crash": crash,
    "an unfair load": unfair,
    "errors": erring,
    "samples": lambda: sampled([0, 3, 1, 0]),
}
PRECISION = 1.001
"""Three digits: a bucket is at most a thousandth of its value wide."""
NOISY, QUIET = "tenant = 't0000'", "tenant <> 't0000'"

Both = tuple[Summary, Recount]


@pytest.fixture(scope="module", params=STORIES)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    """A story judged, and counted again."""
    story = STORIES[request.param]()
    path = story.write(tmp_path_factory.mktemp("recounted"))
    with recount(path) as again:
        yield analyse(path), again


def assert_close(found_ms: float | None, exact_ns: int | None, what: str) -> None:
    """Whether a percentile is the exact one, within the histogram's precision."""
    assert (found_ms is None) == (exact_ns is None), (what, found_ms, exact_ns)
    if found_ms is not None and exact_ns is not None:
        rounded_up_us = max(1, -(-exact_ns // 1000))
        assert rounded_up_us <= round(found_ms * 1000) <= rounded_up_us * PRECISION, what


def test_the_counts_are_the_same(both: Both) -> None:
    summary, again = both
    errors = summary.errors

    assert summary.crash.duplicate_executions == again.executions_completed()
    assert summary.jobs.enqueued == again.one("SELECT count(*) FROM jobs")
    assert errors.executions == again.one(
        "SELECT count(DISTINCT (slot, incarnation, execution)) FROM events"
        " WHERE kind = 'job_started'"
    )
    assert {name: found.failed for name, found in errors.by_class.items()} == again.counts(
        "SELECT error_class, count(*) FROM events WHERE kind = 'job_failed' GROUP BY ALL"
    )
    assert [(row.executions, row.jobs) for row in errors.attempts.histogram] == (
        again.rows("SELECT executions, count(*) FROM jobs GROUP BY ALL ORDER BY ALL")
    )


def test_the_error_rates_are_the_same(both: Both) -> None:
    summary, again = both

    for name, found in summary.errors.by_class.items():
        rate = again.one(
            f"SELECT (SELECT count(*) FROM events WHERE error_class = '{name}')"
            " / count(*) FROM events WHERE kind = 'job_started'"
        )
        assert found.rate == pytest.approx(rate, abs=1e-6)


def test_the_percentiles_are_the_same_within_the_histograms_precision(both: Both) -> None:
    summary, again = both

    for measure, figures in by_name(summary.latency_ms).items():
        for name, per_mille in (*PER_MILLE.items(), ("max", 1000)):
            exact_ns = again.percentile_ns(measure, per_mille)
            assert_close(getattr(figures, name), exact_ns, f"{measure} {name}")


def test_the_percentiles_of_every_tenant_kind_and_class_are_the_same(both: Both) -> None:
    summary, again = both
    by_label, tenants = summary.latency_by_ms, summary.tenants
    groups: dict[str, Tenant | PickupAndTotal | PooledTenants] = {
        **{f"tenant = '{row.tenant}'": row for row in tenants.each},
        **{f"job_kind = '{name}'": found for name, found in by_label.kind.items()},
        **{f"job_class = '{name}'": found for name, found in by_label.job_class.items()},
        QUIET if tenants.noisy else "tenant IS NOT NULL": tenants.quiet_ms,
    }

    for where, group in groups.items():
        for measure, found in (("pickup", group.pickup), ("total", group.total)):
            for name, per_mille in PER_MILLE.items():
                exact_ns = again.percentile_ns(measure, per_mille, where)
                assert_close(getattr(found, name), exact_ns, f"{where}: {measure} {name}")


def test_the_tenants_ratios_are_the_same(both: Both) -> None:
    summary, again = both
    tenants = summary.tenants
    if tenants.noisy is None:
        assert tenants.throughput_ratio is None
        return
    for measure in ("pickup", "total"):
        noisy, quiet = (again.percentile_ns(measure, 950, who) for who in (NOISY, QUIET))
        found = getattr(tenants, f"latency_ratio_{measure}")
        assert (found is None) == (noisy is None or quiet is None)
        if noisy is not None and quiet is not None:
            assert found == pytest.approx(noisy / quiet, rel=2e-3)
    (sent, done), (quiet_sent, quiet_done) = again.in_window(NOISY), again.in_window(QUIET)

    assert tenants.throughput_ratio == pytest.approx(
        (done / sent) / (quiet_done / quiet_sent), abs=1e-6
    )


def test_the_throughput_is_the_same(both: Both) -> None:
    summary, again = both
    begin_ns, end_ns = again.window
    if end_ns <= begin_ns:
        assert summary.throughput_per_s is None
        return
    where = f"completed_ns BETWEEN {begin_ns} AND {end_ns} AND {EVERY_JOB}"
    completed = again.one(f"SELECT count(*) FROM jobs WHERE {where}")

    assert summary.throughput_per_s == pytest.approx(
        completed * 1e9 / (end_ns - begin_ns), abs=1e-3
    )


def test_the_spacing_of_retries_is_the_same(both: Both) -> None:
    summary, again = both
    spacings = again.retry_spacings_ns()
    retries = summary.errors.retries

    assert retries.retries == len(spacings)
    for row in retries.by_attempt:
        longest = max(ns for attempt, ns in spacings if attempt == row.after_attempt)
        assert row.spacing_s.max == pytest.approx(longest / 1e9, abs=1e-6)


def test_the_queues_levels_are_the_same(both: Both) -> None:
    summary, again = both
    most = again.one(
        "SELECT max((fields ->> '$.queued')::INT + (fields ->> '$.retrying')::INT) FROM facts"
        " WHERE kind = 'queue_snapshot'"
    )

    assert summary.queue.backlog.max == most

"""Tenants: their latencies, and what the noisy one takes from the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.history.columns import ABSENT
from analysis.metrics.buckets import HIGHEST_US
from analysis.metrics.latency import NEVER, by_group, distribution
from analysis.summary.summary import analyse
from tests.histories.loaded import unfair

JOBS = st.lists(
    st.tuples(st.integers(ABSENT, 4), st.none() | st.integers(-1, HIGHEST_US + 1)), max_size=200
)


@given(JOBS)
def test_many_groups_at_once_have_the_percentiles_of_each_alone(
    jobs: list[tuple[int, int | None]],
) -> None:
    group = np.array([code for code, _ in jobs], np.int64)
    begin = np.zeros(len(jobs), np.int64)
    end = np.array([NEVER if us is None else us * 1000 for _, us in jobs], np.int64)
    found = by_group(begin, end, group, 5)

    assert len(found) == 5
    for code, of_group in enumerate(found):
        figures = msgspec.to_builtins(of_group)
        alone = msgspec.to_builtins(distribution(begin, end, group == code))
        assert {name: figures[name] for name in alone if name in figures and name != "why"} == {
            name: value for name, value in alone.items() if name in figures and name != "why"
        }
        assert ("why" in figures) == ("why" in alone)
        assert figures.get("above") == alone.get("above")


def tenants_of(path: Path) -> dict[str, Any]:
    tenants: dict[str, Any] = msgspec.to_builtins(analyse(path).tenants)
    return tenants


def test_the_latency_ratio_is_the_noisy_p95_over_that_of_all_quiet_jobs(tmp_path: Path) -> None:
    tenants = tenants_of(unfair().write(tmp_path))

    assert tenants["noisy"] == "t0000"
    assert tenants["noisy_ms"]["pickup"]["n"] == 4
    assert tenants["quiet_ms"]["pickup"]["n"] == 3
    noisy, quiet = (tenants[f"{who}_ms"]["pickup"]["p95"] for who in ("noisy", "quiet"))
    assert (round(noisy), round(quiet)) == (400, 100)
    assert tenants["latency_ratio_pickup"] == round(noisy / quiet, 6)


def test_the_throughput_ratio_looks_at_the_enqueue_window_alone(tmp_path: Path) -> None:
    tenants = tenants_of(unfair().write(tmp_path))

    assert tenants["noisy_in_window"] == {"enqueued": 4, "completed": 2}
    assert tenants["quiet_in_window"] == {"enqueued": 3, "completed": 2}
    assert tenants["throughput_ratio"] == round((2 / 4) / (2 / 3), 6)


def test_every_tenant_has_a_row_and_the_systems_jobs_have_none(tmp_path: Path) -> None:
    tenants = tenants_of(unfair().write(tmp_path))

    rows = {row["tenant"]: row for row in tenants["each"]}
    assert list(rows) == ["t0000", "t0001", "t0002"]
    assert sum(row["pickup"]["n"] for row in rows.values()) == 7
    assert rows["t0001"]["enqueued_in_window"] == 2
    assert rows["t0001"]["completed_in_window"] == 1
    assert tenants["slowest"][0]["tenant"] == "t0000"
    assert tenants["quickest"][-1]["tenant"] == "t0000"


def test_the_warm_up_is_left_out_of_every_latency(tmp_path: Path) -> None:
    summary = analyse(unfair(warmup_s=0.035).write(tmp_path))

    assert summary.run.warmup_s == 0.035
    assert summary.latency_ms.pickup.n == 4
    assert summary.tenants.noisy == "t0000"
    assert summary.tenants.noisy_ms is not None and summary.tenants.noisy_ms.pickup.n == 0
    assert summary.tenants.latency_ratio_pickup is None
    assert "noisy tenant" in str(summary.tenants.latency_ratio_pickup_why)
    by_kind = {kind: found.pickup.n for kind, found in summary.latency_by_ms.kind.items()}
    assert by_kind == {"entity_update": 3, "daily_coordinator": 1}


def test_without_a_noisy_tenant_there_is_no_ratio_and_it_says_why(tmp_path: Path) -> None:
    tenants = tenants_of(unfair(tenants={"distribution": "uniform"}).write(tmp_path))

    for name in ("noisy", "noisy_ms", "latency_ratio_total", "throughput_ratio"):
        assert tenants[name] is None
        assert "uniform" in tenants[f"{name}_why"]
    assert tenants["quiet_ms"]["pickup"]["n"] == 7


def test_latencies_stand_by_kind_and_by_class(tmp_path: Path) -> None:
    story = unfair()
    story.first("job_enqueued", job_id="j000005").update({"class": "medium"})
    by = analyse(story.write(tmp_path)).latency_by_ms

    assert {kind: found.total.n for kind, found in by.kind.items()} == {
        "daily_coordinator": 1,
        "entity_update": 7,
    }
    assert round(by.kind["daily_coordinator"].pickup.max or 0) == 1000
    assert by.job_class["medium"].pickup.n == 1

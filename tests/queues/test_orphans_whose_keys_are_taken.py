"""Orphans whose unique keys others hold by the time of their rescue, on a control that is built to
get past them, and to stop at the first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.report.jobs_table import job_rows
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.postgres.server import Server
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(180),
]

SHORTER = (
    "workload.duration_s=8",
    "workload.dedup.apart_s=3",
    "faults.0.at_s=4",
    "faults.0.respawn_after_s=4",
)


def carry(server: Server, results: Path, preset: str) -> tuple[Summary, Path]:
    request = make_request(
        load_scenario("orphans_keys_taken_short", SHORTER),
        library="control_keyed",
        preset=preset,
        ordinal=1,
        dsn=server.dsn,
        results=results,
        overwrite=False,
    )
    history = carry_out(request, lambda _: None).history
    return analyse(history), history


def facts(history: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, history.read_bytes().splitlines())
    return [line["fields"] for line in lines if line["kind"] == kind]


def orphans(history: Path) -> list[str]:
    """What the killed worker had claimed, the oldest row first."""
    rows = [row for row in facts(history, "row_read") if row["read"] == "kill"]
    claimed = [row for row in rows if row.get("state") == "claimed"]
    return [row["job_id"] for row in sorted(claimed, key=lambda row: int(row["inbox_id"]))]


def keys_taken(history: Path) -> set[str]:
    """Jobs that came first under their key and of which the second had a row, too."""
    taken = {line["job_id"] for line in facts(history, "job_enqueued")}
    numbers = {int(job.removeprefix("j")) for job in taken}
    return {f"j{number:06d}" for number in numbers if number % 2 == 0 and number + 1 in numbers}


def left_behind(history: Path) -> set[str]:
    return {row["job_id"] for row in job_rows(history) if row["verdict"] == "stranded"}


def done_by_then(history: Path) -> set[str]:
    rows = [row for row in facts(history, "row_read") if row["read"] == "kill"]
    return {row["job_id"] for row in rows if row.get("effects")}


def test_a_rescue_that_passes_by_an_orphan_whose_key_is_taken_leaves_none(
    server: Server, tmp_path: Path
) -> None:
    summary, history = carry(server, tmp_path, "stock")
    assert (summary.verdict, summary.crash.certificates) == ("pass", 1), summary.reasons
    assert set(orphans(history)) & keys_taken(history), "the scenario makes the conflict"
    assert summary.jobs.completed_once + summary.jobs.duplicated == summary.jobs.enqueued


def test_a_rescue_that_stops_at_an_orphan_whose_key_is_taken_strands_it_and_all_behind_it(
    server: Server, tmp_path: Path
) -> None:
    summary, history = carry(server, tmp_path, "stops")
    waiting, taken = orphans(history), keys_taken(history)
    first = next(place for place, job in enumerate(waiting) if job in taken)
    assert left_behind(history) == set(waiting[first:]) - done_by_then(history)
    assert summary.verdict == "fail", summary.reasons
    assert summary.reasons[0].startswith("Expected stranded = 0, found ")

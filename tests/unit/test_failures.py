"""Errors inside the jobs: rates, attempts, discards, and the retries that follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from analysis.summary.summary import analyse
from analysis.summary.types import FinalStatuses
from tests.histories.builder import Story
from tests.histories.loaded import at, enqueue, erring, job
from tests.histories.stories import crash


def errors_of(path: Path) -> dict[str, Any]:
    errors: dict[str, Any] = msgspec.to_builtins(analyse(path).errors)
    return errors


def test_the_error_rate_is_by_class_over_all_executions(tmp_path: Path) -> None:
    errors = errors_of(erring().write(tmp_path))

    assert (errors["executions"], errors["failed"], errors["rate"]) == (5, 3, 0.6)
    found = {name: (one["failed"], one["rate"]) for name, one in errors["by_class"].items()}
    assert found == {"rate_limit": (1, 0.2), "transient": (2, 0.4)}


def test_attempts_are_counted_over_every_enqueued_job(tmp_path: Path) -> None:
    attempts = errors_of(erring().write(tmp_path))["attempts"]

    assert attempts["n"] == 4
    assert (attempts["mean"], attempts["max"]) == (1.25, 3)
    assert attempts["histogram"] == [
        {"executions": 0, "jobs": 1},
        {"executions": 1, "jobs": 2},
        {"executions": 3, "jobs": 1},
    ]


def test_the_spacing_stands_beside_the_librarys_own_plan(tmp_path: Path) -> None:
    retries = errors_of(erring().write(tmp_path))["retries"]

    assert retries["retries"] == 2
    assert retries["failed_without_retry"] == 1
    first, second = retries["by_attempt"]
    assert (first["after_attempt"], second["after_attempt"]) == (1, 2)
    assert first["spacing_s"]["max"] == 1.1
    assert first["planned_delay_s"]["max"] == 1.0
    assert second["spacing_s"]["max"] == 2.05
    assert second["planned_delay_s"]["max"] == 2.0
    assert (retries["spacing_s"]["p50"], retries["spacing_s"]["p95"]) == (1.1, 2.05)


def test_a_plan_seen_in_the_rows_belongs_to_the_last_failure_before_it(tmp_path: Path) -> None:
    story = erring()
    for _ in range(2):
        told = story.first("job_retried", observed_by="hook")
        told["observed_by"] = "rows"
        del told["execution"]
    retries = errors_of(story.write(tmp_path))["retries"]

    assert [row["planned_delay_s"]["max"] for row in retries["by_attempt"]] == [1.0, 2.0]


def test_a_library_that_announces_nothing_has_no_plan_and_it_says_so(tmp_path: Path) -> None:
    story = erring()
    for kind, fields in story.records:
        if kind == "job_retried":
            del fields["delay_s"]
    retries = errors_of(story.write(tmp_path))["retries"]

    assert retries["planned_delay_s"] is None
    assert retries["planned_delay_s_why"]


def test_what_fails_once_more_after_its_success_has_added_nothing(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    enqueue(story, 0, 0)
    worker.run(job(0))
    worker.start(job(0))
    worker.fail(job(0))
    worker.run(job(0))
    story.exit(worker)
    story.end()

    assert errors_of(story.write(tmp_path))["retries"]["latency_added_s"]["n"] == 0


def test_what_retries_add_is_from_the_first_start_to_that_of_the_success(tmp_path: Path) -> None:
    added = errors_of(erring().write(tmp_path))["retries"]["latency_added_s"]

    assert (added["n"], added["max"]) == (1, 3.25)


def test_discards_are_counted_by_who_saw_them(tmp_path: Path) -> None:
    assert errors_of(erring().write(tmp_path))["discards"] == {
        "jobs": 1,
        "observed_by": {"hook": 1},
    }


def test_the_final_status_is_how_each_job_itself_ended(tmp_path: Path) -> None:
    status = analyse(erring().write(tmp_path)).jobs.final_status

    assert status == FinalStatuses(completed=2, failed=0, discarded=1, none=1)


def test_a_failure_that_nothing_followed_is_a_failed_job(tmp_path: Path) -> None:
    story = erring()
    story.first("row_read", job_id=job(1))["state"] = "queued"
    story.records = [record for record in story.records if record[0] != "job_discarded"]
    story.first("child_exited")["events"] -= 1

    assert analyse(story.write(tmp_path)).jobs.final_status.failed == 1


def test_a_redelivery_is_no_retry(tmp_path: Path) -> None:
    retries = errors_of(crash().write(tmp_path))["retries"]

    assert retries["retries"] == 0
    assert retries["spacing_s"]["p50"] is None


def test_a_start_before_the_failure_is_no_retry(tmp_path: Path) -> None:
    story = erring()
    at(story, 1260)
    started = story.first("job_started", job_id=job(0), execution=4)
    started["t_ns"] = story.first("job_failed", error_class="transient")["t_ns"] - 1
    retries = errors_of(story.write(tmp_path))["retries"]

    assert retries["retries"] == 1

"""The ways in which a load can come, on a real queue: fanned out, closed, at once, over HTTP."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analysis.summary.summary import write_summary
from analysis.summary.types import Summary
from orchestrator.postgres.server import Server
from orchestrator.run.request import Request, make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import Workload
from worker_child.adapters.pgqueuer.inbox import PgQueuerAdapter

pytestmark = [pytest.mark.database, pytest.mark.slow]

Lines = list[tuple[str, dict[str, Any]]]


def _request(server: Server, results: Path, name: str, *overrides: str) -> Request:
    return make_request(
        load_scenario(name, overrides),
        library="pgqueuer",
        preset=None,
        ordinal=1,
        dsn=server.dsn,
        results=results,
        overwrite=False,
    )


def run(server: Server, results: Path, name: str, *overrides: str) -> tuple[Summary, Lines]:
    """Carry a scenario out with pgqueuer; its summary and its lines."""
    history = carry_out(_request(server, results, name, *overrides), lambda _: None).history
    return write_summary(history), lines_of(history)


def lines_of(history: Path) -> Lines:
    """Kind and fields of each line."""
    records = map(json.loads, history.read_text().splitlines())
    return [(record["kind"], record["fields"]) for record in records]


def of(lines: Lines, kind: str) -> list[dict[str, Any]]:
    return [fields for name, fields in lines if name == kind]


def test_coordinators_that_are_run_again_are_charged_with_their_second_rows(
    server: Server, tmp_path: Path
) -> None:
    summary, lines = run(server, tmp_path, "crash_fan_out")
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert summary.crash.duplicated == summary.crash.duplicate_executions == 18
    assert summary.crash.duplicates_re_enqueued == 15
    assert summary.jobs.unexpected == 0
    enqueues = Counter(f["job_id"] for f in of(lines, "job_enqueued"))
    twice = {job_id for job_id, times in enqueues.items() if times > 1}
    assert twice == {f"h{parent:06d}/{child}" for parent in range(3) for child in range(5)}
    by_children = [f for f in of(lines, "job_enqueued") if "/" in f["job_id"]]
    assert all("n" in fields and "execution" in fields for fields in by_children)


def test_a_coordinator_that_dies_before_it_says_what_it_enqueued_hides_no_row(
    server: Server, tmp_path: Path
) -> None:
    class SilentAdapter(PgQueuerAdapter):
        def child_argv(self) -> list[str]:
            return [sys.executable, "-m", "tests.queues.silent_coordinator"]

    one_coordinator = (
        "workload.held=[]",
        "faults=[]",
        "expectations={}",
        "workload.mix={ daily_coordinator = 1.0 }",
        "workload.rate_per_s=1",
        "workload.duration_s=1",
    )
    request = _request(server, tmp_path, "crash_fan_out", *one_coordinator)
    history = carry_out(replace(request, adapter=SilentAdapter()), lambda _: None).history
    summary = write_summary(history)
    lines = lines_of(history)
    children = {f"j000000/{child}" for child in range(5)}
    assert [f["reason"] for f in of(lines, "child_exited")] == ["died", "stopped"]
    outcomes = Counter((f["job_id"], f["outcome"]) for f in of(lines, "job_enqueued"))
    said = [("j000000", "accepted"), *((child, "accepted") for child in children)]
    assert outcomes == Counter([*said, *((child, "recovered") for child in children)])
    rows = {f["inbox_id"] for f in of(lines, "job_started") if f["job_id"] in children}
    assert len(rows) == 10
    assert summary.crash.duplicates_re_enqueued == 5
    assert summary.jobs.unexpected == summary.crash.harness_ambiguity == 0
    assert (summary.verdict, summary.reasons) == ("pass", [])


def test_in_a_closed_loop_no_two_jobs_are_ever_under_way(server: Server, tmp_path: Path) -> None:
    overrides = ("workload.duration_s=3", "workload.warmup_s=0", "workload.think_s=0.1")
    summary, lines = run(server, tmp_path, "notify_latency_short", *overrides)
    assert summary.verdict == "pass"
    completed = {f["job_id"]: f["t_ns"] for f in of(lines, "job_completed")}
    sent = sorted((f["sent_ns"], f["job_id"]) for f in of(lines, "job_enqueued"))
    assert len(sent) > 10
    for (_, job_id), (next_sent_ns, _) in pairwise(sent):
        assert completed[job_id] <= next_sent_ns


def test_a_key_that_many_enqueue_at_once_is_taken_and_executed_once(
    server: Server, tmp_path: Path
) -> None:
    summary, lines = run(server, tmp_path, "dedup_short", "workload.duration_s=2")
    dedup = summary.jobs.dedup
    assert summary.verdict == "pass" and dedup is not None
    assert (dedup.enqueuers, dedup.keys, dedup.enqueues) == (8, 20, 160)
    assert dedup.accepted + dedup.deduplicated == 160
    assert dedup.keys_never_executed == 0
    # A late enqueuer may come when the first one's job is done: then the key is rightly taken anew.
    assert dedup.executions == dedup.accepted == len(of(lines, "job_enqueued"))
    assert dedup.keys_taken_more_than_once <= 2


def test_external_jobs_are_turned_away_by_the_provider_and_others_by_their_plan(
    server: Server, tmp_path: Path
) -> None:
    overrides = (
        "workload.duration_s=4",
        "workload.warmup_s=0",
        "workload.errors.0.from_s=0",
        "workload.errors.0.to_s=4",
    )
    name = "rate_limit_pressure_short"
    summary, lines = run(server, tmp_path, name, *overrides)
    assert summary.verdict == "pass"
    workload = Workload(load_scenario(name, overrides))
    plans = {job.plan.job_id: job.plan for job in workload.jobs()}
    failed = of(lines, "job_failed")
    assert {f["job_id"] for f in failed} == {j for j, plan in plans.items() if plan.fail}
    assert {f["error_class"] for f in failed} == {"rate_limit"}
    asked_to_wait = {f["job_id"] for f in failed if "retry_after_s" in f}
    external = {f["job_id"] for f in failed if plans[f["job_id"]].profile == "external_api"}
    assert asked_to_wait == external != set()
    started = {f["execution"]: f["t_ns"] for f in of(lines, "job_started")}
    for fields in of(lines, "job_completed"):
        plan = plans[fields["job_id"]]
        if plan.profile == "external_api":
            assert (fields["t_ns"] - started[fields["execution"]]) / 1000 >= plan.length_us

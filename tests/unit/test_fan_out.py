"""Coordinators fan out: planned with them, enqueued by them, recovered when they were killed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import pytest

from orchestrator.errors import NotOfferedError, ScenarioError, UnplannedJobError
from orchestrator.history.records import RowRead
from orchestrator.load.producer import DueJob, Producer
from orchestrator.observe.probe import Probe, Reading
from orchestrator.run.final_read import final_records
from orchestrator.run.request import make_request
from orchestrator.scenario.job_kinds import kinds_at_work
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import PlannedJob, Workload
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import as_read
from worker_child.body import Body, Enqueue
from worker_child.emitter import Emitter
from worker_child.names import stream_job_id
from worker_child.protocol import ClockAnchor, Init, JobEnqueued, JobStarted, Plan

FAN_OUT = ("workload.fan_out=3", "over_capacity=true")


def coordinator(workload: Workload) -> PlannedJob:
    return next(job for job in workload.jobs() if job.plan.kind == "daily_coordinator")


def test_a_coordinator_carries_one_job_for_each_of_the_first_tenants() -> None:
    workload = Workload(load_scenario("steady", FAN_OUT, cores=2))
    job = coordinator(workload)
    children = msgspec.json.decode(job.payload, type=Plan).children
    assert children == job.plan.children
    assert [child.job_id for child in children] == [f"{job.plan.job_id}/{i}" for i in range(3)]
    assert [child.tenant for child in children] == ["t0000", "t0001", "t0002"]
    assert {(child.kind, child.job_class) for child in children} == {("tenant_snapshot", "short")}
    assert len({child.length_us for child in children}) == 3


def test_only_coordinators_fan_out_and_only_where_it_is_asked_for() -> None:
    asked = Workload(load_scenario("steady", FAN_OUT, cores=2))
    plain = Workload(load_scenario("steady", cores=2))
    for index in range(300):
        fanned, job = asked.job(index), plain.job(index)
        assert bool(fanned.plan.children) == fanned.plan.kind.endswith("_coordinator")
        assert not job.plan.children
        assert (fanned.plan.length_us, fanned.intended_ns) == (job.plan.length_us, job.intended_ns)


def test_a_fanned_out_job_is_found_by_its_id_and_a_stranger_is_not() -> None:
    workload = Workload(load_scenario("steady", FAN_OUT, cores=2))
    job = coordinator(workload)
    found = workload.by_id(f"{job.plan.job_id}/2")
    assert found.plan == job.plan.children[2]
    assert (found.job_class, found.intended_ns) == ("short", job.intended_ns)
    for stranger in (
        f"{job.plan.job_id}/3",
        f"{job.plan.job_id}/",
        "j999999/0",
        f"{stream_job_id(0)}/0/0",
    ):
        with pytest.raises(UnplannedJobError):
            workload.by_id(stranger)


def test_workers_know_the_kinds_that_only_coordinators_enqueue() -> None:
    mix = "workload.mix={ monthly_coordinator = 1.0 }"
    asked = load_scenario("steady", [mix, *FAN_OUT], cores=2)
    assert kinds_at_work(asked.workload) == {"monthly_coordinator", "tenant_rollup"}
    plain = load_scenario("steady", [mix], cores=2)
    assert kinds_at_work(plain.workload) == {"monthly_coordinator"}


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["workload.fan_out=11"], "one job for each tenant"),
        (["workload.fan_out=2", "workload.mix={ entity_update = 1.0 }"], "daily_coordinator"),
    ],
)
def test_a_fan_out_into_nothing_is_refused(overrides: list[str], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        load_scenario("steady", overrides, cores=2)


def test_a_library_that_cannot_enqueue_from_a_job_is_told_apart_from_a_failure(
    tmp_path: Any,
) -> None:
    with pytest.raises(NotOfferedError, match=r"not offered: .* needs fan_out") as refused:
        make_request(
            load_scenario("crash_fan_out", cores=2),
            library="control_holding",
            preset=None,
            ordinal=1,
            dsn=None,
            results=tmp_path,
            overwrite=False,
        )
    assert refused.value.exit_code == 0


def child(enqueue: Enqueue, plan: Plan) -> list[dict[str, Any]]:
    """Run `plan` in a body without a database; every line that it wrote."""
    reader, writer = os.pipe()
    anchor = ClockAnchor(0, 0)
    init = Init(
        protocol=1, run_id="run", role="worker", slot=0, incarnation=0, library="none", settings={},
        dsn="", application_name="", concurrency=1, pool_size=1, max_attempts=1, kinds=(),
        effects=False, event_fd=writer, clock_anchor=anchor,
    )  # fmt: skip
    emitter = Emitter(writer, run_id="run", slot=0, incarnation=0, clock_anchor=anchor)
    body = Body(init, emitter, cast("Any", None))
    body.enqueue = enqueue

    async def run() -> None:
        entered = body.enter(msgspec.json.encode(plan), inbox_id="7", library_attempt=None)
        await body.carry_out(entered)

    try:
        asyncio.run(run())
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        return [json.loads(line) for line in lines]


def test_the_body_says_what_it_enqueued_once_the_library_has_it_and_before_it_completes() -> None:
    job = coordinator(Workload(load_scenario("steady", FAN_OUT, cores=2)))
    plan = msgspec.structs.replace(job.plan, profile="external_api", length_us=0)
    payloads: list[bytes] = []

    async def enqueue(plans: Sequence[Plan], encoded: Sequence[bytes]) -> list[str]:
        payloads.extend(encoded)
        return [f"row {plan.job_id}" for plan in plans]

    lines = child(enqueue, plan)
    assert [line["kind"] for line in lines] == [
        "job_started",
        *["job_enqueued"] * 3,
        "job_completed",
    ]
    assert [msgspec.json.decode(payload, type=Plan) for payload in payloads] == list(plan.children)
    said = msgspec.convert(lines[1]["fields"], JobEnqueued)
    assert (said.job_id, said.inbox_id) == (plan.children[0].job_id, f"row {said.job_id}")
    assert (said.job_class, said.tenant, said.execution) == ("short", "t0000", 1)
    assert said.sent_ns is not None and said.acknowledged_ns is not None
    assert said.intended_ns == said.sent_ns <= said.acknowledged_ns <= said.t_ns


class Rows:
    """In place of the probe: a final read that shows these jobs' rows."""

    def __init__(self, *job_ids: str) -> None:
        self._lines = [RowRead(1, "final", job_id, state="queued") for job_id in job_ids]

    def read(self, *_: object) -> Reading:
        return Reading(1, [*self._lines, RowRead(1, "final", lines=len(self._lines))], None)

    def audit(self) -> list[dict[str, Any]]:
        return []


class Sent:
    """In place of the producer: nothing of it is in doubt."""

    started_ns = 1_000
    job_of_inbox_id: dict[str, str] = {}  # noqa: RUF012 - read only
    indeterminate: dict[str, DueJob] = {}  # noqa: RUF012 - read only


def child_enqueued(job_id: str, *, inbox_id: str) -> JobEnqueued:
    """What a coordinator's worker says of a job that it has fanned out."""
    return JobEnqueued(
        t_ns=1,
        job_id=job_id,
        outcome="accepted",
        kind="tenant_snapshot",
        job_class="short",
        length_us=1,
        intended_ns=1,
        inbox_id=inbox_id,
        n=0,
        slot=0,
        incarnation=0,
    )


def test_what_a_killed_coordinator_enqueued_without_saying_so_is_recovered_once() -> None:
    workload = Workload(load_scenario("steady", FAN_OUT, cores=2))
    job = coordinator(workload)
    said, started, in_row = (f"{job.plan.job_id}/{i}" for i in range(3))
    tracker = Tracker()
    tracker.observe(
        (0, 0),
        as_read(
            child_enqueued(said, inbox_id="1"),
            JobStarted(2, 1, 0, 0, said, 2, inbox_id="1"),
            JobStarted(3, 2, 0, 0, started, 3, inbox_id="2"),
        ),
    )
    records = final_records(
        cast("Probe", Rows(in_row, "j999999/0", f"{job.plan.job_id}/77")),
        cast("Producer", Sent()),
        tracker,
        workload,
        [],
    )
    recovered = [record for record in records if isinstance(record, JobEnqueued)]
    assert [record.job_id for record in recovered] == sorted([started, in_row])
    assert {record.outcome for record in recovered} == {"recovered"}
    assert {record.intended_ns for record in recovered} == {1_000 + job.intended_ns}


def test_a_job_that_two_executions_of_its_coordinator_enqueued_was_fanned_out_once() -> None:
    rows = {"1": "j000000/0", "2": "j000000/1", "3": "j000000/0"}
    tracker = Tracker()
    said = [child_enqueued(job_id, inbox_id=inbox_id) for inbox_id, job_id in rows.items()]
    tracker.observe((0, 0), as_read(*said))

    assert tracker.fanned_out == {"j000000/0", "j000000/1"}


def test_a_row_that_was_never_spoken_of_is_recovered_beside_one_that_was() -> None:
    tracker = Tracker()
    said = child_enqueued("j000000/0", inbox_id="2")
    started = JobStarted(1, 0, 0, 0, "j000000/0", 1, inbox_id="1")
    tracker.observe((0, 0), as_read(started, said))
    assert tracker.unsaid([]) == {"j000000/0"}
    heard = Tracker()
    started = JobStarted(10, 1, 0, 0, "j000000/0", 1, inbox_id="2")
    heard.observe((0, 0), as_read(said, started))
    assert heard.unsaid([("2", "j000000/0"), ("7", "j000001"), (None, "j000002")]) == set()
    assert heard.unsaid([("3", "j000000/0"), (None, "j000003/1")]) == {"j000000/0", "j000003/1"}


def test_a_job_that_was_spoken_of_and_whose_row_is_gone_is_not_recovered() -> None:
    tracker = Tracker()
    said = child_enqueued("j000000/0", inbox_id="2")
    tracker.observe((0, 0), as_read(said, JobStarted(10, 1, 0, 0, "j000000/0", 1, inbox_id="2")))
    assert tracker.unsaid([(None, "j000000/0")]) == set()

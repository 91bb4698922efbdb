"""The provider answers by the seed: as planned, the same to whoever asks again."""

from __future__ import annotations

import pytest

from orchestrator.load.provider_stub import RETRY_AFTER_S, Answer, Provider
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import PlannedJob, Workload

SCENARIO = load_scenario("rate_limit_pressure", cores=2)
WORKLOAD = Workload(SCENARIO)


def provider(seed: int = 1) -> Provider:
    return Provider(WORKLOAD, seed)


def limited(count: int = 1) -> list[PlannedJob]:
    found = [job for job in WORKLOAD.jobs() if job.plan.fail]
    assert len(found) >= count
    return found[:count]


def test_three_jobs_in_ten_of_the_window_are_planned_to_be_turned_away_once() -> None:
    jobs = list(WORKLOAD.jobs())
    inside = [job for job in jobs if 30 <= job.intended_ns / 1e9 < 90]
    failing = [job for job in jobs if job.plan.fail]
    assert all(job.plan.fail == ("rate_limit",) for job in failing)
    assert {id(job) for job in failing} <= {id(job) for job in inside}
    assert len(failing) / len(inside) == pytest.approx(0.3, abs=0.04)
    assert {job.plan.profile for job in failing} == {"db", "external_api"}


def test_a_planned_rate_limit_is_a_429_at_once_and_says_when_to_come_again() -> None:
    for job in limited(20):
        answer = provider().answer(job.plan.job_id, failures=0)
        assert (answer.status, answer.wait_s) == (429, 0.0)
        assert answer.retry_after_s is not None
        assert RETRY_AFTER_S[0] <= answer.retry_after_s <= RETRY_AFTER_S[1]
    waits = {provider().answer(job.plan.job_id, 0).retry_after_s for job in limited(100)}
    assert len(waits) > 1


def test_after_its_planned_failures_a_job_gets_its_planned_length() -> None:
    (job,) = limited()
    answer = provider().answer(job.plan.job_id, failures=1)
    assert answer == Answer(200, wait_s=job.plan.length_us / 1e6)


def test_whoever_asks_again_hears_the_same() -> None:
    (job,) = limited()
    first, again = (provider().answer(job.plan.job_id, 0) for _ in range(2))
    assert first == again


def test_other_error_classes_have_a_status_of_their_own() -> None:
    errors = (
        "workload.errors=[{ share = 1.0, error_class = 'transient' },"
        " { share = 1.0, error_class = 'permanent' }]"
    )
    workload = Workload(load_scenario("steady", [errors, "over_capacity=true"], cores=2))
    asked = Provider(workload, 1)
    assert [asked.answer("j000000", failures).status for failures in range(3)] == [503, 422, 200]


def test_a_job_that_nobody_planned_is_not_found() -> None:
    assert provider().answer("j999999", 0) == Answer(404)

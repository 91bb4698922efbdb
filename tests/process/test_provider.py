"""The provider as a process: it answers over HTTP, and it never outlives its run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.load.provider import ProviderProcess, provider_of
from orchestrator.processes import linux
from orchestrator.processes.janitor import Janitor
from orchestrator.scenario.load import resolve_scenario
from orchestrator.scenario.workload import PlannedJob
from worker_child.body import Refusal
from worker_child.protocol import Note, Plan
from worker_child.third_party import ProviderAnswerError, calling

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 20.0
SCENARIO = resolve_scenario("rate_limit_pressure", cores=2)


@pytest.fixture(scope="module")
def running() -> Iterator[ProviderProcess]:
    with Janitor() as janitor, provider_of(SCENARIO, janitor) as provider:
        assert provider is not None
        yield provider
    assert provider.error is not None, "it lives on"


def a_job(wanted: Callable[[PlannedJob], bool]) -> Plan:
    return next(job.plan for job in SCENARIO.workload.jobs() if wanted(job))


def ask(provider: ProviderProcess, plan: Plan, failures: int = 0) -> Refusal | None:
    async def call() -> Refusal | None:
        async with calling(provider.url, concurrency=2) as call_provider:
            return await call_provider(plan, failures)

    return asyncio.run(call())


def until(condition: Callable[[], bool], what: str) -> None:
    give_up_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up_s, f"waited {LIMIT_S:g} s for {what}"
        time.sleep(0.01)


def test_a_call_lasts_as_long_as_the_job_is_planned(running: ProviderProcess) -> None:
    plan = a_job(lambda job: not job.plan.fail and job.plan.length_us > 150_000)
    began_s = time.monotonic()
    assert ask(running, plan) is None
    assert time.monotonic() - began_s >= plan.length_us / 1e6


def test_a_planned_rate_limit_comes_as_a_429_with_retry_after(running: ProviderProcess) -> None:
    plan = a_job(lambda job: bool(job.plan.fail))
    refusal = ask(running, plan)
    assert refusal is not None
    assert refusal.error_class == "rate_limit"
    assert refusal.retry_after_s is not None and refusal.retry_after_s >= 1
    assert ask(running, plan, failures=1) is None


def test_what_nobody_planned_is_an_error_and_no_refusal(running: ProviderProcess) -> None:
    stranger = a_job(lambda job: not job.plan.fail)
    with pytest.raises(ProviderAnswerError, match="404"):
        ask(running, Plan(f"{stranger.job_id}/0", "entity_enrich", "external_api", 1))


def test_a_provider_that_dies_is_an_error_that_names_it() -> None:
    with Janitor() as janitor, provider_of(SCENARIO, janitor) as provider:
        assert provider is not None
        assert provider.error is None
        os.kill(provider.pid, signal.SIGKILL)
        until(lambda: provider.error is not None, "the provider's end")
        assert str(provider.pid) in str(provider.error)


def test_a_provider_that_sleeps_is_told_and_after_a_while_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.load.provider.SILENCE_LIMIT_NS", 1_000_000_000)
    stalls: list[Note] = []
    with Janitor() as janitor, provider_of(SCENARIO, janitor) as provider:
        assert provider is not None

        def silent() -> bool:
            stalls.extend(provider.stalls())
            return provider.error is not None

        os.kill(provider.pid, signal.SIGSTOP)
        until(silent, "its silence to be an error")
        assert "not had a turn" in str(provider.error)
        os.kill(provider.pid, signal.SIGCONT)
        until(lambda: not silent(), "it to be heard again")

    (stall,) = stalls
    assert stall.code == "provider_stalled"
    assert stall.detail["stalled_s"] > 1


def test_a_run_without_a_provider_starts_none() -> None:
    with (
        Janitor() as janitor,
        provider_of(resolve_scenario("steady", cores=2), janitor) as provider,
    ):
        assert provider is None


PARENT = """
import time
from orchestrator.processes.janitor import Janitor
from orchestrator.load.provider import provider_of
from orchestrator.scenario.load import resolve_scenario

scenario = resolve_scenario("rate_limit_pressure", cores=2)
with Janitor() as janitor, provider_of(scenario, janitor) as provider:
    print(provider.pid, flush=True)
    time.sleep(60)
"""


def test_a_killed_parent_leaves_no_provider_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert linux.read(pid) is not None
        parent.kill()
        until(lambda: not _alive(pid), "the provider to follow its parent")


def _alive(pid: int) -> bool:
    found = linux.read(pid)
    return found is not None and found.state != "Z"

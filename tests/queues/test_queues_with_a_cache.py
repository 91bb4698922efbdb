"""Queues with a cache, on a real PostgreSQL and with real kills: a control is found as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analysis.metrics.cache import Cache
from analysis.summary.summary import write_summary
from analysis.summary.types import Summary
from orchestrator.load.cache_folder import cache_folder
from orchestrator.postgres.server import Server
from orchestrator.processes.janitor import Janitor
from orchestrator.run.request import make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from tests.toolchain import need_built
from worker_child.adapters.contract import CACHE_FOLDER_VARIABLE

pytestmark = [pytest.mark.database, pytest.mark.slow]

REPEATED = ("workload.duration_s=5", "workload.cache.unique_addresses=2")
"""Two addresses, 2.5 s each."""
TWO_TURNS = ("workload.duration_s=4", "workload.cache.unique_addresses=2")
THREE_TURNS = ("workload.duration_s=6", "workload.cache.unique_addresses=3")
FOUR_TURNS = ("workload.duration_s=8", "workload.cache.unique_addresses=4")
IN_THE_WORK = "faults.0.at_s=2.5"
"""Of the two-second turns' second address."""


def run(
    server: Server,
    results: Path,
    scenario: str,
    preset: str,
    *overrides: str,
    library: str = "control_cache",
) -> tuple[Summary, Cache]:
    """Carry a scenario out; its summary, and what is said of the cache."""
    request = make_request(
        load_scenario(scenario, overrides),
        library=library,
        preset=preset,
        ordinal=1,
        dsn=server.dsn,
        results=results,
        overwrite=False,
    )
    summary = write_summary(carry_out(request, lambda _: None).history)
    assert summary.cache is not None
    return summary, summary.cache


def broken(summary: Summary) -> set[str]:
    return {one.name for one in summary.expectations if one.outcome == "broken"}


def test_a_sound_cache_answers_repeated_questions_with_one_execution_an_address(
    server: Server, tmp_path: Path
) -> None:
    summary, cache = run(server, tmp_path, "cache_dedup_short", "stock", *REPEATED)
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert (cache.asks, cache.addresses, cache.executions) == (200, 2, 2)
    assert cache.hits + cache.joined + cache.misses == 200
    assert (cache.misses, cache.joined) == (2, 6)
    hit, miss = cache.latency_ms.hit.p50, cache.latency_ms.miss.p50
    assert hit is not None and miss is not None and hit < 1000 <= miss


def test_every_process_of_a_run_finds_a_folder_that_is_gone_afterwards() -> None:
    scenario = load_scenario("cache_dedup_short", cores=2)
    with Janitor() as janitor:
        with cache_folder(scenario, janitor):
            folder = Path(os.environ[CACHE_FOLDER_VARIABLE])
            assert folder.is_dir() and folder.stat().st_mode & 0o777 == 0o700
            (folder / "result").write_bytes(b"kept")
        assert CACHE_FOLDER_VARIABLE not in os.environ
    assert not folder.exists()
    with Janitor() as janitor, cache_folder(load_scenario("steady_short", cores=2), janitor):
        assert CACHE_FOLDER_VARIABLE not in os.environ


def test_a_sound_cache_runs_concurrent_misses_once(server: Server, tmp_path: Path) -> None:
    scenario = "cache_concurrent_miss_short"
    summary, cache = run(server, tmp_path, scenario, "stock", *TWO_TURNS)
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert (cache.asks, cache.misses, cache.joined, cache.executions) == (32, 2, 30, 2)


def test_a_sound_cache_survives_a_kill_in_the_work_with_every_result_whole(
    server: Server, tmp_path: Path
) -> None:
    scenario = "cache_concurrent_miss_crash_short"
    summary, cache = run(server, tmp_path, scenario, "stock", *THREE_TURNS, IN_THE_WORK)
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert (cache.wrong_results, cache.unanswered, cache.addresses_run_again) == (0, 0, 0)
    assert summary.recovery[0].orphans == 1
    assert (cache.executions, cache.max_executions_per_address) == (4, 2)


def test_a_cache_that_runs_concurrent_misses_twice_is_caught(
    server: Server, tmp_path: Path
) -> None:
    scenario = "cache_concurrent_miss_short"
    summary, cache = run(server, tmp_path, scenario, "runs_twice", *TWO_TURNS)
    assert summary.verdict == "fail" and broken(summary) == {"addresses_run_again"}
    assert any("executed several jobs of one address" in reason for reason in summary.reasons)
    assert (cache.addresses_run_again, cache.executions, cache.wrong_results) == (2, 32, 0)


def test_a_torn_result_after_a_kill_is_caught_with_every_caller_that_was_served_it(
    server: Server, tmp_path: Path
) -> None:
    scenario = "cache_concurrent_miss_crash_short"
    summary, cache = run(server, tmp_path, scenario, "serves_torn", *THREE_TURNS, IN_THE_WORK)
    assert summary.verdict == "fail" and broken(summary) == {"wrong_results"}
    assert any("served wrong bytes" in reason for reason in summary.reasons)
    assert (cache.wrong_results, cache.torn_results, cache.foreign_results) == (16, 16, 0)
    assert cache.wrong_addresses == ["a000001"]
    assert any("16 torn" in finding for finding in summary.findings)


def test_without_a_kill_nothing_that_is_served_is_torn(server: Server, tmp_path: Path) -> None:
    summary, cache = run(server, tmp_path, "cache_dedup_short", "serves_torn", *REPEATED)
    assert (summary.verdict, cache.wrong_results) == ("pass", 0)


def test_an_address_whose_worker_never_comes_back_is_told_as_stuck(
    server: Server, tmp_path: Path
) -> None:
    summary, cache = run(
        server,
        tmp_path,
        "cache_concurrent_miss_crash_short",
        "stock",
        *THREE_TURNS,
        IN_THE_WORK,
        "faults.0.respawn_after_s=none",
        "nobody_left=true",
        "workload.cache.answer_s=2",
        "limits.drain_s=3",
        "limits.max_bound_s=1",
        "limits.confirm_s=1",
    )
    assert "unanswered" in broken(summary)
    assert (cache.unanswered, cache.stuck_addresses) == (32, 2)
    assert cache.wrong_results == 0


def test_platform_libs_callers_are_all_served_the_whole_result_after_a_kill(
    server: Server, tmp_path: Path
) -> None:
    need_built("platform_lib")
    summary, cache = run(
        server,
        tmp_path,
        "cache_concurrent_miss_crash_short",
        "tuned",
        *FOUR_TURNS,
        IN_THE_WORK,
        library="platform_lib",
    )
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert (cache.asks, cache.unanswered, cache.wrong_results) == (64, 0, 0)
    assert (cache.executions, cache.addresses_run_again) == (5, 0)

"""A server condition is part of what was measured: a history that contradicts it is void."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.run import run_start
from orchestrator.scenario.load import load_scenario, resolve_scenario
from tests.histories.builder import Story
from tests.histories.stories import A


def judged(folder: Path, condition: str, interval: str | None) -> Summary:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.run(A)
    story.exit(worker)
    story.end()
    start = story.first("run_start")
    start["scenario"]["server"] = condition
    if interval is not None:
        settings = {"client_connection_check_interval": interval}
        start["environment"]["postgres"] = {"settings": settings}
    return analyse(story.write(folder))


@pytest.mark.parametrize(
    ("condition", "interval"),
    [("check_off", "0"), ("check_off", None), ("check_100ms", "100ms"), ("check_100ms", None)],
)
def test_a_server_that_was_as_asked_or_cannot_say_is_sound(
    tmp_path: Path, condition: str, interval: str | None
) -> None:
    summary = judged(tmp_path, condition, interval)
    assert summary.verdict == "pass", summary.reasons
    named = [text for text in summary.findings if text.startswith("Server condition ")]
    assert len(named) == (condition == "check_100ms")


@pytest.mark.parametrize(("condition", "interval"), [("check_off", "100ms"), ("check_100ms", "0")])
def test_a_server_under_another_condition_voids_the_run(
    tmp_path: Path, condition: str, interval: str
) -> None:
    summary = judged(tmp_path, condition, interval)
    assert summary.verdict == "invalid"
    assert f"client_connection_check_interval was {interval}" in " ".join(summary.reasons)


def test_it_is_chosen_from_the_command_line_and_makes_another_cell() -> None:
    usual = resolve_scenario("crash_recovery_short")
    other = resolve_scenario("crash_recovery_short", ["server=check_100ms"])
    assert (usual.scenario.server, other.scenario.server) == ("check_off", "check_100ms")
    assert usual.digest != other.digest
    parts = [{key: of.table[key] for key in run_start._COMPARABLE} for of in (usual, other)]
    assert parts[0] != parts[1]
    assert load_scenario("crash_recovery_short").server == "check_off"

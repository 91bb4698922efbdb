"""The commands that RESULTS.md prints repeat what was measured: they parse, and mean the same."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orchestrator.commands import cli
from orchestrator.commands.matrix import command
from orchestrator.commands.matrix.plan import Plan, Wish, plan_matrix
from orchestrator.run.request import make_request
from orchestrator.scenario.load import resolve_scenario
from tests.histories.builder import Story
from tests.histories.side_by_side import compared, everything, write

TINY = str(Path(__file__).parent.parent / "scenarios" / "tiny_matrix.toml")
EXACT = (
    "workers.max_attempts=1",
    "expectations.re_executions=none",
    "expectations.duplicated=none",
)


def measured(
    scenario: str,
    *values: str,
    library: str = "pgqueuer",
    preset: str = "tuned",
    ordinal: int = 1,
    settings: tuple[str, ...] = (),
) -> Story:
    """A history whose run_start is what such a run would have written."""
    loaded = resolve_scenario(scenario, values)
    request = make_request(
        loaded,
        library=library,
        preset=preset,
        ordinal=ordinal,
        dsn=None,
        results=Path("results"),
        overwrite=False,
        settings=settings,
    )
    story = compared("tuned", ordinal)
    story.first("run_start").update(
        scenario_name=loaded.scenario.name,
        library=request.library,
        preset=request.preset.name,
        scenario={
            **loaded.table,
            "expectations": {},
            "faults": story.first("run_start")["scenario"]["faults"],
        },
        scenario_sha256=loaded.digest,
        settings=request.preset.settings,
        changed_settings=dict(request.changes),
        preset_hash=request.preset_hash,
        invocation=msgspec.to_builtins(request.invocation),
        cell_hash="d" * 16,
    )
    return story


def page(folder: Path, stories: list[Story]) -> str:
    return everything([write(story, folder) for story in stories])


def commands(text: str) -> list[list[str]]:
    block = text.partition("## How to repeat it")[2].split("```")[1].removeprefix("sh\n")
    lines = block.replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines if line.startswith("crashbench")]
    assert found[0] == ["crashbench", "adapters", "--build"]
    return found[1:]


Planned = Callable[[list[str]], Plan]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Planned:
    """What the real command line makes of the words of one matrix."""
    plans: list[Plan] = []

    def take(wish: Wish, *_: Any) -> int:
        plans.append(plan_matrix(wish))
        return 0

    monkeypatch.setattr(command, "run_matrix", take)

    def plan(words: list[str]) -> Plan:
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        assert left.value.code == 0
        return plans[-1]

    return plan


def test_each_command_resolves_to_the_runs_that_were_measured(
    tmp_path: Path, planned: Planned
) -> None:
    stories = [
        measured("crash_recovery_exact", *EXACT),
        measured("crash_recovery_short"),
        measured("crash_recovery_short", preset="stock"),
        measured("crash_recovery_short", settings=("heartbeat_timeout_s=4",)),
        measured("crash_recovery_short", settings=("driver=psycopg", "dequeue_timeout_s=1")),
        measured(TINY, 'description="it\'s tiny, \\"really\\""'),
        measured(TINY, "name=tiny_too", ordinal=2),
    ]
    wanted = {
        (f"{s['scenario_name']}-{s['library']}-{s['preset']}-{s['ordinal']:03d}", digest)
        for s in (story.first("run_start") for story in stories)
        for digest in [s["scenario_sha256"]]
    }
    words = [one for one in commands(page(tmp_path, stories)) if one[1] == "matrix"]
    runs = {(run.run_id, run.digest) for one in words for run in planned(one[1:]).runs}
    assert wanted <= runs
    controls = {name for name, _ in runs if name.startswith("crash_recovery_no_fault")}
    assert {name for name, _ in runs - wanted} == controls | {"tiny_too-pgqueuer-tuned-001"}


def test_what_a_value_has_made_untrue_does_not_stand_alone(tmp_path: Path) -> None:
    text = page(tmp_path, [measured("crash_recovery_exact", *EXACT)])
    below = text.partition("\n# crash_recovery_exact\n")[2]
    described, _, after = below.partition("Set on top of the file: ")
    assert "12 re-executions" in " ".join(described.split())
    assert after.startswith("`workers.max_attempts=1`, `expectations.re_executions=none`")


def test_an_own_file_is_named_by_its_path_and_an_outside_adapter_by_its_folder(
    tmp_path: Path,
) -> None:
    story = measured(TINY)
    story.first("run_start")["invocation"]["library"] = "/srv/my queues/mine"
    (words,) = [one for one in commands(page(tmp_path, [story])) if one[1] == "matrix"]
    assert words[words.index("--scenarios") + 1] == TINY
    assert words[words.index("--libraries") + 1] == "/srv/my queues/mine"


def test_where_no_words_lead_to_it_the_history_is_what_it_is_repeated_from(tmp_path: Path) -> None:
    story = measured("crash_recovery_short")
    story.first("run_start").pop("invocation")
    words = commands(page(tmp_path, [story]))
    assert words[0] == [
        "crashbench",
        "reproduce",
        "results/matrix/crash_recovery_short-pgqueuer-tuned-001.jsonl",
    ]
    assert not any(one[1] == "matrix" for one in words)


def test_a_changed_setting_is_said_beside_the_column_that_it_made(tmp_path: Path) -> None:
    text = page(tmp_path, [measured("crash_recovery_short", settings=("heartbeat_timeout_s=4",))])
    assert "- pgqueuer tuned.d80b73c4 is tuned with `heartbeat_timeout_s=4.0`." in text

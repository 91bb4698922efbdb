"""The README promises nothing that is not there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from orchestrator.run import make_request
from orchestrator.scenario import load_scenario, scenario_names

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
RUNS = [
    shlex.split(line, comments=True)[1:]
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("crashbench --")
]


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_every_run_that_it_shows_gets_past_the_plan(words: list[str]) -> None:
    options = dict(zip(words[::2], words[1::2], strict=True))
    values = [
        value for option, value in zip(words[::2], words[1::2], strict=True) if option == "--set"
    ]
    scenario = load_scenario(options.get("--scenario", "crash_recovery"), values, cores=2)
    request = make_request(
        scenario,
        library="pgqueuer",
        preset=options.get("--preset"),
        ordinal=int(options.get("--ordinal", "1")),
        dsn=None,
        results=Path("results"),
        overwrite=False,
    )
    assert request.outlook().lines


def test_it_names_every_shipped_scenario_and_no_other() -> None:
    rows = re.findall(r"^\| (`[a-z_0-9`, ]+`) \| ", README, re.MULTILINE)
    named = sorted(name for row in rows for name in re.findall(r"`(\w+)`", row))
    assert named == sorted({name.removesuffix("_short") for name in scenario_names()})


def test_every_target_that_it_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= targets


def test_every_file_that_it_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []

"""The README and the page of commands promise nothing that is not there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from orchestrator.commands.cli import SECTIONS, with_command
from orchestrator.commands.matrix import command as matrix_command
from orchestrator.commands.matrix.plan import Wish, plan_matrix
from orchestrator.faults.table import TABLE
from orchestrator.run.request import make_request
from orchestrator.scenario.load import load_scenario, scenario_names
from worker_child.adapters import LIBRARIES, load_adapter
from worker_child.adapters.contract import Workers

ROOT = Path(__file__).parent.parent.parent
PATHS = (ROOT / "README.md", ROOT / "docs" / "commands.md")
README = PATHS[0].read_text()
TEXT = "\n".join(path.read_text() for path in PATHS)
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()
]
WORDS = [
    shlex.split(line, comments=True)[1:] for line in COMMANDS if line.startswith("crashbench ")
]
RUNS = [
    with_command(words)[1:]
    for words in WORDS
    if with_command(words)[0] == "run" and "--help" not in words
]
MATRICES = [
    " ".join(shlex.split(line, comments=True)[2:]).removeprefix("ARGS=").split()
    for line in COMMANDS
    if line.startswith(("make matrix", "crashbench matrix"))
]


def test_it_names_every_library_whose_stock_preset_never_rescues() -> None:
    workers = Workers(1, 10, 5, 5, 6.0)
    never = {
        library
        for library in LIBRARIES
        if not library.startswith("control_")
        and load_adapter(library).preset("stock", workers).rescue is None
    }
    (said,) = re.findall(r"\*unknown\*\. ([^.]*) never do:", " ".join(README.split()))

    assert {name.replace("-", "_") for name in said.split(" and ")} == never


def test_it_says_how_many_sorts_of_faults_there_are() -> None:
    (said,) = re.findall(r"A kill is one of (\d+) \[faults\]", README)

    assert int(said) == len(TABLE)


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_every_run_that_it_shows_gets_past_the_plan(words: list[str]) -> None:
    options = dict(zip(words[::2], words[1::2], strict=True))
    values = [
        value for option, value in zip(words[::2], words[1::2], strict=True) if option == "--set"
    ]
    settings = [
        value
        for option, value in zip(words[::2], words[1::2], strict=True)
        if option == "--setting"
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
        settings=settings,
    )
    assert request.forecast.lines


@pytest.mark.parametrize("words", MATRICES, ids=" ".join)
def test_every_matrix_that_it_shows_can_be_laid_out_with_nothing_left_out(words: list[str]) -> None:
    options = dict(zip(words[::2], words[1::2], strict=True))
    known = {"--libraries", "--presets", "--scenarios", "--repetitions", "--junit"}
    assert options.keys() <= known
    assert set(matrix_command.listed(options.get("--libraries", ""))) <= LIBRARIES.keys()
    plan = plan_matrix(
        Wish(
            libraries=matrix_command.listed(matrix_command.DEFAULT_LIBRARIES),
            presets=matrix_command.listed(options.get("--presets", matrix_command.DEFAULT_PRESETS)),
            scenarios=matrix_command.listed(
                options.get("--scenarios", matrix_command.DEFAULT_SCENARIOS)
            ),
            repetitions=int(options.get("--repetitions", matrix_command.DEFAULT_REPETITIONS)),
            results=Path("results/matrix"),
        )
    )
    assert plan.runs
    assert plan.not_offered == []


def test_every_command_that_it_shows_is_there() -> None:
    known = [words.split() for section in SECTIONS for words in section.commands]
    shown = [with_command(words) for words in WORDS if words != ["--help"]]
    assert [words for words in shown if not any(words[: len(k)] == k for k in known)] == []
    assert {words[0] for words in shown} >= {"run", "judge", "report", "explain", "reproduce"}


def test_the_matrix_is_as_large_as_it_says_when_nothing_else_is_asked_for() -> None:
    presets = len(matrix_command.listed(matrix_command.DEFAULT_PRESETS))
    scenarios = len(matrix_command.listed(matrix_command.DEFAULT_SCENARIOS))
    repetitions = matrix_command.DEFAULT_REPETITIONS
    told = f"{presets} presets x {scenarios} short scenarios x {repetitions} repetitions"
    assert told in TEXT


def test_it_is_short_and_opens_with_the_question_and_a_picture() -> None:
    lines = README.splitlines()
    assert len(lines) < 150
    assert any(line.endswith("?**") for line in lines[:5])
    assert any(line.startswith("![") for line in lines[:20])


def test_the_picture_is_small() -> None:
    picture = (ROOT / "docs" / "report.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 200_000


def test_the_page_of_scenarios_names_every_shipped_one_and_no_other() -> None:
    page = (ROOT / "scenarios" / "README.md").read_text()
    table = page.partition("## What is shipped")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z_0-9`, ]+`) \| ", table, re.MULTILINE)
    named = sorted(name for row in rows for name in re.findall(r"`(\w+)`", row))
    assert named == sorted({name.removesuffix("_short") for name in scenario_names()})


def test_every_target_that_it_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", TEXT)) <= targets


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_every_file_that_it_links_to_exists(path: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", path.read_text()) if "://" not in link]
    assert links
    assert [link for link in links if not (path.parent / link.partition("#")[0]).exists()] == []

"""RESULTS.md's commands: each carries out again what was measured, and nothing else is promised.

A run that no words lead to (its history does not say how it was asked for) is repeated from its
history by `crashbench reproduce`.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from analysis.compare.cells import Block, Run
from orchestrator.history.records import RunStart

PROGRAM = "crashbench"
FOLDER = "results/matrix"


@dataclass(frozen=True)
class _Key:
    """Runs that one command can carry out share these."""

    values: tuple[str, ...]
    settings: tuple[str, ...]


@dataclass
class _Asked:
    """Of one scenario under one key: for whom, and how often."""

    libraries: set[str] = field(default_factory=set)
    presets: set[str] = field(default_factory=set)
    repetitions: int = 0

    @property
    def group(self) -> tuple[tuple[str, ...], tuple[str, ...], int]:
        """Scenarios with equal ones stand in one command."""
        return tuple(sorted(self.libraries)), tuple(sorted(self.presets)), self.repetitions


def how_to_repeat(blocks: Sequence[Block], pages: str | None) -> list[str]:
    """The section, as lines; `pages` = the folder of the scenarios' pages, where there are any."""
    runs = [run for block in blocks for run in [*block.runs, *block.invalid]]
    return [
        "## How to repeat it",
        "",
        "```sh",
        "# In a checkout first: make setup && . .venv/bin/activate",
        f"{PROGRAM} adapters --build # what the libraries need; for pgqueuer nothing",
        *matrix_commands(runs),
        *_reproductions(runs),
        f"{PROGRAM} results {FOLDER} {_pages(pages)}> RESULTS.md",
        "```",
        "",
        "A single run, exactly as it was asked for:",
        f"`{PROGRAM} reproduce {FOLDER}/RUN.jsonl`.",
        "",
    ]


def run_command(start: RunStart) -> str:
    """What asks for this one run again; "" where its history does not say how it was asked for."""
    if start.invocation is None:
        return ""
    named = ["--scenario", start.invocation.scenario, "--library", start.invocation.library]
    named += ["--preset", start.base_preset, "--ordinal", str(start.ordinal)]
    put = [("--set", value) for value in start.value_words]
    put += [("--setting", setting) for setting in start.setting_words]
    return shlex.join([PROGRAM, "run", *named, *(word for pair in put for word in pair)])


def _pages(folder: str | None) -> str:
    return "" if folder is None else f"--pages {shlex.quote(folder)} "


def matrix_commands(runs: Sequence[Run]) -> list[str]:
    """A matrix for each group of scenarios that were run with the same cells, values and settings;
    each is a whole command, a backslash and a new line in it."""
    asked: defaultdict[_Key, defaultdict[str, _Asked]] = defaultdict(lambda: defaultdict(_Asked))
    for run in runs:
        start = run.start
        if start.invocation is None or not _has_words(run):
            continue
        key = _Key(start.invocation.values, start.setting_words)
        one = asked[key][start.invocation.scenario]
        one.libraries.add(start.invocation.library)
        one.presets.add(start.base_preset)
        one.repetitions = max(one.repetitions, start.ordinal)
    return [
        command
        for key in sorted(asked, key=lambda key: (key.values, key.settings))
        for command in _commands(key, asked[key])
    ]


def _commands(key: _Key, scenarios: dict[str, _Asked]) -> list[str]:
    groups: defaultdict[tuple[tuple[str, ...], tuple[str, ...], int], list[str]]
    groups = defaultdict(list)
    for scenario, asked in sorted(scenarios.items()):
        groups[asked.group].append(scenario)
    more = [f"--set {shlex.quote(value)}" for value in key.values]
    more += [f"--setting {shlex.quote(setting)}" for setting in key.settings]
    return [
        " \\\n  ".join(
            [
                f"{PROGRAM} matrix --libraries {shlex.quote(','.join(libraries))} "
                f"--presets {shlex.quote(','.join(presets))}",
                f"--scenarios {shlex.quote(','.join(names))} --repetitions {repetitions}",
                *more,
            ]
        )
        for (libraries, presets, repetitions), names in sorted(groups.items())
    ]


def _has_words(run: Run) -> bool:
    """A matrix separates names by commas, so none may be in one."""
    invocation = run.start.invocation
    return invocation is not None and "," not in invocation.scenario + invocation.library


def _reproductions(runs: Sequence[Run]) -> list[str]:
    """Of each column that no words lead to, its first run."""
    first: dict[tuple[str, str], str] = {}
    for run in sorted(runs, key=lambda run: run.run_id):
        if not _has_words(run):
            first.setdefault((run.start.scenario_name, run.start.cell_hash), run.run_id)
    return [
        f"{PROGRAM} reproduce {shlex.quote(f'{FOLDER}/{run_id}.jsonl')}"
        for run_id in sorted(set(first.values()))
    ]

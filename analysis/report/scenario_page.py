"""One page a scenario: every table, every value, every difference in configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.compare.cells import Block
from analysis.compare.differences import configuration_of, differing
from analysis.report.markdown import code, escaped
from analysis.report.results_block import block_lines, difference_lines
from analysis.report.terminal_cache import NO_COMPARISON

MADE_BY = "*Made by `crashbench results` from the histories (JSONL) alone. Do not edit it.*"
"""Stands in the third line of every page, so that old ones can be told from what others wrote."""
_FOREIGN = re.compile(r"[^a-z0-9_-]", re.IGNORECASE)


def by_machine(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks of each machine."""
    hashes = sorted({block.hardware_hash for block in blocks})
    return [[block for block in blocks if block.hardware_hash == found] for found in hashes]


def by_scenario(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    """The blocks of each scenario, in the order of their names."""
    names = sorted({block.scenario for block in blocks})
    return {name: [block for block in blocks if block.scenario == name] for name in names}


def file_names(blocks: Sequence[Block]) -> dict[str, str]:
    """By scenario: its page's file name, which no history can lead out of the folder."""
    names: dict[str, str] = {}
    for scenario in by_scenario(blocks):
        stem = _FOREIGN.sub("_", scenario)
        taken = sum(_FOREIGN.sub("_", other).lower() == stem.lower() for other in names)
        names[scenario] = f"{stem}{f'-{taken + 1}' if taken else ''}.md"
    return names


def scenario_pages(blocks: Sequence[Block]) -> dict[str, str]:
    """By file name: the page of each scenario."""
    names = file_names(blocks)
    machines = by_machine(blocks)
    pages = {}
    for scenario in names:
        lines = [f"# {escaped(scenario)}", "", MADE_BY, ""]
        for place, machine in enumerate(machines, 1):
            of_it = by_scenario(machine).get(scenario, [])
            if not of_it:
                continue
            lines += [f"## Machine {place}", ""] if len(machines) > 1 else []
            lines += _body(scenario, of_it, machine, "##")
        pages[names[scenario]] = "\n".join(lines).rstrip("\n") + "\n"
    return pages


def scenario_lines(scenario: str, blocks: Sequence[Block], machine: Sequence[Block]) -> list[str]:
    """All that is said of one scenario; `machine` has every block of its machine."""
    return [f"### {escaped(scenario)}", "", *_body(scenario, blocks, machine, "####")]


def _body(
    scenario: str, blocks: Sequence[Block], machine: Sequence[Block], heading: str
) -> list[str]:
    lines: list[str] = []
    starts = [run.start for block in blocks for run in [*block.runs, *block.invalid]]
    described = {(start.scenario.description, start.value_words) for start in starts}
    for text, values in sorted(described):
        lines += [f"> {escaped(text)}", ""] if text.strip() else []
        lines += [_put_on_top(values), ""] if values else []
    if any("cache" in start.needs for start in starts):
        lines += [f"The figures of the cache stand alone ({NO_COMPARISON}).", ""]
    if len(blocks) > 1:
        lines += _apart(blocks)
    for place, block in enumerate(blocks, 1):
        if len(blocks) > 1:
            lines += [f"{heading} {escaped(scenario)}: conditions {place}", ""]
        lines += block_lines(block, machine)
    return lines


def _put_on_top(values: Sequence[str]) -> str:
    """What makes the file's description untrue, perhaps."""
    return f"Set on top of the file: {', '.join(map(code, values))}."


def _apart(blocks: Sequence[Block]) -> list[str]:
    """What keeps the blocks of one scenario from being compared."""
    columns = [[configuration_of(block.conditions)] for block in blocks]
    names = [f"conditions {place}" for place in range(1, len(blocks) + 1)]
    return [
        f"These runs were made under {len(blocks)} sets of conditions, which are not compared with "
        "one another. They differ in:",
        "",
        *difference_lines(differing(columns), names),
        "",
    ]

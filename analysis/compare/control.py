"""The no-fault control of a tuned preset: quick recovery that duplicates live work is none.

A tuned preset stands beside what the same settings did to healthy jobs. One that ran a healthy job
twice, or failed an expectation without any fault, is not reported as tuned: its figures are left
out, and the table of runs says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from analysis.compare.cells import Block, Cell, Run

CONTROL_SCENARIO = "crash_recovery_no_fault"
CONTROLLED_PRESET = "tuned"


def controls_of(cell: Cell, machine: Sequence[Block]) -> list[Run] | None:
    """Its controls on this machine: same version, same rescue. None = a preset that needs none."""
    if cell.preset != CONTROLLED_PRESET:
        return None
    start = cell.runs[0].start
    return [
        run
        for block in machine
        if block.scenario == CONTROL_SCENARIO
        for run in [*block.runs, *block.invalid]
        if (run.start.library, run.start.preset) == (cell.library, cell.preset)
        and run.start.library_version == start.library_version
        and run.start.rescue == start.rescue
    ]


def fails(controls: Iterable[Run]) -> bool:
    """Whether one of them shows a live duplicate, or breaks an expectation."""
    return any(
        run.summary.verdict == "fail"
        or (not run.is_invalid and run.summary.crash.duplicate_executions > 0)
        for run in controls
    )


def reported(block: Block, machine: Sequence[Block]) -> Block:
    """Without the cells that fail their control; the control's own block keeps them all."""
    if block.scenario == CONTROL_SCENARIO:
        return block
    cells = [cell for cell in block.cells if not fails(controls_of(cell, machine) or ())]
    return replace(block, cells=cells)


def control_text(cell: Cell, machine: Sequence[Block], *, needs_none: str) -> str:
    """For the table of runs: what the controls showed, or that there was none."""
    controls = controls_of(cell, machine)
    if controls is None:
        return needs_none
    if not controls:
        return "**none was run**"
    duplicates = sum(run.summary.crash.duplicate_executions for run in controls)
    text = f"{counted(run.summary.verdict for run in controls)}; {duplicates} duplicates"
    return f"{text}: **not reported as tuned**" if fails(controls) else text


def counted(verdicts: Iterable[str]) -> str:
    """Each verdict with its number."""
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(Counter(verdicts).items()))

"""The no-fault control of a tuned preset: quick recovery that duplicates live work is none.

A tuned preset stands beside what the same settings did to healthy jobs. One that ran a healthy job
twice, or failed an expectation without any fault, is not reported as tuned: its figures are left
out, and the table of runs says why. Single settings that were changed are somebody's tuning too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from analysis.compare.cells import Block, Cell, Run
from orchestrator.history.records import RunStart

CONTROL_SCENARIO = "crash_recovery_no_fault"
CUT_CONTROL = f"{CONTROL_SCENARIO}_up_to_"
"""How the name of one begins whose longer jobs were cut."""
CONTROLLED_PRESET = "tuned"


@dataclass(frozen=True)
class Controls:
    """The controls of one column, by what they can vouch for."""

    same: list[Run]
    """Of the very same adapter and settings."""
    of_another_adapter: list[Run]
    """Of other files of an adapter that is kept elsewhere: they vouch for nothing."""


def controls_of(cell: Cell, machine: Sequence[Block]) -> Controls | None:
    """Its controls on this machine: same version, same resolved preset. None = it needs none."""
    start = cell.runs[0].start
    if start.base_preset != CONTROLLED_PRESET and not start.changed_settings:
        return None
    found = [
        run
        for block in machine
        if is_control(block)
        for run in [*block.runs, *block.invalid]
        if _is_of(run.start, start)
    ]
    same = [run for run in found if run.start.adapter_sha256 == start.adapter_sha256]
    return Controls(same, [run for run in found if run not in same])


def is_control(block: Block) -> bool:
    """Whether its runs are controls."""
    return block.scenario == CONTROL_SCENARIO or block.scenario.startswith(CUT_CONTROL)


def _is_of(control: RunStart, start: RunStart) -> bool:
    """Whether a control is of this library and preset, resolved to the same settings."""
    if (control.library, control.preset, control.library_version) != (
        start.library,
        start.preset,
        start.library_version,
    ):
        return False
    if control.preset_hash is None or start.preset_hash is None:
        return control.rescue == start.rescue
    return control.preset_hash == start.preset_hash


def fails(controls: Iterable[Run]) -> bool:
    """Whether one of them shows a live duplicate, or breaks an expectation."""
    return any(
        run.summary.verdict == "fail" or (not run.is_invalid and run.summary.crash.duplicated > 0)
        for run in controls
    )


def reported(block: Block, machine: Sequence[Block]) -> Block:
    """Without the cells that fail their control; the control's own block keeps them all."""
    if is_control(block):
        return block
    return replace(block, cells=[cell for cell in block.cells if not _fails(cell, machine)])


def _fails(cell: Cell, machine: Sequence[Block]) -> bool:
    controls = controls_of(cell, machine)
    return controls is not None and fails(controls.same)


def control_text(cell: Cell, machine: Sequence[Block], *, needs_none: str) -> str:
    """For the table of runs: what the controls showed, or that there was none."""
    controls = controls_of(cell, machine)
    if controls is None:
        return needs_none
    if controls.same:
        text = _outcome_text(controls.same)
        return f"{text}: **not reported as tuned**" if fails(controls.same) else text
    if controls.of_another_adapter:
        return f"{_outcome_text(controls.of_another_adapter)}, **under another adapter hash**"
    return "**none was run**"


def control_lines(block: Block, machine: Sequence[Block]) -> Iterator[str]:
    """A sentence for each column that rests on a control: on which."""
    if is_control(block):
        return
    for cell in block.cells:
        controls = controls_of(cell, machine)
        if controls is None:
            continue
        own = cell.runs[0].start.adapter_sha256
        if controls.same:
            yield f"{cell.label} rests on the no-fault control {_names(controls.same)}."
        for run in controls.of_another_adapter:
            yield (
                f"{_names([run])} was run under another adapter hash "
                f"({_short(run.start.adapter_sha256)}) than {cell.label} ({_short(own)}), and "
                "vouches for nothing here."
            )


def _names(runs: Sequence[Run]) -> str:
    return ", ".join(sorted({run.run_id for run in runs}))


def _short(adapter_sha256: str | None) -> str:
    return "bundled" if adapter_sha256 is None else adapter_sha256[:12]


def _outcome_text(controls: Sequence[Run]) -> str:
    duplicates = sum(run.summary.crash.duplicated for run in controls)
    return f"{counted(run.summary.verdict for run in controls)}; {duplicates} duplicates"


def counted(verdicts: Iterable[str]) -> str:
    """Each verdict with its number."""
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(Counter(verdicts).items()))

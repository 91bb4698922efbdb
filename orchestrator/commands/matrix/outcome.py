"""What came of a cell, and what a whole matrix ends with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from analysis.summary.types import RunVerdict, Summary
from analysis.summary.verdict import worst
from orchestrator.commands.matrix.plan import Cell, NotOffered

CellVerdict = RunVerdict | Literal["error", "not offered"]

EXIT_ERROR = 2
"""README's code for a world that would not let the run happen."""


@dataclass(frozen=True)
class Outcome:
    """One cell, done, kept from before, failed or not offered."""

    run_id: str
    scenario: str
    library: str
    preset: str
    verdict: CellVerdict
    exit_code: int
    reasons: tuple[str, ...]
    """Sentences; empty where the run passed."""
    took_s: float = 0.0
    kept: bool = False
    is_control: bool = False
    duplicates: int | None = None
    """Duplicate executions; None = there is no ledger."""


def judged(cell: Cell, judgement: Summary, took_s: float, *, kept: bool) -> Outcome:
    """The outcome of a run that has a history."""
    return Outcome(
        run_id=cell.run_id,
        scenario=cell.request.scenario.name,
        library=cell.request.library,
        preset=cell.request.preset.name,
        verdict=judgement.verdict,
        exit_code=judgement.exit_code,
        reasons=tuple(judgement.reasons),
        took_s=took_s,
        kept=kept,
        is_control=cell.is_control,
        duplicates=judgement.crash.duplicate_executions,
    )


def failed(cell: Cell, reason: str, took_s: float) -> Outcome:
    """The outcome of a run that has left no history."""
    return Outcome(
        run_id=cell.run_id,
        scenario=cell.request.scenario.name,
        library=cell.request.library,
        preset=cell.request.preset.name,
        verdict="error",
        exit_code=EXIT_ERROR,
        reasons=(reason,),
        took_s=took_s,
        is_control=cell.is_control,
    )


def absent(cell: NotOffered) -> Outcome:
    """The outcome of a cell that cannot be: no failure."""
    return Outcome(
        run_id=f"{cell.scenario}-{cell.library}-{cell.preset}",
        scenario=cell.scenario,
        library=cell.library,
        preset=cell.preset,
        verdict="not offered",
        exit_code=0,
        reasons=(cell.why,),
    )


def exit_code_of(outcomes: Iterable[Outcome]) -> int:
    """The worst verdict's, by README's precedence."""
    return worst(outcome.exit_code for outcome in outcomes)

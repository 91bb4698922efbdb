"""What came of a cell, by its summary, which is made of its history alone; and of all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.errors import SummaryError
from analysis.summary.summary import read_summary
from analysis.summary.types import RunVerdict, Summary
from analysis.summary.verdict import worst
from orchestrator.commands.matrix.plan import Cell, NotOffered
from orchestrator.errors import ResultsError
from orchestrator.run.subprocess_run import wait_for

CellVerdict = RunVerdict | Literal["error", "not offered"]

EXIT_ERROR = 2
"""README's code for a world that would not let the run happen."""
_ANALYSIS_LIMIT_S = 600.0


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


def judgement_of(history: Path) -> Summary:
    """The verdict on a finished history, which is analysed only where that has not been done yet.

    The analysis is a process of its own: what it makes of a strange history cannot harm the
    others. Raises `ResultsError`.
    """
    summary = history.with_suffix(".summary.json")
    known = _known(history, summary)
    if known is not None:
        return known
    argv = [sys.executable, "-m", "analysis", "summary", str(history)]
    ended = wait_for(argv, limit_s=_ANALYSIS_LIMIT_S, name="its analysis")
    made = _known(history, summary)
    if made is None:
        raise ResultsError(
            f"the summary of {history} cannot be had: {ended.said}. Move the "
            "history elsewhere, and the run will be done again"
        )
    return made


def _known(history: Path, summary: Path) -> Summary | None:
    """What a summary says that is of this version and not older than its history."""
    try:
        if summary.stat().st_mtime_ns < history.stat().st_mtime_ns:
            return None
        return read_summary(summary)
    except (OSError, SummaryError):
        return None

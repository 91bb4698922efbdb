"""What came of a run, by its summary, which is made of its history alone; and of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from analysis.errors import SummaryError
from analysis.report.answer import Harm, answer
from analysis.summary.summary import read_summary
from analysis.summary.types import RunVerdict, Summary
from analysis.summary.verdict import worst
from orchestrator.commands.matrix.figures import main_figures
from orchestrator.commands.matrix.plan import MatrixRun, NotOffered
from orchestrator.errors import ResultsError
from orchestrator.run.subprocess_run import wait_for
from worker_child.paths import OUR_PYTHON

OutcomeVerdict = RunVerdict | Literal["error", "not offered"]

EXIT_ERROR = 2
"""README's code for a world that would not let the run happen."""
_ANALYSIS_LIMIT_S = 600.0


@dataclass(frozen=True)
class Outcome:
    """One run, done, kept from before, failed or not offered."""

    run_id: str
    scenario: str
    library: str
    preset: str
    verdict: OutcomeVerdict
    exit_code: int
    reasons: tuple[str, ...]
    """Sentences; empty where the run passed."""
    finding: str = ""
    """The first sentence of its answer; empty where there is no history."""
    harm: Harm = "none"
    """How bad that is."""
    took_s: float = 0.0
    kept: bool = False
    machine: str = ""
    """Where it ran; empty = here, or it was kept."""
    is_control: bool = False
    control: str | None = None
    """The run_id of the no-fault control that this run's column rests on."""
    duplicates: int | None = None
    """Jobs that were executed twice; None = there is no ledger."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """The main ones of the summary, by a dotted name, as text."""


def judged(run: MatrixRun, judgement: Summary, took_s: float, *, kept: bool) -> Outcome:
    """The outcome of a run that has a history."""
    told = answer(judgement)
    return Outcome(
        run_id=run.run_id,
        scenario=run.request.scenario.name,
        library=run.request.library,
        preset=run.request.preset.name,
        verdict=judgement.verdict,
        exit_code=judgement.exit_code,
        reasons=tuple(judgement.reasons),
        finding=told.finding,
        harm=told.harm,
        took_s=took_s,
        kept=kept,
        is_control=run.is_control,
        control=run.control,
        duplicates=judgement.crash.duplicated,
        figures=main_figures(judgement),
    )


def failed(run: MatrixRun, reason: str, took_s: float) -> Outcome:
    """The outcome of a run that has left no history."""
    return Outcome(
        run_id=run.run_id,
        scenario=run.request.scenario.name,
        library=run.request.library,
        preset=run.request.preset.name,
        verdict="error",
        exit_code=EXIT_ERROR,
        reasons=(reason,),
        took_s=took_s,
        is_control=run.is_control,
        control=run.control,
    )


def absent(run: NotOffered) -> Outcome:
    """The outcome of a run that cannot be: no failure."""
    return Outcome(
        run_id=f"{run.scenario}-{run.library}-{run.preset}",
        scenario=run.scenario,
        library=run.library,
        preset=run.preset,
        verdict="not offered",
        exit_code=0,
        reasons=(run.why,),
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
    argv = [*OUR_PYTHON, "-m", "analysis", "summary", str(history)]
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

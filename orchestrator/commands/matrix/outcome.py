"""What came of a run, and what a whole matrix ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from analysis.summary.verdict import RunVerdict, worst
from orchestrator.commands.matrix.judge import Judgement
from orchestrator.commands.matrix.plan import MatrixRun, NotOffered

OutcomeVerdict = RunVerdict | Literal["error", "not offered"]

EXIT_ERROR = 2
"""README's code for a world that would not let the run happen."""


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
    took_s: float = 0.0
    kept: bool = False
    is_control: bool = False
    control: str | None = None
    """The run_id of the no-fault control that this run's column rests on."""
    duplicates: int | None = None
    """Duplicate executions; None = there is no ledger."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """Of the summary, by a dotted name, as text."""


def judged(
    run: MatrixRun,
    judgement: Judgement,
    took_s: float,
    *,
    kept: bool,
    figures: Mapping[str, str] | None = None,
) -> Outcome:
    """The outcome of a run that has a history."""
    return Outcome(
        run_id=run.run_id,
        scenario=run.request.scenario.name,
        library=run.request.library,
        preset=run.request.preset.name,
        verdict=judgement.verdict,
        exit_code=judgement.exit_code,
        reasons=tuple(judgement.reasons),
        took_s=took_s,
        kept=kept,
        is_control=run.is_control,
        control=run.control,
        duplicates=judgement.crash.duplicate_executions,
        figures=figures or {},
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

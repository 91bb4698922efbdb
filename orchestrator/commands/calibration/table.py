"""Prints expected against found: one line for each control, harm and set of jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from orchestrator.commands.calibration.compare import Comparison
from orchestrator.commands.calibration.controls import Trial
from orchestrator.commands.calibration.trials import Outcome
from orchestrator.run.subprocess_run import AT_ONCE

_HARMS = {"control_held": "held kill", "control_timed": "timed kill", "control_paused": "pause"}


def harm_of(outcome: Outcome) -> str:
    """What was done to a worker."""
    return _HARMS.get(outcome.trial.scenario, "none")


def print_prospect(trials: Sequence[Trial], console: Console) -> None:
    """What is about to happen."""
    console.print(
        f"{len(trials)} runs of control queues, {AT_ONCE} at a time: about a minute",
        highlight=False,
    )


def print_progress(outcome: Outcome, done: int, of: int, console: Console) -> None:
    """One line when a run has been judged."""
    verdict = "as expected" if outcome.agrees else _fault_of(outcome)
    console.print(
        f"{done}/{of}  {outcome.trial.control.library}, harm: {harm_of(outcome)}, "
        f"{outcome.took_s:.0f} s: {verdict}",
        highlight=False,
    )


def print_outcomes(outcomes: Sequence[Outcome], console: Console) -> None:
    """The table; below it whatever differs, job by job.

    ``(fixed)`` = known before the run, by where its jobs were held; ``(at least)`` = of the jobs
    that must be among the set; else worked out from the control's own audit.
    """
    table = Table(title="expected and found", box=None, padding=(0, 2), title_justify="left")
    for heading in ("control", "harm", "jobs"):
        table.add_column(heading, no_wrap=True)
    for heading in ("expected", "found"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for outcome in outcomes:
        control, harm = outcome.trial.control.library.removeprefix("control_"), harm_of(outcome)
        for what, expected, found, agrees in _lines(outcome.comparisons):
            table.add_row(control, harm, what, str(expected), str(found), _mark(agrees))
            control = harm = ""
        if outcome.not_run is not None:
            table.add_row(control, harm, "", "", "", _fault_of(outcome))
    console.print(table)
    for outcome in outcomes:
        for sentence in _differences(outcome):
            line = f"{outcome.trial.run_id}: {sentence}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _lines(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, int, int, bool]]:
    """Sets that must be empty, and are, share a line."""
    nought = [c for c in comparisons if not c.expected and not c.found]
    for comparison in comparisons:
        if comparison not in nought:
            sizes = len(comparison.expected), len(comparison.found)
            yield comparison.what, *sizes, comparison.agrees
    if nought:
        yield "all others", 0, 0, True


def _differences(outcome: Outcome) -> Iterator[str]:
    if outcome.not_run is not None:
        yield f"{_fault_of(outcome)}: {outcome.not_run}"
    yield from outcome.doubts
    for comparison in outcome.comparisons:
        if not comparison.agrees:
            yield comparison.difference


def _fault_of(outcome: Outcome) -> str:
    return "DIFFERENT" if outcome.not_run is None else "could not be run"


def _mark(agrees: bool) -> str:
    return "ok" if agrees else "DIFFERENT"

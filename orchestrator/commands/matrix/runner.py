"""Carries a matrix out, run by run: keeps what is done, runs the rest, judges everything."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from orchestrator.commands.matrix.estimate import Estimate
from orchestrator.commands.matrix.figures import read_figures
from orchestrator.commands.matrix.judge import judgement_of
from orchestrator.commands.matrix.outcome import Outcome, absent, failed, judged
from orchestrator.commands.matrix.plan import MatrixRun, Plan
from orchestrator.commands.matrix.process import Ended
from orchestrator.commands.matrix.resume import difference, finished_runs, span_s
from orchestrator.errors import ResultsError


class Observer(Protocol):
    """Who hears how a matrix goes on."""

    def announce(self, plan: Plan, kept: int, left_s: float | None) -> None:
        """What is about to happen: `kept` runs are done already, the rest will take so long."""
        ...

    def begin(self, done: int, of: int, run: MatrixRun, left_s: float | None) -> None:
        """`run` is about to run."""
        ...

    def tick(self, elapsed_s: float, left_s: float | None) -> None:
        """It has gone on for so long; so long will all the rest take."""
        ...

    def end(self, done: int, of: int, outcome: Outcome, left_s: float | None) -> None:
        """A run is done, kept or failed; `done` runs are now."""
        ...


Save = Callable[[Sequence[Outcome]], None]
CarryOut = Callable[[MatrixRun, Callable[[float], None], Callable[[], bool]], Ended]


class Matrix:
    """One matrix under way.

    `run_cell` carries one run out in a process of its own; `save` gets all outcomes so far, after
    every run, so that nothing is lost if the matrix does not come to its end.
    """

    def __init__(self, plan: Plan, run_cell: CarryOut, observer: Observer, save: Save) -> None:
        self._plan = plan
        self._run_cell = run_cell
        self._observer = observer
        self._save = save
        self._estimate = Estimate()
        self._pending = list(plan.runs)
        self.outcomes: list[Outcome] = [absent(run) for run in plan.not_offered]
        """So far; in the order in which they came."""

    def carry_out(self, *, overwrite: bool) -> list[Outcome]:
        """Every run once. Raises `ResultsError` before the first run, and `Interrupted`."""
        kept = finished_runs(self._plan.runs, overwrite=overwrite)
        self._pending = [run for run in self._plan.runs if run.run_id not in kept]
        self._observer.announce(self._plan, len(kept), self._estimate.left_s(self._pending))
        for run in self._plan.runs:
            if run.run_id in kept:
                self._take(run, self._judge(run, None))
        with _interruptible() as interrupted:
            for run in list(self._pending):
                self._take(run, self._carry_out(run, interrupted))
        return self.outcomes

    def _carry_out(self, run: MatrixRun, interrupted: Callable[[], bool]) -> Outcome:
        of = len(self._plan.runs)
        left_s = self._estimate.left_s(self._pending)
        self._observer.begin(of - len(self._pending), of, run, left_s)

        def tick(elapsed_s: float) -> None:
            self._observer.tick(elapsed_s, self._estimate.left_s(self._pending, elapsed_s))

        try:
            ended = self._run_cell(run, tick, interrupted)
        except OSError as error:
            return failed(run, f"the run cannot be started: {error}", 0.0)
        if ended.complaint is not None:
            return failed(run, ended.complaint, ended.took_s)
        other = difference(run)
        if other is not None:
            return failed(run, f"the run left another history than asked for: {other}", 0.0)
        return self._judge(run, ended.took_s)

    def _judge(self, run: MatrixRun, took_s: float | None) -> Outcome:
        """By the history alone, whoever made it and when; `took_s` None = it was kept."""
        try:
            spent_s = span_s(run.history) if took_s is None else took_s
            judgement = judgement_of(run.history)
            figures = read_figures(run.history.with_suffix(".summary.json"))
        except (ResultsError, OSError) as error:
            return failed(run, str(error), took_s or 0.0)
        return judged(run, judgement, spent_s, kept=took_s is None, figures=figures)

    def _take(self, run: MatrixRun, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if outcome.verdict != "error":
            self._estimate.learn(run, outcome.took_s)
        self._pending = [other for other in self._pending if other.run_id != run.run_id]
        self._save(self.outcomes)
        of = len(self._plan.runs)
        done = len(self.outcomes) - len(self._plan.not_offered)
        self._observer.end(done, of, outcome, self._estimate.left_s(self._pending))


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM let the run under way end in good order, and then end the matrix."""
    wished: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        wished.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(wished)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Carries a matrix out, run by run: keeps what is done, runs the rest, judges everything."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Protocol

from orchestrator.commands.engine.engine import Block, Engine
from orchestrator.commands.engine.interruption import interruptible
from orchestrator.commands.matrix.outcome import Outcome, absent, failed, judged, judgement_of
from orchestrator.commands.matrix.plan import MatrixRun, Plan
from orchestrator.commands.matrix.resume import difference, finished_runs, span_s
from orchestrator.errors import ResultsError
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended


class Observer(Protocol):
    """Who hears how a matrix goes on."""

    def announce(self, plan: Plan, kept: int, left_s: float | None) -> None:
        """What is about to happen: `kept` runs are done already, the rest will take so long."""
        ...

    def begin(
        self, done: int, of: int, run: MatrixRun, left_s: float | None, machine: str = ""
    ) -> None:
        """`run` is about to run; `machine` = where, empty for this one."""
        ...

    def tick(self, elapsed_s: float, left_s: float | None) -> None:
        """It has gone on for so long; so long will all the rest take."""
        ...

    def end(self, done: int, of: int, outcome: Outcome, left_s: float | None) -> None:
        """A run is done, kept or failed; `done` runs are now."""
        ...

    def give_back(self, run_id: str) -> None:
        """It will not end where it was under way, and begins anew elsewhere."""
        ...

    def note(self, sentence: str) -> None:
        """Something happened that the user ought to know of."""
        ...


Save = Callable[[Sequence[Outcome]], None]


OVERHEAD_S = 8.0
"""Beside the scenario itself, before anything was seen: the server, the workers, the audit."""

_Key = tuple[str, ...]


class Estimate:
    """How long the rest of a matrix will take, learned from each finished run."""

    def __init__(self) -> None:
        self._took_s: defaultdict[_Key, list[float]] = defaultdict(list)
        self._overheads_s: list[float] = []

    def learn(self, run: MatrixRun, took_s: float) -> None:
        """`run` took so long, seconds."""
        self._took_s[_key(run)].append(took_s)
        expected_s = run.request.forecast.expected_s
        if expected_s is not None:
            self._overheads_s.append(took_s - expected_s)

    def length_s(self, run: MatrixRun) -> float | None:
        """Of one run: the mean of its kind, else what its scenario and preset let foresee."""
        known = self._took_s.get(_key(run))
        if known:
            return fmean(known)
        expected_s = run.request.forecast.expected_s
        if expected_s is not None:
            return max(0.0, expected_s + fmean(self._overheads_s or [OVERHEAD_S]))
        everything = [took_s for lengths in self._took_s.values() for took_s in lengths]
        return fmean(everything) if everything else None

    def left_s(
        self, runs: Iterable[MatrixRun], elapsed_s: float = 0.0, machines: int = 1
    ) -> float | None:
        """Of all `runs`, shared by so many machines, the first having gone on for `elapsed_s`;
        None = nobody can say yet."""
        work_s = longest_s = gone_s = 0.0
        for run in runs:
            length_s = self.length_s(run)
            if length_s is None:
                return None
            gone_s = gone_s if work_s else min(elapsed_s, length_s)
            work_s += length_s
            longest_s = max(longest_s, length_s)
        return max(0.0, max(work_s / machines, longest_s) - gone_s)


def _key(run: MatrixRun) -> _Key:
    request = run.request
    return request.scenario.name, request.library, request.preset.name


class Matrix:
    """One matrix under way; the engine's listener.

    `save` gets all outcomes so far, after every run, so that nothing is lost if the matrix does
    not come to its end.
    """

    def __init__(self, plan: Plan, engine: Engine, observer: Observer, save: Save) -> None:
        self._plan = plan
        self._engine = engine
        self._observer = observer
        self._save = save
        self._estimate = Estimate()
        self._pending = list(plan.runs)
        self._under_way: dict[str, tuple[str, float]] = {}
        """By the run's id: the machine, and when it began on the monotonic clock."""
        self.outcomes: list[Outcome] = [absent(run) for run in plan.not_offered]
        """So far; in the order in which they came."""

    def carry_out(self, *, overwrite: bool) -> list[Outcome]:
        """Every run once. Raises `CrashbenchError`, before the first run or where the engine can
        carry none out, and `Interrupted`."""
        kept = finished_runs(self._plan.runs, overwrite=overwrite)
        self._pending = [run for run in self._plan.runs if run.run_id not in kept]
        self._observer.announce(self._plan, len(kept), self._left_s())
        for run in self._plan.runs:
            if run.run_id in kept:
                self._take(run, self._judge(run, None))
        by_id = {run.run_id: run for run in self._pending}
        with interruptible() as interrupted:
            blocks = blocks_of(self._pending)
            for request, ended in self._engine.carry_out(blocks, self, interrupted):
                run = by_id[request.run_id]
                self._take(run, self._came_to(run, ended))
        return self.outcomes

    def begun(self, request: Request, machine: str) -> None:
        """See `Listener`."""
        run = next(run for run in self._pending if run.run_id == request.run_id)
        of = len(self._plan.runs)
        self._under_way[run.run_id] = machine, time.monotonic()
        self._observer.begin(of - len(self._pending), of, run, self._left_s(), machine)

    def tick(self, elapsed_s: float) -> None:
        """See `Listener`."""
        self._observer.tick(elapsed_s, self._left_s(elapsed_s))

    def given_back(self, request: Request) -> None:
        """See `Listener`."""
        self._under_way.pop(request.run_id, None)
        self._observer.give_back(request.run_id)

    def note(self, sentence: str) -> None:
        """See `Listener`."""
        self._observer.note(sentence)

    def _left_s(self, elapsed_s: float | None = None) -> float | None:
        """Where several run at once, each has had a part of what it takes."""
        machines = self._engine.machines()
        gone_s = elapsed_s or 0.0
        if machines > 1:
            now_s = time.monotonic()
            gone_s = sum(now_s - begun_s for _, begun_s in self._under_way.values()) / machines
        return self._estimate.left_s(self._pending, gone_s, machines)

    def _came_to(self, run: MatrixRun, ended: Ended) -> Outcome:
        # 3 is a verdict's exit code, and also that of a run that could not be carried out.
        if ended.complaint is not None or not run.history.exists():
            return failed(run, ended.said, ended.took_s)
        other = difference(run)
        if other is not None:
            return failed(run, f"the run left another history than asked for: {other}", 0.0)
        return self._judge(run, ended.took_s)

    def _judge(self, run: MatrixRun, took_s: float | None) -> Outcome:
        """By the history alone, whoever made it and when; `took_s` None = it was kept."""
        try:
            spent_s = span_s(run.history) if took_s is None else took_s
            judgement = judgement_of(run.history)
        except (ResultsError, OSError) as error:
            return failed(run, str(error), took_s or 0.0)
        return judged(run, judgement, spent_s, kept=took_s is None)

    def _take(self, run: MatrixRun, outcome: Outcome) -> None:
        machine, _ = self._under_way.pop(run.run_id, ("", 0.0))
        outcome = replace(outcome, machine=machine)
        self.outcomes.append(outcome)
        if outcome.verdict != "error":
            self._estimate.learn(run, outcome.took_s)
        self._pending = [other for other in self._pending if other.run_id != run.run_id]
        self._save(self.outcomes)
        of = len(self._plan.runs)
        done = len(self.outcomes) - len(self._plan.not_offered)
        self._observer.end(done, of, outcome, self._left_s())


def blocks_of(runs: Iterable[MatrixRun]) -> list[Block]:
    """One for each repetition of a scenario: what is compared pair by pair, in the plan's order."""
    blocks: defaultdict[tuple[int, str], list[Request]] = defaultdict(list)
    for run in runs:
        blocks[run.request.ordinal, run.request.scenario.name].append(run.request)
    return list(blocks.values())

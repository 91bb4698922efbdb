"""Has the controls run, two at a time on one server, and judges each as soon as it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import AnalysisError
from orchestrator.commands.calibration.compare import Comparison, compare, doubts, found_sets
from orchestrator.commands.calibration.controls import PRESET, Trial
from orchestrator.commands.calibration.oracle import expect
from orchestrator.history.files import RunFiles
from orchestrator.postgres.server import open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.run.run_plan import Interrupted
from orchestrator.run.subprocess_run import run_argv, wait_for
from orchestrator.scenario.fault_checks import planned_faults
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.types import Scenario

AT_ONCE = 2
RUN_LIMIT_S = 100.0
"""A control's run takes some 10 s, that of the short lease 30 s."""


@dataclass(frozen=True)
class Outcome:
    """What came of one trial."""

    trial: Trial
    comparisons: list[Comparison]
    doubts: list[str]
    """Sentences; each is a failure of its own."""
    took_s: float = 0.0
    not_run: str | None = None
    """What kept the run from being carried out, of which nothing can then be said; None = it was
    carried out."""

    @property
    def agrees(self) -> bool:
        """Whether the instrument found what had to be found."""
        as_expected = all(comparison.agrees for comparison in self.comparisons)
        return self.not_run is None and not self.doubts and as_expected


def exit_code_of(outcomes: Sequence[Outcome]) -> int:
    """2 where a run could not be carried out, before 1 for a difference, as for a matrix."""
    if any(outcome.not_run is not None for outcome in outcomes):
        return 2
    return 0 if all(outcome.agrees for outcome in outcomes) else 1


@contextmanager
def server_for_all(dsn: str | None) -> Iterator[str]:
    """The DSN of a server for every run; an ephemeral one unless `dsn` is given."""
    if dsn is not None:
        yield dsn
        return
    with Janitor() as janitor, open_server(None, run_id="calibration", janitor=janitor) as server:
        yield server.dsn


def carry_out_trials(
    trials: Sequence[Trial], *, dsn: str, results: Path, observe: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run and judge `trials`; `observe` hears of each outcome as it comes. In their own order.

    Raises `Interrupted` once the runs under way, which hear of a Ctrl-C themselves, have ended.
    """
    outcomes: dict[str, Outcome] = {}
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="trial")
    try:
        futures = [pool.submit(_carry_out, trial, dsn, results) for trial in trials]
        for future in as_completed(futures):
            outcome = future.result()
            outcomes[outcome.trial.run_id] = outcome
            observe(outcome)
    except KeyboardInterrupt:
        raise Interrupted from None
    finally:
        pool.shutdown(cancel_futures=True)
    return [outcomes[trial.run_id] for trial in trials]


def judge(trial: Trial, scenario: Scenario, history: Path, took_s: float = 0.0) -> Outcome:
    """Judge a finished history by its summary and its table of jobs, both beside it.

    What must be found is written down before anything is compared. Raises OSError.
    """
    expected = expect(trial.control, scenario, history)
    expected.write(history.parent)
    summary = history.parent / f"{expected.run_id}.summary.json"
    try:
        found = found_sets(history)
    except AnalysisError as error:
        return Outcome(trial, [], [str(error)], took_s)
    found_doubts = doubts(summary, expected, found, planned_faults(scenario))
    return Outcome(trial, compare(expected, found), found_doubts, took_s)


def _carry_out(trial: Trial, dsn: str, results: Path) -> Outcome:
    files = RunFiles(results, trial.run_id)
    before_ns = _written_ns(files.summary)
    begun_s = time.monotonic()
    ended = _run(trial, dsn, results)
    took_s = time.monotonic() - begun_s
    # Not by the exit code: 3 is that of an invalid run, and of one that never began.
    if _written_ns(files.summary) in (None, before_ns):
        return Outcome(trial, [], [], took_s, not_run=ended)
    return judge(trial, load_scenario(str(trial.path)), files.history, took_s)


def _written_ns(path: Path) -> int | None:
    """When a file was last written, ns since the epoch; None = there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _run(trial: Trial, dsn: str, results: Path) -> str:
    """Carry out one run in a process of its own; returns how it ended and what it said last."""
    options = {
        "--scenario": trial.path,
        "--library": trial.control.library,
        "--preset": PRESET,
        "--results": results,
    }
    return wait_for(run_argv(options, "--overwrite"), limit_s=RUN_LIMIT_S, dsn=dsn).said

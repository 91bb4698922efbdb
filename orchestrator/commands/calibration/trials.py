"""Has the controls run, two at a time on one server, and judges each as soon as it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.summary.summary import read_summary
from orchestrator.commands.calibration.compare import Comparison, compare, doubts, found_sets
from orchestrator.commands.calibration.controls import PRESET, Trial
from orchestrator.commands.calibration.oracle import expect
from orchestrator.history.files import RunFiles
from orchestrator.postgres.server import open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.run.request import make_request
from orchestrator.run.subprocess_run import IsInterrupted, each_as_it_ends, run_in_process
from orchestrator.scenario.fault_checks import planned_faults
from orchestrator.scenario.load import resolve_scenario
from orchestrator.scenario.types import Scenario


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

    def carry_out(trial: Trial, interrupted: IsInterrupted) -> Outcome:
        return _carry_out(trial, dsn, results, interrupted)

    outcomes: dict[str, Outcome] = {}
    for trial, outcome in each_as_it_ends(carry_out, trials):
        outcomes[trial.run_id] = outcome
        observe(outcome)
    return [outcomes[trial.run_id] for trial in trials]


def judge(trial: Trial, scenario: Scenario, history: Path, took_s: float = 0.0) -> Outcome:
    """Judge a finished history by its summary and its table of jobs, both beside it.

    What must be found is written down before anything is compared. Raises OSError.
    """
    expected = expect(trial.control, scenario, history)
    expected.write(history.parent)
    try:
        found = found_sets(history)
        summary = read_summary(history.parent / f"{expected.run_id}.summary.json")
    except AnalysisError as error:
        return Outcome(trial, [], [str(error)], took_s)
    found_doubts = doubts(summary, expected, found, planned_faults(scenario), trial.finds)
    return Outcome(trial, compare(expected, found), found_doubts, took_s)


def _carry_out(trial: Trial, dsn: str, results: Path, interrupted: IsInterrupted) -> Outcome:
    request = make_request(
        resolve_scenario(str(trial.path)),
        library=trial.control.library,
        preset=PRESET,
        ordinal=1,
        dsn=dsn,
        results=results,
        overwrite=True,
    )
    files = RunFiles(results, trial.run_id)
    before_ns = _written_ns(files.summary)
    ended = run_in_process(request, interrupted=interrupted)
    # Not by the exit code: 3 is that of an invalid run, and of one that never began.
    if _written_ns(files.summary) in (None, before_ns):
        return Outcome(trial, [], [], ended.took_s, not_run=ended.said)
    return judge(trial, request.scenario, files.history, ended.took_s)


def _written_ns(path: Path) -> int | None:
    """When a file was last written, ns since the epoch; None = there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None

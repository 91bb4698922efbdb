"""What an earlier call has left of an enumeration, and whether it can be kept."""

from __future__ import annotations

from pathlib import Path

import msgspec

from analysis.compare.crash_points import CrashPoints, PointRun, PointVerdict, judge_point
from analysis.errors import AnalysisError
from analysis.summary.summary import read_summary, write_summary
from analysis.summary.types import Summary
from orchestrator.commands.reproduce import read_start
from orchestrator.errors import ResultsError
from orchestrator.history.files import RunFiles
from orchestrator.paths import ROOT
from orchestrator.run import environment
from orchestrator.run.request import Request

REPEATED: frozenset[PointVerdict] = frozenset({"not_reached", "invalid"})
"""Such a run is repeated: a worker's timers decide whether it comes to its point a second time."""


class Kept:
    """Runs that lie in the folder of results.

    `server_version` is that of the server on which the others are carried out. `earlier` is the
    table of an earlier call; None = there is none.
    """

    def __init__(self, server_version: str | None, earlier: CrashPoints | None) -> None:
        self._server_version = server_version
        self._code = environment.describe_code(ROOT)["sha256"]
        self._used_up = {
            run.run_id
            for point in (earlier.points if earlier is not None else ())
            for run in point.runs
            if run.verdict in REPEATED
        }

    def result(self, request: Request) -> PointRun | None:
        """What came of this very run; None = it has not been carried out to its last attempt.

        An enumeration lists a run that is invalid or did not reach its point only once it has
        repeated it as often as it does.
        """
        if not self.has(request):
            return None
        found = judge(request)
        is_open = found.verdict in REPEATED and found.run_id not in self._used_up
        return None if is_open else found

    def has(self, request: Request) -> bool:
        """Whether this very run is there, of the same library, adapter, server and code."""
        history = history_of(request)
        if not history.exists():
            return False
        try:
            start = read_start(history)
        except ResultsError:
            return False
        return (
            start.scenario_sha256 == request.resolved.digest
            and start.library_version == request.adapter.version()
            and start.adapter_sha256 == request.adapter_sha256
            and start.settings == msgspec.json.decode(msgspec.json.encode(request.preset.settings))
            and start.environment.get("postgres", {}).get("version") == self._server_version
            and start.environment.get("code", {}).get("sha256") == self._code
        )


def judge(request: Request) -> PointRun:
    """The verdict of a run that has been carried out. Raises AnalysisError, OSError."""
    return judge_point(summary_of(history_of(request)))


def history_of(request: Request) -> Path:
    """Where a run's history lies."""
    return RunFiles(request.results, request.run_id).history


def summary_of(history: Path) -> Summary:
    """The one beside it, made anew where it cannot be used. Raises AnalysisError, OSError."""
    beside = history.with_name(f"{history.name.removesuffix('.jsonl')}.summary.json")
    try:
        return read_summary(beside)
    except (OSError, AnalysisError):
        return write_summary(history)

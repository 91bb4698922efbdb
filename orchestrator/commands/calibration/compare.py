"""Lays what the analysis found of a control beside what must be found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from analysis.report.jobs_table import job_rows
from analysis.summary.types import Summary
from orchestrator.commands.calibration.controls import SETS, SetName
from orchestrator.commands.calibration.oracle import Expected, JobSets

Source = Literal["predicted", "fixed", "at_least"]
_ASIDES: dict[Source, str] = {
    "predicted": "",
    "fixed": " (fixed)",
    "at_least": " (at least)",
}


@dataclass(frozen=True)
class Comparison:
    """One set of jobs, as it must be and as it was found. `source` = how it is known."""

    name: SetName
    source: Source
    expected: frozenset[str]
    found: frozenset[str]

    @property
    def what(self) -> str:
        """For a person."""
        return self.name + _ASIDES[self.source]

    @property
    def agrees(self) -> bool:
        """Whether the very same jobs were found."""
        return self.expected == self.found

    @property
    def difference(self) -> str:
        """For a person: which jobs differ."""
        missing, surplus = self.expected - self.found, self.found - self.expected
        parts = {"not found": missing, "not expected": surplus}
        parts_text = (f"{what}: {', '.join(sorted(ids))}" for what, ids in parts.items() if ids)
        return f"{self.what}: {'; '.join(parts_text)}"


def found_sets(history: Path) -> JobSets:
    """The analysis's own sets, from its table of jobs. Raises AnalysisError, OSError."""
    found: dict[SetName, set[str]] = {name: set() for name in SETS}
    for row in job_rows(history):
        for name in SETS:
            if row["verdict"] == name or name in row["flags"]:
                found[name].add(row["job_id"])
    return {name: frozenset(ids) for name, ids in found.items()}


def compare(expected: Expected, found: JobSets) -> list[Comparison]:
    """Every set that must be found, by the oracle, by what was fixed, and by what must be in it."""
    return [
        *(
            Comparison(name, "predicted", ids, found[name])
            for name, ids in expected.predicted.items()
        ),
        *(Comparison(name, "fixed", ids, found[name]) for name, ids in expected.fixed.items()),
        *(
            Comparison(name, "at_least", ids, found[name] & ids)
            for name, ids in expected.at_least.items()
        ),
    ]


def doubts(
    judged: Summary, expected: Expected, found: JobSets, kills: int, finds: Sequence[SetName] = ()
) -> list[str]:
    """Why the run cannot be trusted, although its sets may agree; empty = it can.

    `finds` are the sets of which the control must show some job.
    """
    return [
        *_void(judged, kills),
        *_miscounted(judged, found),
        *_vacuous(expected),
        *(
            f"not one {name} job was found, and this control must show some"
            for name in finds
            if not found[name]
        ),
    ]


def _void(judged: Summary, kills: int) -> Iterator[str]:
    if judged.verdict == "invalid":
        yield "the run is invalid: " + " ".join(judged.reasons)
    if (certificates := judged.crash.certificates) != kills:
        yield f"complete certificates: {certificates}, planned faults: {kills}"
    if ambiguous := judged.jobs.ambiguous:
        yield f"{ambiguous} jobs are ambiguous"


def _miscounted(judged: Summary, found: JobSets) -> Iterator[str]:
    for name in SETS:
        count = judged.crash.re_executions if name == "redelivered" else getattr(judged.jobs, name)
        if count != len(found[name]):
            yield f"the summary counts {count} {name}, the table of jobs {len(found[name])}"


def _vacuous(expected: Expected) -> Iterator[str]:
    """A set that must hold some jobs and of which none is known proves nothing."""
    for name, ids in expected.at_least.items():
        if not ids:
            yield f"no job of the scenario must be {name}: the check is empty"

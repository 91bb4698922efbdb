"""What a trial's history says, read as plain JSON: no code is shared with the analysis here.

Only the verdicts on single jobs are the analysis's own, because the books are its affair.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from analysis.errors import AnalysisError
from analysis.report.jobs_table import job_rows
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.commands.conformance.finding import NotCheckedError
from orchestrator.scenario.types import Scenario
from worker_child.adapters.contract import Preset

Fields = dict[str, Any]
CHILDS_EVENTS = ("job_started", "job_completed", "job_failed")


class Worker(NamedTuple):
    """An incarnation."""

    slot: int
    incarnation: int

    def __str__(self) -> str:
        return f"worker {self.slot}:{self.incarnation}"


@dataclass(frozen=True)
class RunFacts:
    """One trial's run; `complaint` says why it did not come to its end, None = it did."""

    scenario: Scenario
    preset: Preset
    lines: dict[str, list[Fields]]
    """By kind, in the file's order."""
    complaint: str | None
    summary: Summary | None
    jobs: list[Fields]
    """The analysis's table of jobs."""

    def of(self, kind: str) -> list[Fields]:
        """The ``fields`` of every line of a kind."""
        return self.lines.get(kind, [])

    def notes(self, code: str) -> list[Fields]:
        """The notes with this code."""
        return [note for note in self.of("note") if note["code"] == code]

    def need_end(self) -> None:
        """Raises `NotCheckedError` where the run did not come to its end."""
        if self.complaint is not None:
            raise NotCheckedError("the run did not come to its end")

    def need_ledger(self) -> None:
        """Raises `NotCheckedError` where no verdict on a job can be trusted."""
        self.need_end()
        if self.summary is None or self.summary.verdict == "invalid":
            raise NotCheckedError("the run is invalid")

    @cached_property
    def by_worker(self) -> dict[Worker, list[tuple[str, Fields]]]:
        """Every line that a worker wrote, (kind, fields) in the order of n."""
        found: defaultdict[Worker, list[tuple[str, Fields]]] = defaultdict(list)
        for kind, lines in self.lines.items():
            for fields in lines:
                if fields.get("n") is not None:
                    found[worker_of(fields)].append((kind, fields))
        return {
            worker: sorted(lines, key=lambda line: line[1]["n"])
            for worker, lines in sorted(found.items())
        }

    @cached_property
    def killed(self) -> set[Worker]:
        """Those that a fault hit, or that died by themselves."""
        died = [left for left in self.of("child_exited") if left["reason"] != "stopped"]
        return {worker_of(fields) for fields in [*self.of("fault_injected"), *died]}

    @property
    def final_rows(self) -> list[Fields]:
        """The lines of the final read that speak of a job."""
        return [row for row in self.of("row_read") if row["read"] == "final" and "job_id" in row]

    def phase_ns(self, phase: str) -> int:
        """When a phase of the run began. Raises `NotCheckedError` if it never did."""
        for note in self.notes("phase"):
            if note["detail"]["phase"] == phase:
                return int(note["t_ns"])
        raise NotCheckedError(f"the run did not come to its phase {phase}")


def worker_of(fields: Fields) -> Worker:
    """Who wrote a line, or whom it is about: of a fault its target."""
    who = fields.get("target", fields)
    return Worker(who["slot"], who["incarnation"])


def read_facts(
    scenario: Scenario, preset: Preset, history: Path, complaint: str | None
) -> RunFacts:
    """Read a run's history, or what there is of an unfinished one beside it.

    `complaint` is what its process said, None = it came to a verdict. Raises OSError.
    """
    partial = history.with_name(f"{history.name}.partial")
    found = next((path for path in (history, partial) if path.exists()), None)
    lines: defaultdict[str, list[Fields]] = defaultdict(list)
    for kind, fields in _lines(found) if found else ():
        lines[kind].append(fields)
    ends = lines["run_end"]
    if complaint is None and (not ends or ends[0]["ended"] != "completed"):
        complaint = (ends and ends[0].get("error")) or "its history has no end"
    summary, jobs = (None, []) if found is None else _judged(found)
    return RunFacts(scenario, preset, dict(lines), complaint, summary, jobs)


def _lines(path: Path) -> Iterator[tuple[str, Fields]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                record = json.loads(line)
                yield record["kind"], record["fields"]


def _judged(path: Path) -> tuple[Summary | None, list[Fields]]:
    try:
        return analyse(path), list(job_rows(path))
    except AnalysisError:
        return None, []  # it broke off before there was anything to judge: `complaint` says so

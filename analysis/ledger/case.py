"""One history, made ready for judgement: who lived and died, what is proved, what is to be judged.

The summary, the table of jobs and the explanation of one job all start from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.checks.completeness import Proofs, examine
from analysis.evidence.deaths import Death, find_deaths, found_by_job
from analysis.evidence.executions import Evidence, fold
from analysis.evidence.fault_spans import FaultSpan, fault_spans, outages
from analysis.evidence.incarnations import Incarnations, load_incarnations, stop_asked_ns
from analysis.evidence.presence import Presence, idle_stretches, presences
from analysis.evidence.run_spec import started_ns, unplanned
from analysis.history.columns import Bools
from analysis.history.history import History
from analysis.history.load import load
from analysis.history.tables import STATE_CODES
from analysis.ledger.ledger import IDLE_NS, Rules
from orchestrator.scenario.poison import poison_jobs
from orchestrator.scenario.types import Scenario

JOBS_AT_ONCE = 20_000
"""So many jobs' evidence is held in memory at a time."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the judgement of a run's jobs starts from."""

    history: History
    incarnations: Incarnations
    proofs: Proofs
    rules: Rules
    deaths: list[Death]
    unplanned: list[str]
    """Ids that some line names and the workload never planned."""
    started_ns: int | None
    """T = 0."""
    spans: tuple[FaultSpan, ...]
    """Every fault, from when to when."""
    present: list[Presence]
    """When each worker could have taken jobs."""

    @property
    def scenario(self) -> Scenario:
        """What was asked of the run, defaults filled in."""
        return self.history.start.scenario

    def unplanned_numbers(self) -> list[int]:
        """Numbers of the jobs that the workload never planned."""
        numbers = (self.history.jobs.number(job_id) for job_id in self.unplanned)
        return [number for number in numbers if number is not None]

    def evidence(self, wanted: Bools) -> Iterator[Evidence]:
        """What is known of the marked jobs, in the order of their ids; some at a time."""
        found = found_by_job(self.deaths)
        unplanned = set(self.unplanned)
        ids = self.history.jobs
        numbers = sorted(np.flatnonzero(wanted).tolist(), key=ids.name)
        for begin in range(0, len(numbers), JOBS_AT_ONCE):
            some = np.zeros(len(ids), np.bool_)
            some[numbers[begin : begin + JOBS_AT_ONCE]] = True
            for evidence in fold(self.history, self.incarnations, some, found):
                evidence.planned = evidence.job_id not in unplanned
                yield evidence


def open_case(path: Path) -> Case:
    """Read a history and find out what its judgement rests on. Raises HistoryError, OSError."""
    history = load(path)
    incarnations = load_incarnations(history.records, history.start.rescue)
    proofs = examine(history, incarnations)
    spans = fault_spans(history)
    present = presences(incarnations, spans, stop_asked_ns(history.records), last_ns(history))
    return Case(
        history=history,
        incarnations=incarnations,
        proofs=proofs,
        rules=rules_of(history, proofs, spans, present),
        spans=spans,
        present=present,
        deaths=find_deaths(history, incarnations),
        unplanned=unplanned(history),
        started_ns=started_ns(history),
    )


def last_ns(history: History) -> int:
    """The last instant that the history tells of as its end, or, where it has none, at all."""
    if history.end is not None:
        return history.end.t_ns
    tables = (history.starts, history.completions, history.failures, history.enqueues, history.rows)
    known = [int(table.t_ns.max()) for table in tables if table.t_ns.size]
    return max(known, default=history.start.t_ns)


def rules_of(
    history: History, proofs: Proofs, spans: Sequence[FaultSpan], present: Sequence[Presence]
) -> Rules:
    """What every job of the run is judged by."""
    scenario = history.start.scenario
    is_queued = history.rows.state == STATE_CODES["queued"]
    return Rules(
        effects=scenario.effects,
        rescues=history.start.rescue is not None,
        final_read=proofs.final_read is None,
        effects_readable=proofs.effects is None,
        voids=proofs.voids,
        margin_s=scenario.limits.backlog_margin_s,
        max_attempts=scenario.workers.max_attempts,
        poison=poison_jobs(scenario),
        planned_errors={entry.error_class for entry in scenario.workload.errors},
        outages=outages(spans),
        idle=idle_stretches(history, present, IDLE_NS) if is_queued.any() else (),
    )

"""The jobs of a history against the workload that its scenario plans, drawn again.

Job i rests on the seed and on i alone, so that of a long stream a sample is enough to see whether
another workload was sent than was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.history.columns import ABSENT, Ints
from analysis.history.history import History
from analysis.history.job_ids import stream_index
from analysis.history.tables import Enqueues
from orchestrator.errors import UnplannedJobError
from orchestrator.history.records import EnqueueFailed
from orchestrator.scenario.checks import check
from orchestrator.scenario.reader import Flaw
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import PlannedJob, Workload

DRAWN_SINCE = 2
"""The version of a history from which on jobs are drawn as they are today."""
MOST_DRAWN = 500
"""Jobs that are drawn again, evenly spread over the lines: drawing one takes some 0.1 ms."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a job_enqueued line says of its job."""

    kind: str
    job_class: str
    length_us: int
    tenant: str | None


def _flaws(scenario: Scenario) -> list[Flaw]:
    return [flaw for flaw in check(scenario) if flaw.path.startswith("workload")]


def _in_turn(scenario: Scenario) -> bool:
    """Whether jobs come when those before them are done, not at instants of their own."""
    return scenario.workload.closed_loop or bool(scenario.workload.waves)


def _as_drawn(history: History) -> Iterator[str]:
    """Each job is what the scenario's seed makes of it, and the stream as long as is said.

    What version 1 drew is not drawn any more.
    """
    if history.version < DRAWN_SINCE:
        return
    scenario = history.start.scenario
    flaws = _flaws(scenario)
    if flaws:
        yield f"The scenario could not have been run: {flaws[0]}."
        return
    workload = Workload(scenario)
    planned = history.start.planned_stream_jobs
    if planned is not None and planned != workload.stream_jobs:
        yield f"run_start plans {planned} jobs; by its scenario there are {workload.stream_jobs}."
    if history.end is not None and history.end.held_jobs not in (0, workload.held_jobs):
        yield (
            f"run_end speaks of {history.end.held_jobs} held jobs; by the scenario there are "
            f"{workload.held_jobs}."
        )
    lines = history.enqueues
    for place in spread(len(lines)).tolist():
        job_id = history.jobs.name(int(lines.job[place]))
        try:
            drawn = workload.by_id(job_id)
        except UnplannedJobError:
            continue  # unexpected jobs void a run by themselves
        if _sent(lines, place) != _planned(drawn):
            yield f"{job_id} is not the job that the scenario's seed makes."
            return
        if _at_another_instant(history, place, drawn):
            yield f"{job_id} was intended for another instant than the scenario's seed makes."
            return


def _refused_as_drawn(history: History) -> Iterator[str]:
    """A job that did not get in was intended for its instant all the same."""
    scenario, end = history.start.scenario, history.end
    if history.version < DRAWN_SINCE or _in_turn(scenario) or _flaws(scenario):
        return
    workload = Workload(scenario)
    failed = history.records.of(EnqueueFailed)
    for place in spread(len(failed)).tolist():
        record = failed[place]
        index = stream_index(record.job_id)
        planned = workload.stream_jobs
        if index is None or end is None or end.started_ns is None:
            continue
        if planned is not None and index >= planned:
            continue
        if record.intended_ns != end.started_ns + workload.job(index).intended_ns:
            yield f"{record.job_id} was refused at another instant than the scenario's seed makes."
            return


def spread(count: int) -> Ints:
    """Places of the lines whose jobs are drawn again, of `count` lines."""
    return np.linspace(0, count - 1, min(count, MOST_DRAWN)).astype(np.int64)


def _sent(lines: Enqueues, place: int) -> _Sent:
    tenant = int(lines.tenant.code[place])
    return _Sent(
        kind=lines.kind.names[int(lines.kind.code[place])],
        job_class=lines.job_class.names[int(lines.job_class.code[place])],
        length_us=int(lines.length_us[place]),
        tenant=None if tenant == ABSENT else lines.tenant.names[tenant],
    )


def _planned(drawn: PlannedJob) -> _Sent:
    plan = drawn.plan
    return _Sent(plan.kind, drawn.job_class, plan.length_us, plan.tenant)


def _at_another_instant(history: History, place: int, drawn: PlannedJob) -> bool:
    """Of the stream's jobs: a held one, a child's and one in turn come when they are called."""
    lines, end = history.enqueues, history.end
    called = (
        lines.worker[place] != ABSENT
        or _in_turn(history.start.scenario)
        or not drawn.plan.job_id.startswith("j")
        or "/" in drawn.plan.job_id
    )
    if called or end is None or end.started_ns is None:
        return False
    return int(lines.intended_ns[place]) != end.started_ns + drawn.intended_ns


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_as_drawn, _refused_as_drawn)

"""Held jobs: do they all stand where the scenario wants them, and nothing else beside them?"""

from __future__ import annotations

import time

from orchestrator.observe.parts import RunParts
from orchestrator.scenario.workload import PlannedJob

_LOOK_EVERY_NS = 50_000_000
_BEFORE_COMPLETED = frozenset({"started", "effect"})
_BEFORE_EFFECT = frozenset({"started"})


class Held:
    """The jobs that a scenario holds. `reached` asks first the events, then the queue's rows.

    Where the queue shows no claims (`claims_visible`) the rows are asked for the effects alone.
    Where it states that it acknowledges a job in the transaction of its effect, a job that has had
    one need not be claimed any more; whether the statement is true is not for the run to say.
    """

    def __init__(
        self,
        jobs: list[PlannedJob],
        parts: RunParts,
        *,
        claims_visible: bool,
        acknowledges_in_transaction: bool = False,
    ) -> None:
        self.jobs = jobs
        self._claims_visible = claims_visible
        self._points = {job.plan.job_id: job.plan.hold for job in jobs}
        self._to_be_claimed = {
            job_id
            for job_id, point in self._points.items()
            if not acknowledges_in_transaction or point in _BEFORE_EFFECT
        }
        self._fanned_out = {
            child.job_id
            for job in jobs
            if job.plan.hold not in _BEFORE_EFFECT
            for child in job.plan.children
        }
        self._fleet = parts.fleet
        self._tracker = parts.tracker
        self._probe = parts.probe
        self._looked_ns = 0

    def reached(self) -> bool:
        """Whether all are held at their points, what they have enqueued is completed, no other
        execution is open, and the queue's rows show these jobs and no others claimed. Raises
        psycopg.Error."""
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns < _LOOK_EVERY_NS or self._missing_in_events():
            return False
        self._looked_ns = now_ns
        return not self._missing_in_rows()

    def missing(self) -> str:
        """What is not as it should be, for an error text."""
        return self._missing_in_events() or self._missing_in_rows() or "nothing any more"

    def _missing_in_events(self) -> str:
        open_jobs = {
            event.job_id
            for child in self._fleet.living()
            for event in self._tracker.open[child.slot, child.incarnation].values()
        }
        to_be_open = {job for job, point in self._points.items() if point in _BEFORE_COMPLETED}
        if open_jobs != to_be_open:
            return f"open executions are {sorted(open_jobs)}, not {sorted(to_be_open)}"
        completed = {job for job in self._points if self._tracker.completions[job] == 1}
        to_be_completed = self._points.keys() - to_be_open
        if completed != to_be_completed:
            return f"completed are {sorted(completed)}, not {sorted(to_be_completed)}"
        to_come = {job for job in self._fanned_out if not self._tracker.completions[job]}
        return f"enqueued by held jobs, not yet completed: {sorted(to_come)}" if to_come else ""

    def _missing_in_rows(self) -> str:
        jobs = self._points.keys()
        reading = self._probe.read(
            "kill", self._tracker.job_of_inbox_id, inbox_ids=[], jobs=sorted(jobs)
        )
        if reading.error is not None:
            return f"the rows cannot be read: {reading.error}"
        claimed = {str(line.job_id) for line in reading.lines if line.state == "claimed"}
        if self._claims_visible and not self._to_be_claimed <= claimed <= jobs:
            return f"claimed rows are of {sorted(claimed)}, not {sorted(self._to_be_claimed)}"
        done = {line.job_id for line in reading.lines if line.effects}
        without = [
            job for job, point in self._points.items() if point == "effect" and job not in done
        ]
        return f"no effect yet of {without}" if without else ""

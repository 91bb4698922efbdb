"""The phase of a worker's round trip: where its jobs stand."""

from __future__ import annotations

from orchestrator.faults.phases import Phases
from orchestrator.scenario.triggered import PointPhase
from orchestrator.workers.tracker import Tracker
from tests.unit.round_trips_told import EFFECT, PLACE, observe
from worker_child.protocol import ChildReady, JobCompleted, JobEnqueued, JobFailed, JobStarted


def test_a_job_goes_through_the_phases_in_order() -> None:
    tracker = Tracker()
    phases = Phases(PLACE, tracker)
    seen: list[PointPhase] = [phases.now()]
    observe(tracker, ChildReady(1, 0, *PLACE, pid=1, identity="w"))
    seen.append(phases.now())
    phases.enqueue(["j000000"])
    seen.append(phases.now())
    observe(tracker, JobStarted(2, 1, *PLACE, job_id="j000000", execution=1, inbox_id="1"))
    seen.append(phases.now())
    observe(
        tracker, JobFailed(3, 2, *PLACE, job_id="j000000", execution=1, error_class="transient")
    )
    seen.append(phases.now())
    observe(tracker, JobStarted(4, 3, *PLACE, job_id="j000000", execution=2, inbox_id="1"))
    phases.executed(EFFECT)
    seen.append(phases.now())
    observe(tracker, JobCompleted(5, 4, *PLACE, job_id="j000000", execution=2))
    seen.append(phases.now())
    assert seen == ["starting up", "idle", "waiting", "started", "failed", "effect", "completed"]


def test_of_several_jobs_the_least_advanced_one_names_the_phase() -> None:
    tracker = Tracker()
    phases = Phases(PLACE, tracker)
    observe(tracker, ChildReady(1, 0, *PLACE, pid=1, identity="w"))
    phases.enqueue(["j000000", "j000001"])
    observe(tracker, JobStarted(2, 1, *PLACE, job_id="j000000", execution=1, inbox_id="1"))
    phases.executed(EFFECT)
    assert phases.now() == "waiting"
    observe(tracker, JobStarted(3, 2, *PLACE, job_id="j000001", execution=2, inbox_id="2"))
    assert phases.now() == "started"
    phases.executed(EFFECT)
    assert phases.now() == "effect"
    observe(tracker, JobCompleted(4, 3, *PLACE, job_id="j000000", execution=1))
    assert phases.now() == "effect"


def test_a_job_that_another_one_enqueues_counts_once_that_one_is_done() -> None:
    tracker = Tracker()
    phases = Phases(PLACE, tracker)
    observe(tracker, ChildReady(1, 0, *PLACE, pid=1, identity="w"))
    phases.enqueue(["j000000"])
    observe(
        tracker,
        JobStarted(2, 1, *PLACE, job_id="j000000", execution=1, inbox_id="1"),
        JobEnqueued(
            3,
            "j000000/0",
            "accepted",
            "tenant_rollup",
            "short",
            1,
            2,
            inbox_id="2",
            n=2,
            slot=0,
            incarnation=0,
            execution=1,
        ),
    )
    assert phases.now() == "started"
    observe(tracker, JobCompleted(4, 3, *PLACE, job_id="j000000", execution=1))
    assert phases.now() == "waiting"

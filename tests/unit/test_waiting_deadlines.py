"""Deadlines count from a fault's end; who waits past one while a worker is idle is stranded.

What each planted history of this sort becomes stands in tests/histories/planted.py; here are the
edges, and that the run's own waits are as long as the analysis allows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.evidence.presence import Executions, idle_stretches
from analysis.ledger.case import Case, open_case
from analysis.ledger.ledger import Judgement, judge
from analysis.summary.summary import summarise
from orchestrator.history.rescuer import Outage, stretched_ns
from tests.histories.builder import Story
from tests.histories.stories import A, B, left_by_one_that_was_told_to_stop, waiting

S = 1_000_000_000


@pytest.mark.parametrize(
    ("outages", "until"),
    [
        ((), 110),
        ((Outage(90, 95),), 110),  # over before the wait began
        ((Outage(90, 100),), 110),
        ((Outage(90, 101),), 111),
        ((Outage(110, 115),), 125),  # it began at the last moment
        ((Outage(111, 115),), 110),
        ((Outage(105, 120), Outage(125, 140)), 150),  # the second falls into the wait anew
        ((Outage(125, 140), Outage(105, 120)), 150),
        ((Outage(105, 120), Outage(131, 140)), 130),
        ((Outage(105, 200), Outage(106, 120)), 210),
        ((Outage(105, None),), None),
        ((Outage(111, None),), 110),
    ],
)
def test_a_wait_begins_anew_at_the_end_of_each_outage_that_falls_into_it(
    outages: tuple[Outage, ...], until: int | None
) -> None:
    assert stretched_ns(100, 10, outages) == until


def judged(story: Story, folder: Path, job_id: str = A) -> Judgement:
    case = open_case(story.write(folder))
    return judgements(case)[job_id]


def judgements(case: Case) -> dict[str, Judgement]:
    everything = np.ones(len(case.history.jobs), np.bool_)
    return {e.job_id: judge(e, case.rules) for e in case.evidence(everything)}


IDLE, QUEUED = Judgement("stranded", "alive_and_idle"), Judgement("pending", "queued")


@pytest.mark.parametrize(("seconds", "expected"), [(2.0, IDLE), (0.99, QUEUED)])
def test_a_worker_must_have_been_idle_for_a_second_before_the_deadline(
    seconds: float, expected: Judgement, tmp_path: Path
) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A, length_us=5_000_000)  # with the margin of 1 s its deadline is 6 s later
    story.enqueue(B)
    worker.start(B)
    story.wait(6.0 - seconds)
    worker.complete(B)
    story.wait(seconds + 1)
    story.phase("stop")
    story.exit(worker)
    story.end({A: "queued"}, drain="1 queued rows")
    assert judged(story, tmp_path) == expected


def test_a_job_that_failed_waits_for_a_retry_that_nobody_knows_the_delay_of(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    worker.fail(A)
    story.wait(30)
    story.phase("stop")
    story.exit(worker)
    story.end({A: "queued"}, drain="1 queued rows")
    assert judged(story, tmp_path) == QUEUED


@pytest.mark.parametrize(("seconds", "expected"), [(4, QUEUED), (30, IDLE)])
def test_an_orphan_that_was_freed_has_the_deadline_of_its_death(
    seconds: float, expected: Judgement, tmp_path: Path
) -> None:
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])  # a bound of 4.5 s, and a margin of 1 s
    second = story.worker()
    story.wait(seconds)
    story.phase("stop")
    story.exit(second)
    story.end({A: "queued"}, drain="1 queued rows")
    assert judged(story, tmp_path) == expected


def test_a_worker_that_a_stall_holds_up_is_not_idle(tmp_path: Path) -> None:
    story = waiting(3)
    stop = story.first("note", code="phase")
    held = story.first("child_ready")
    # As if the stall had begun before the job came, and ended as the run did.
    worker = story.worker(1, ready=False)
    story.exit(worker)
    story.first("run_start")["scenario"]["faults"].append(
        {
            "what": "stall",
            "slot": 0,
            "stall_s": 3.5,
            "rescuer_slot": 1,
            "at_point": {"statement": "SELECT 1", "side": "before"},
        }
    )
    fault = {
        "fault": 0,
        "what": "stall",
        "target": {"kind": "worker", "slot": 0, "incarnation": 0, "pid": 100},
    }
    story.record(
        "fault_injected",
        **fault,
        ends_process=False,
        trigger="point",
        biased=True,
        intended_ns=held["t_ns"],
        parts={"sessions": []},
    )["t_ns"] = held["t_ns"]
    story.record("fault_ended", **fault, parts={}, healed_ns=stop["t_ns"])
    assert judged(story, tmp_path) == QUEUED


def test_the_summary_says_where_the_stranded_jobs_were_left(tmp_path: Path) -> None:
    left = summarise(open_case(left_by_one_that_was_told_to_stop(30).write(tmp_path))).jobs
    assert left.stranded_by_reason == {"told_to_stop": 1}
    idle = summarise(open_case(waiting(3).write(tmp_path))).jobs
    assert (idle.stranded, idle.stranded_by_reason) == (1, {"alive_and_idle": 1})


def test_one_that_left_at_the_runs_own_stop_leaves_nothing_stranded(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    story.phase("stop")
    story.exit(worker)
    story.wait(60)
    story.row(A, "claimed", claimed_by=worker.identity)
    story.end(drain="1 claimed rows")
    assert judged(story, tmp_path) == Judgement("pending", "stopped")


def test_an_execution_is_open_from_its_start_to_its_end() -> None:
    executions = Executions(np.array([10, 20]), np.array([15]))
    assert [executions.open_at(t) for t in (9, 10, 14, 15, 20, 99)] == [0, 1, 1, 0, 1, 1]


def test_idle_is_where_nothing_is_open_within_what_the_worker_was_there(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A, B)
    story.wait(2)
    begun = worker.start(A)
    story.wait(2)
    worker.start(B)
    worker.complete(B)
    worker.complete(A, begun)
    story.wait(0.5)
    story.phase("stop")
    story.exit(worker)
    story.end({})
    case = open_case(story.write(tmp_path))
    (first,) = idle_stretches(case.history, case.present, S)
    ready, start = story.first("child_ready"), story.first("job_started")
    assert first == (ready["t_ns"], start["t_ns"])
    assert len(idle_stretches(case.history, case.present, S // 2)) == 2

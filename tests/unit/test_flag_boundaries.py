"""The ledger's flags where one thing more or less turns them."""

from __future__ import annotations

import pytest

from analysis.evidence.executions import Enqueue, Evidence, Execution
from analysis.ledger.flags import flags, redelivered
from analysis.ledger.ledger import Judgement, any_overlap
from tests.unit.ledger_evidence import (
    DEADLINE_NS,
    DISCARDED,
    ONCE,
    flag,
    found,
    job,
    ran,
    rules,
)


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        (ran(0, 5), True),
        (ran(0, 5, failed_ns=10), False),
        (ran(0, 5, failed_ns=11), True),
        (ran(0, 5, 7, failed_ns=10), True),
        (ran(0, None, failed_ns=20), False),
    ],
    ids=["open", "failed by then", "failed later", "completed too", "never started"],
)
def test_a_start_is_a_redelivery_unless_all_before_had_failed(
    earlier: Execution, expected: bool
) -> None:
    assert redelivered(job(earlier, ran(1, 10, 12))) is expected
    assert flag("redelivered", job(earlier, ran(1, 10, 12))) is expected


def test_one_execution_is_no_redelivery() -> None:
    assert not redelivered(job(ran(0, 5, 7)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (ran(0, 5, 10), ran(1, 10, 12), False),
        (ran(0, 5, 10), ran(1, 9, 12), True),
        (ran(0, 5), ran(1, 9, 12), True),
        (ran(0, 5, gone_ns=9), ran(1, 9, 12), False),
        (ran(0, None, 10), ran(1, 9, 12), False),
        (ran(0, 0, 10), ran(1, 10), False),
    ],
)
def test_two_overlap_where_one_starts_before_the_other_is_over(
    first: Execution, second: Execution, expected: bool
) -> None:
    assert any_overlap([first, second]) is expected
    assert flag("overlapping", job(first, second)) is expected


def test_a_short_execution_between_does_not_hide_an_overlap() -> None:
    assert any_overlap([ran(0, 0, 100), ran(1, 100, 101), ran(2, 100, 102)])
    assert any_overlap([ran(0, 0, 100), ran(1, None), ran(2, 50, 102)])
    assert not any_overlap([])


def test_one_that_starts_at_the_first_instant_of_all_overlaps_with_none() -> None:
    assert not any_overlap([ran(0, 0, 100)])


def test_finished_unacknowledged_is_what_a_death_found() -> None:
    assert flag("finished_unacknowledged", job(found=[found("finished_unacknowledged")]))
    assert not flag("finished_unacknowledged", job(found=[found("started")]))
    assert not flag("finished_unacknowledged", job())


def test_an_effect_may_lack_its_event_and_an_event_its_effect() -> None:
    assert flag("effect_without_event", job(ran(0, 5, effect=True)))
    assert not flag("effect_without_event", job(ran(0, 5, 6)))
    assert not flag("effect_without_event", job(ran(0, 5)))


def test_only_a_failure_after_the_first_completion_is_one_after_it() -> None:
    assert flag("failed_after_completed", job(ran(0, 1, 5), ran(1, 6, failed_ns=7)))
    assert not flag("failed_after_completed", job(ran(0, 1, 5), ran(1, 2, failed_ns=5)))
    assert not flag("failed_after_completed", job(ran(0, 1, failed_ns=5)))
    assert not flag("failed_after_completed", job(ran(0, 1, 5)))


@pytest.mark.parametrize(("times", "exceeded"), [(2, False), (3, False), (4, True)])
def test_attempts_are_exceeded_by_one_more_than_there_are(times: int, exceeded: bool) -> None:
    assert flag("attempts_exceeded", job(*(ran(n, n) for n in range(times)))) is exceeded


@pytest.mark.parametrize(
    ("evidence", "late"),
    [
        (job(ran(0, 1, DEADLINE_NS), found=[found()]), False),
        (job(ran(0, 1, DEADLINE_NS + 1), found=[found()]), True),
        (job(ran(0, 1, DEADLINE_NS + 1)), False),
        (job(ran(0, 1), found=[found()]), False),
        (job(ran(0, 1, DEADLINE_NS + 1), found=[found(bound_s=None)]), False),
        (job(ran(0, 1, DEADLINE_NS + 1), found=[found(), found(bound_s=9.0)]), False),
        (job(ran(0, 1, DEADLINE_NS + 1), found=[found(bound_s=9.0), found()]), True),
    ],
)
def test_late_is_one_nanosecond_behind_the_last_deaths_deadline(
    evidence: Evidence, late: bool
) -> None:
    assert flag("late", evidence) is late


@pytest.mark.parametrize("state", ["queued", "retrying", "claimed", "done", "dead", "absent"])
def test_a_job_is_still_owed_that_was_done_and_whose_row_says_otherwise(state: str) -> None:
    owed = state in ("queued", "retrying", "claimed")

    assert flag("still_owed", job(ran(0, 1, 2), row=state)) is owed
    assert not flag("still_owed", job(row=state), Judgement("pending"))


def test_a_job_was_given_up_by_a_crash_alone_where_it_never_failed() -> None:
    met = [found()]

    assert flag("by_crash_alone", job(found=met), DISCARDED)
    assert not flag("by_crash_alone", job(found=met), ONCE)
    assert not flag("by_crash_alone", job(), DISCARDED)
    assert not flag("by_crash_alone", job(found=[found(fault=None)]), DISCARDED)
    assert not flag("by_crash_alone", job(found=met, failures=1), DISCARDED)
    assert not flag("by_crash_alone", job(ran(0, 1, failed_ns=2), found=met), DISCARDED)
    assert flag("by_crash_alone", job(ran(0, 1), found=met), DISCARDED)


def failed(number: int, error: str) -> Execution:
    return ran(number, number, failed_ns=number, error_class=error)


@pytest.mark.parametrize(
    ("errors", "faults", "expected"),
    [
        (["transient"] * 3, 0, False),
        (["transient"] * 2, 0, True),
        (["transient"] * 2, 1, False),
        (["transient"], 1, True),
        (["transient", "transient", "unplanned"], 0, True),
        (["permanent"], 0, False),
        (["unplanned"], 2, True),
        ([], 1, False),
        ([], 0, True),
    ],
)
def test_a_discard_is_explained_by_its_plan_and_the_faults_together(
    errors: list[str], faults: int, expected: bool
) -> None:
    evidence = job(*(failed(n, e) for n, e in enumerate(errors)), found=[found()] * faults)

    assert flag("unexplained", evidence, DISCARDED) is expected
    assert not flag("unexplained", evidence, ONCE)


@pytest.mark.parametrize("errors", [["permanent"], ["transient"] * 3])
def test_errors_of_a_class_that_the_scenario_injects_nowhere_explain_no_discard(
    errors: list[str],
) -> None:
    evidence = job(*(failed(n, e) for n, e in enumerate(errors)))
    elsewhere = rules(planned_errors={"rate_limit"})

    assert "unexplained" in flags(evidence, DISCARDED, elsewhere)


def test_an_open_execution_explains_no_discard() -> None:
    assert flag("unexplained", job(ran(0, 1, error_class="permanent")), DISCARDED)


def test_a_queue_that_calls_a_finished_job_dead_is_flagged() -> None:
    assert flag("dead_though_done", job(ran(0, 1, 2), row="dead"))
    assert not flag("dead_though_done", job(ran(0, 1), row="dead"))
    assert not flag("dead_though_done", job(ran(0, 1, 2)))


def test_done_from_several_rows_counts_unless_it_was_enqueued_again() -> None:
    first, second = ran(0, 1, 2, inbox=7), ran(1, 3, 4, inbox=8)
    again = [Enqueue(0, 1, 0, worker=1), Enqueue(1, 1, 1, worker=1)]

    assert flag("several_rows", job(first, second))
    assert not flag("several_rows", job(first))
    assert not flag("several_rows", job(first, second, enqueues=again))

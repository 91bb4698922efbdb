"""What is counted over the jobs of a run, each count where one thing more or less turns it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from analysis.evidence.deaths import Death
from analysis.evidence.executions import Enqueue, Evidence, Found, Row
from analysis.evidence.incarnations import Incarnation, Incarnations
from analysis.history.columns import worker_key
from analysis.ledger.live_duplicates import LiveCauses
from analysis.ledger.tally import MOST_ALIKE, Reference, Tally, references
from orchestrator.history.rescuer import Rescuer
from tests.unit.ledger_evidence import DEADLINE_NS, DIED_NS, by, job, ran, rules, victim

NO_CAUSES = LiveCauses(Incarnations([], []), (), None, None)


def tally(*jobs: Evidence, **changed: Any) -> Tally:
    found = Tally()
    found.add_all(jobs, rules(**changed), [], NO_CAUSES)
    return found


def once(**more: Any) -> Evidence:
    return job(ran(0, 1, 2), completed_lines=1, **more)


def twice(completed_lines: int = 2) -> Evidence:
    return job(ran(0, 1, 2), ran(1, 3, 4), completed_lines=completed_lines)


def held_by(holder: Incarnation, t_ns: int) -> Row:
    return Row("claimed", t_ns, "somebody", holder)


def test_nothing_is_counted_of_no_job() -> None:
    nothing = Tally()

    assert nothing.verdicts.total() == nothing.final_status.total() == 0
    counted = (
        nothing.unattributed,
        nothing.duplicate_executions,
        nothing.duplicated_by_effect_alone,
        nothing.duplicate_effects,
        nothing.bound_not_reached,
        nothing.no_worker,
        nothing.left_out,
    )
    assert set(counted) == {0}


def test_plain_jobs_are_counted_beside_those_that_were_judged() -> None:
    found = tally(once())
    found.add_plain(2)
    found.add_plain(3)

    assert found.verdicts["completed_once"] == found.final_status["completed"] == 6


def test_a_job_that_nobody_planned_is_passed_over_and_the_next_one_judged() -> None:
    found = tally(once(planned=False), once())

    assert found.verdicts["completed_once"] == 1


@pytest.mark.parametrize(
    ("completed_lines", "executions", "by_effect_alone"), [(2, 1, 0), (1, 0, 1), (0, 0, 1)]
)
def test_a_duplicate_that_two_completions_tell_of_is_known_by_no_effect_alone(
    completed_lines: int, executions: int, by_effect_alone: int
) -> None:
    found = tally(twice(completed_lines))

    assert found.verdicts["duplicated"] == found.causes["live"] == found.unattributed == 1
    assert found.duplicate_executions == executions
    assert found.duplicated_by_effect_alone == by_effect_alone
    assert found.reasons["duplicated"] == {"sequential": 1}


def test_a_live_duplicate_has_a_cause_of_its_own_and_no_fault() -> None:
    found = tally(twice(), once(), twice())

    assert found.causes == {"live": 2}
    assert found.live_causes == {"rescue": 2}
    assert (found.attributed.total(), found.unattributed) == (0, 2)


@pytest.mark.parametrize(
    ("fault", "attributed"), [(SimpleNamespace(t_ns=DIED_NS, fault=3), {3: 1}), (None, {})]
)
def test_a_duplicate_by_crash_belongs_to_the_fault_that_killed_or_to_none(
    fault: Any, attributed: dict[int, int]
) -> None:
    """None where it died by itself, unasked."""
    exited: Any = SimpleNamespace(t_ns=DIED_NS, reason="died")
    gone = victim(fault=fault, exited=exited)
    done = [by(0, 0, 1, 5), by(0, 1, DIED_NS + 1, DIED_NS + 2)]
    found = Tally()
    twice_by_crash = job(*done, found=[Found(gone, "started")], completed_lines=2)
    found.add_all([twice_by_crash], rules(), [Death(gone, {}, None, frozenset(), None)], NO_CAUSES)

    assert found.causes == {"by_crash": 1}
    assert found.live_causes.total() == 0
    assert found.attributed == attributed
    assert found.unattributed == 1 - len(attributed)


def test_two_effects_are_a_duplicate_effect_and_one_is_none() -> None:
    without = job(ran(0, 1, 2), ran(1, 3, 4, effect=False), completed_lines=2)

    assert tally(twice()).duplicate_effects == 1
    assert tally(twice(), once(), twice()).duplicate_effects == 2
    assert tally(without, effects=False).duplicate_effects == 0


GONE = held_by(victim(), DEADLINE_NS + 1)
NOT_YET = held_by(victim(), DEADLINE_NS)
NOBODY = held_by(victim(rescuer=None), 0)
NO_TIME = held_by(victim(rescuer=Rescuer(0, False)), DEADLINE_NS + 1)


@pytest.mark.parametrize(
    ("rows", "bound_not_reached", "no_worker"),
    [
        ([], 0, 0),
        ([GONE], 0, 0),
        ([NOT_YET], 1, 0),
        ([NOBODY], 0, 1),
        ([NO_TIME], 0, 1),
        ([NOBODY, NOT_YET], 1, 0),
        ([NOBODY, GONE], 0, 1),
        ([NOT_YET, NOT_YET], 1, 0),
    ],
)
def test_a_job_that_a_dead_worker_holds_may_come_back_or_nobody_was_left_to_free_it(
    rows: list[Row], bound_not_reached: int, no_worker: int
) -> None:
    found = tally(once(rows=rows), once())

    assert (found.bound_not_reached, found.no_worker) == (bound_not_reached, no_worker)


def test_each_verdict_has_its_reasons_and_its_flags() -> None:
    found = tally(once(), twice(), job(row="queued"), job(enqueues=[]), once(row="dead"))

    assert found.reasons == {
        "ambiguous": {"enqueue_record_missing": 1},
        "duplicated": {"sequential": 1},
        "pending": {"queued": 1},
        "stranded": {},
    }
    assert found.harness_ambiguity == 1
    assert found.flags == {"redelivered": 1, "dead_though_done": 1}
    assert found.flags_by_verdict["completed_once"] == {"dead_though_done": 1}
    assert found.final_status == {"completed": 3, "none": 2}


def test_a_job_is_listed_for_its_verdict_or_for_a_flag() -> None:
    found = tally(once(), once(row="dead"), job(row="queued"))

    assert [(one.verdict, one.flags) for one in found.jobs] == [
        ("completed_once", ["dead_though_done"]),
        ("pending", []),
    ]


@pytest.mark.parametrize("beyond", [0, 1, 2])
def test_of_jobs_alike_a_hundred_are_listed_and_the_others_counted(beyond: int) -> None:
    alike = [job(row="queued") for _ in range(100 + beyond)]
    found = tally(*alike, job(row="retrying"))

    assert MOST_ALIKE == 100
    assert [one.reason for one in found.jobs] == ["queued"] * 100 + ["retrying"]
    assert found.left_out == beyond


def test_the_lines_about_a_job_are_named_by_their_ordinals_or_by_their_instants() -> None:
    evidence = job(
        ran(0, 1, 2, slot=3, incarnation=1, ordinals={"completed": 9, "started": 7}),
        row=Row("done", 40, None, None),
        enqueues=[
            Enqueue(10, 1, 0),
            Enqueue(20, 1, 0, worker=worker_key(2, 4), n=0),
            Enqueue(30, 1, 0, worker=worker_key(2, 4)),
        ],
    )

    assert references(evidence) == [
        Reference(kind="job_enqueued", t_ns=10),
        Reference(kind="job_enqueued", slot=2, incarnation=4, n=0),
        Reference(kind="job_enqueued", t_ns=30),
        Reference(kind="job_started", slot=3, incarnation=1, n=7),
        Reference(kind="job_completed", slot=3, incarnation=1, n=9),
        Reference(kind="row_read", t_ns=40),
    ]

"""The causes of duplicates where one thing more or less turns them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from analysis.evidence.deaths import Death
from analysis.evidence.executions import Enqueue, Evidence, Row
from analysis.evidence.incarnations import Incarnation
from analysis.ledger.duplicates import duplicate_cause
from analysis.ledger.ledger import Judgement, judge
from tests.unit.ledger_evidence import DIED_NS, by, found, job, ran, rules, victim

TWICE = (ran(0, 1, 5, inbox=7), ran(1, 9, 12, inbox=7))
COORDINATED = [Enqueue(0, 1, 0, worker=1), Enqueue(1, 1, 1, worker=1)]


@pytest.mark.parametrize(
    ("evidence", "sort"),
    [
        (job(*TWICE), "sequential"),
        (job(ran(0, 1, 10), ran(1, 9, 12)), "concurrent"),
        (job(*TWICE, row=Row("done", 1, None, None, True)), "after_acknowledged"),
        (job(TWICE[0], ran(1, 9, 12, inbox=8)), "sequential"),
        (job(TWICE[0], ran(1, 9, 12, inbox=8), enqueues=COORDINATED), "re_enqueued"),
        (job(*TWICE, enqueues=COORDINATED), "sequential"),
    ],
)
def test_a_duplicate_is_of_the_first_sort_that_holds(evidence: Evidence, sort: str) -> None:
    assert judge(evidence, rules()) == Judgement("duplicated", sort)
    cause, _ = duplicate_cause(evidence, [])
    assert cause == ("re_enqueued" if sort == "re_enqueued" else "live")


def died(of: Incarnation, unknown: str | None = None) -> Death:
    return Death(of, {}, unknown, frozenset(), None)


MINE = by(0, 0, 1, 5)
UNSURE = "the claims are not known"
Cause = Callable[[Evidence, list[Death]], object]


@pytest.mark.parametrize(
    ("evidence", "death", "by_crash"),
    [
        (job(MINE, by(0, 1, DIED_NS - 9, DIED_NS + 1), found=[found()]), died(victim()), True),
        (job(MINE, by(0, 1, DIED_NS - 9, DIED_NS), found=[found()]), died(victim()), False),
        (job(MINE, by(0, 1, DIED_NS + 1, None), found=[found()]), died(victim()), True),
        (job(MINE, by(0, 1, DIED_NS, None), found=[found()]), died(victim()), False),
        (job(MINE, by(0, 1, None, None), found=[found()]), died(victim()), False),
        (job(MINE, by(1, 0, 1, DIED_NS + 1), found=[found()]), died(victim()), True),
        (job(MINE, by(0, 0, 1, DIED_NS + 1), found=[found()]), died(victim()), False),
        (job(by(1, 0, 1, 2), by(0, 1, 2, DIED_NS + 1), found=[found()]), died(victim()), False),
        (job(MINE, by(0, 1, DIED_NS + 1, DIED_NS + 2)), died(victim()), False),
        (job(MINE, by(0, 1, DIED_NS + 1, DIED_NS + 2)), died(victim(), UNSURE), True),
        (job(MINE, by(0, 1, DIED_NS, DIED_NS + 2)), died(victim(), UNSURE), False),
        (job(MINE, by(0, 0, DIED_NS + 1, DIED_NS + 2)), died(victim(), UNSURE), False),
        (
            job(MINE, by(0, 1, 2, 3), by(0, 2, DIED_NS + 1, DIED_NS + 2)),
            died(victim(), UNSURE),
            False,
        ),
        (
            job(MINE, by(0, 1, 2, 3), by(0, 2, 4, DIED_NS + 2), found=[found()]),
            died(victim()),
            True,
        ),
        (
            job(
                MINE,
                by(0, 1, DIED_NS + 1, DIED_NS + 2),
                row=Row("done", 1, None, None, picked_after_done=True),
            ),
            died(victim(), UNSURE),
            False,
        ),
        (
            job(MINE, by(0, 1, DIED_NS - 9, DIED_NS + 1), found=[found(number=4)]),
            died(victim()),
            False,
        ),
    ],
)
def test_a_duplicate_is_by_crash_where_the_victim_held_it_and_another_did_it_afterwards(
    evidence: Evidence, death: Death, by_crash: bool
) -> None:
    cause, whose = duplicate_cause(evidence, [died(victim(7, 7)), death])

    assert cause == ("by_crash" if by_crash else "live")
    assert whose == (death.victim if by_crash else None)

"""Until when a job that waits must have been done, where one instant more or less turns it."""

from __future__ import annotations

import pytest

from analysis.evidence.executions import Enqueue, Evidence, Row
from analysis.ledger.ledger import Judgement, judge, no_worker_left, waiting_deadline_ns
from orchestrator.history.rescuer import Outage
from tests.unit.ledger_evidence import DEADLINE_NS, found, job, ran, rules, victim

WAIT_NS = 2_000_000_000 + 100_000
"""A margin of 2 s, and a length of 100 microseconds."""
ACKNOWLEDGED = [Enqueue(10, 100, 0, acknowledged_ns=20)]
UNANSWERED = [Enqueue(10, 100, 0)]


@pytest.mark.parametrize(
    ("evidence", "heard_of_ns"),
    [
        (job(enqueues=ACKNOWLEDGED), 20),
        (job(enqueues=UNANSWERED), 10),
        (job(enqueues=[*ACKNOWLEDGED, Enqueue(40, 100, 0)]), 40),
        (job(ran(0, 50), enqueues=ACKNOWLEDGED), 50),
        (job(ran(0, 15), enqueues=ACKNOWLEDGED), 20),
        (job(ran(0, 50, gone_ns=70), enqueues=ACKNOWLEDGED), 70),
        (job(ran(0, 50, 60, gone_ns=90), enqueues=ACKNOWLEDGED), 60),
        (job(ran(0, 30, failed_ns=40), ran(1, 50), enqueues=ACKNOWLEDGED), 50),
        (job(ran(0, 30, failed_ns=40), enqueues=ACKNOWLEDGED), None),
        (job(ran(0, 30), ran(1, 35, failed_ns=40), enqueues=ACKNOWLEDGED), None),
    ],
    ids=[
        "acknowledged",
        "enqueued, and no answer told",
        "enqueued once more",
        "started",
        "started before the acknowledgement",
        "its worker was gone",
        "ended before its worker was gone",
        "started after a failure",
        "failed",
        "failed the second time",
    ],
)
def test_a_job_waits_from_when_it_was_last_heard_of(
    evidence: Evidence, heard_of_ns: int | None
) -> None:
    until_ns = None if heard_of_ns is None else heard_of_ns + WAIT_NS

    assert waiting_deadline_ns(evidence, rules(margin_s=2.0)) == until_ns


def test_a_job_that_a_death_found_in_flight_waits_for_that_ones_deadline_at_least() -> None:
    early, bound_unknown = found(), found(bound_s=None)
    late = [Enqueue(DEADLINE_NS, 100, 0)]

    assert waiting_deadline_ns(job(found=[early]), rules()) == DEADLINE_NS
    assert waiting_deadline_ns(job(found=[early], enqueues=late), rules()) == (
        DEADLINE_NS + 500_000_000 + 100_000
    )
    assert waiting_deadline_ns(job(found=[early, bound_unknown]), rules()) is None
    assert waiting_deadline_ns(job(), rules(outages=[Outage(1, None)])) is None


DUE_NS = 20 + WAIT_NS
S = 1_000_000_000


@pytest.mark.parametrize(
    ("idle", "stranded"),
    [
        ((DUE_NS - S, DUE_NS), True),
        ((DUE_NS - S + 1, DUE_NS), False),
        ((DUE_NS - S, DUE_NS - 1), False),
        ((DUE_NS - S - 1, DUE_NS + 1), True),
    ],
    ids=[
        "for a second, until the deadline",
        "for a nanosecond less",
        "until a nanosecond before the deadline",
        "for longer, on both sides",
    ],
)
def test_a_job_is_stranded_whose_deadline_came_while_a_worker_had_been_idle_for_a_second(
    idle: tuple[int, int], stranded: bool
) -> None:
    waits = job(row="queued", enqueues=ACKNOWLEDGED)
    idly, calmly = Judgement("stranded", "alive_and_idle"), Judgement("pending", "queued")

    assert judge(waits, rules(margin_s=2.0, idle=[idle])) == (idly if stranded else calmly)


def test_where_nothing_ever_rescues_nobody_is_missed_for_it() -> None:
    row = Row("claimed", 0, "somebody", victim(rescuer=None))

    assert no_worker_left(row, 100, rules())
    assert not no_worker_left(row, 100, rules(rescues=False))

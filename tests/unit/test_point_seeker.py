"""Which of a worker's round trips is the one at which it is stopped."""

from __future__ import annotations

from typing import Any

from orchestrator.faults.point_seeker import PointSeeker
from orchestrator.proxy.points import RoundTrip
from orchestrator.scenario.triggered import AtPoint, PointSide
from tests.unit.round_trips_told import CLAIM, trip


def point(side: PointSide = "before", **more: Any) -> AtPoint:
    return AtPoint(statement=CLAIM, phase="waiting", side=side, **more)


def test_the_nth_of_its_name_and_phase_is_met_before_the_server() -> None:
    seeker = PointSeeker(point(ordinal=2))
    assert not seeker.before(trip(0), "waiting", 0)
    assert not seeker.before(trip(1), "started", 0)
    assert not seeker.before(trip(2, statement="BEGIN"), "waiting", 0)
    assert seeker.before(trip(3), "waiting", 0)


def test_the_nth_is_met_after_its_own_answer_and_no_other_one() -> None:
    seeker = PointSeeker(point("after", ordinal=2))
    assert not seeker.before(trip(0), "waiting", 0)
    assert not seeker.before(trip(1), "waiting", 0)
    assert not seeker.after(trip(7))
    assert not seeker.after(trip(0, rows=1))
    assert seeker.after(trip(1, rows=1))


def test_a_request_that_is_to_be_late_is_stopped_before_the_server() -> None:
    seeker = PointSeeker(point("delayed", ordinal=2))
    assert not seeker.before(trip(0), "waiting", 0)
    assert not seeker.after(trip(0, rows=1))
    assert seeker.before(trip(1), "waiting", 0)


def test_polls_without_rows_do_not_count_after_them_where_rows_name_the_point() -> None:
    seeker = PointSeeker(point("after", with_rows=True, ordinal=2))
    assert not seeker.before(trip(0), "waiting", 0)
    assert not seeker.after(trip(0, rows=0))
    assert not seeker.before(trip(1), "waiting", 0)
    assert not seeker.after(trip(1, rows=1))
    assert not seeker.before(trip(2), "waiting", 0)
    assert seeker.after(trip(2, rows=3))


def test_before_it_a_poll_is_never_taken_for_one_with_rows() -> None:
    seeker = PointSeeker(point(with_rows=True))
    for number, rows in enumerate((0, 1)):
        assert not seeker.before(trip(number), "waiting", 0)
        assert not seeker.after(trip(number, rows=rows))


def test_the_end_of_a_transaction_without_rows_is_passed_by() -> None:
    seeker = PointSeeker(point(with_rows=True))
    assert not seeker.before(trip(0, rows=0), "waiting", 0)
    assert not seeker.after(trip(0, rows=0))
    assert seeker.before(trip(1, rows=2), "waiting", 0)


def test_a_folded_point_is_met_in_any_phase_once_the_worker_is_ready() -> None:
    seeker = PointSeeker(AtPoint(statement=CLAIM, side="before"))
    assert not seeker.before(trip(0), "starting up", 0)
    assert seeker.before(trip(1), "completed", 0)


def test_what_executes_nothing_is_never_the_point() -> None:
    parse = RoundTrip(CLAIM, CLAIM, False, None, 0)
    assert not PointSeeker(point()).before(parse, "waiting", 0)


def test_each_wave_is_counted_anew() -> None:
    seeker = PointSeeker(point("after", wave=1, ordinal=1))
    assert not seeker.before(trip(0), "waiting", 0)
    assert not seeker.after(trip(0, rows=1))
    assert not seeker.before(trip(1), "waiting", 1)
    assert seeker.after(trip(1, rows=1))

"""When a request of the dead is delivered: once its jobs are another's, and at a limit."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator.errors import ProxyError
from orchestrator.faults.late_delivery import LateDelivery
from orchestrator.history.round_trips import Delivery
from orchestrator.proxy.delayed import Delayed, Delivered
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import as_read
from worker_child.protocol import ChildEvent, ChildReady, JobCompleted, JobStarted

VICTIM, NEXT = (0, 0), (0, 1)
JOB = "j000000"
LIMIT_S = 10.0


class Parcel:
    """Counts what is done to it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.delivered = self.closed = 0
        self._error = error

    def deliver(self, limit_s: float) -> Delivered:
        self.delivered += 1
        if self._error is not None:
            raise self._error
        trip = SimpleNamespace(rows=1)
        return Delivered(trip, None, 5, 9, 7)  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed += 1


def world(parcel: Parcel, within_s: float = 3600.0) -> tuple[LateDelivery, Tracker]:
    """A victim that had completed JOB and not acknowledged it."""
    tracker = Tracker()
    said(tracker, VICTIM, ready(VICTIM), JobStarted(1, 1, *VICTIM, job_id=JOB, execution=1))
    said(tracker, VICTIM, JobCompleted(2, 2, *VICTIM, job_id=JOB, execution=1))
    late = LateDelivery(cast("Delayed", parcel), VICTIM, {JOB}, tracker, within_s=within_s)
    return late, tracker


def said(tracker: Tracker, place: tuple[int, int], *events: ChildEvent) -> None:
    tracker.observe(place, as_read(*events))


def ready(place: tuple[int, int], t_ns: int = 0) -> ChildReady:
    return ChildReady(t_ns or time.monotonic_ns(), 0, *place, pid=1, identity="w")


def outcome(late: LateDelivery) -> Delivery:
    """Once it is over."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if (found := late.step()) is not None:
            return found
        if late._thread is not None:
            late._thread.join(LIMIT_S)
    raise AssertionError("it was never delivered")


def test_it_waits_for_the_next_process_and_for_another_to_have_the_job() -> None:
    parcel = Parcel()
    late, tracker = world(parcel)
    assert late.step() is None
    said(tracker, NEXT, ready(NEXT))
    assert late.step() is None and parcel.delivered == 0
    said(tracker, NEXT, JobStarted(9, 1, *NEXT, job_id=JOB, execution=1))
    assert outcome(late) == Delivery(sent_ns=5, answered_ns=7, sent_bytes=9, rows=1)
    assert late.step() is not None and parcel.delivered == 1, "once, however often it is asked"


def test_a_job_that_another_has_already_done_again_is_anothers() -> None:
    late, tracker = world(Parcel())
    said(tracker, NEXT, ready(NEXT), JobStarted(8, 1, *NEXT, job_id=JOB, execution=1))
    said(tracker, NEXT, JobCompleted(9, 2, *NEXT, job_id=JOB, execution=1))
    assert outcome(late).rows == 1


def test_nobody_is_waited_for_longer_than_the_limit_after_the_next_process_is_ready() -> None:
    late, tracker = world(Parcel(), within_s=5.0)
    said(tracker, NEXT, ready(NEXT, time.monotonic_ns() - 6_000_000_000))
    assert outcome(late).rows == 1


def test_what_could_not_be_delivered_says_why() -> None:
    late, tracker = world(Parcel(ProxyError("only a part")), within_s=0.0)
    said(tracker, NEXT, ready(NEXT))
    assert outcome(late) == Delivery(why="only a part")


def test_an_error_of_ours_is_raised_where_the_supervisor_asks() -> None:
    late, tracker = world(Parcel(ZeroDivisionError()), within_s=0.0)
    said(tracker, NEXT, ready(NEXT))
    with pytest.raises(ZeroDivisionError):
        outcome(late)


def test_one_that_is_given_up_before_its_moment_is_closed() -> None:
    parcel = Parcel()
    world(parcel)[0].close()
    assert (parcel.delivered, parcel.closed) == (0, 1)

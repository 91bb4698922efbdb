"""An acknowledgement is found by what the queue owes after it."""

from __future__ import annotations

from orchestrator.faults.acknowledgement_seeker import AcknowledgementSeeker
from orchestrator.scenario.triggered import AtPoint, PointPhase
from tests.unit.round_trips_told import trip


class Owing:
    """An acknowledgement is looked for in a queue of which the test says whether it owes a job."""

    def __init__(self, at: AtPoint | None = None) -> None:
        self.owes = True
        self.seeker = AcknowledgementSeeker(at or AtPoint(side="after"), lambda: self.owes)

    def begin(self, number: int, phase: PointPhase = "completed", wave: int = 0) -> None:
        assert not self.seeker.before(trip(number), phase, wave)

    def answered(self, number: int, rows: int | None = 1, *, owes: bool = False) -> bool:
        self.owes = owes
        return self.seeker.after(trip(number, rows))


def test_without_a_statement_it_is_the_one_after_which_the_queue_owes_nothing() -> None:
    queue = Owing()
    queue.begin(0)
    assert not queue.answered(0, owes=True)
    queue.begin(1)
    assert queue.answered(1)


def test_an_acknowledgement_comes_once_all_have_completed_and_in_the_wave_asked_for() -> None:
    queue = Owing(AtPoint(side="after", wave=1))
    queue.begin(0, "effect", 1)
    queue.begin(1, "completed", 0)
    assert not queue.answered(0) and not queue.answered(1)
    queue.owes = True
    queue.begin(2, "completed", 1)
    assert queue.answered(2)


def test_of_two_that_are_under_way_at_once_neither_is_known_to_acknowledge() -> None:
    queue = Owing()
    queue.begin(0)
    queue.begin(1)
    assert not queue.answered(0) and not queue.answered(1)
    queue.owes = True
    queue.begin(2)
    assert queue.answered(2), "the next one is"


def test_of_two_that_are_under_way_at_once_the_poll_without_rows_does_not_acknowledge() -> None:
    queue = Owing()
    queue.begin(0)
    queue.begin(1)
    assert not queue.answered(0, rows=0)
    assert queue.answered(1)


def test_what_begins_when_nothing_is_owed_any_more_acknowledges_nothing() -> None:
    queue = Owing()
    queue.owes = False
    queue.begin(0)
    assert not queue.answered(0)

"""From what a rescuer has said to the round trips at which it is held."""

from __future__ import annotations

from orchestrator.commands.crash_points.listing import Point, RoundTripNote
from orchestrator.commands.crash_points.race import (
    RescuerNote,
    RescuerRun,
    completion_of,
    race_points,
    rescuer_at,
)
from orchestrator.scenario.triggered import AtPoint, PointPhase

OVERDUE, FREE, CLAIM, COUNT = "SELECT overdue", "UPDATE q SET free", "UPDATE q SET claimed", "COUNT"
COMMIT, ACK = "COMMIT", "DELETE FROM q"
Said = tuple[str, PointPhase, int | None]


def noted(*said: Said, settles: int | None = None, wave: int = 0) -> list[RoundTripNote]:
    return [
        RoundTripNote(
            number=number,
            connection=0,
            statement=statement,
            sql=statement,
            phase=phase,
            rows=rows,
            executes=True,
            wave=-1 if phase == "idle" else wave,
            foretold=False,
            settles=number == settles,
        )
        for number, (statement, phase, rows) in enumerate(said)
    ]


IDLE = noted((OVERDUE, "idle", 0), (CLAIM, "idle", 0), (COUNT, "idle", 1), (COMMIT, "idle", 0))


def rescuer(
    *said: tuple[str, int | None], ready_ns: int | None = 0, started_ns: int | None = None
) -> RescuerRun:
    """Each is answered at its place, from 1."""
    notes = [
        RescuerNote(at_ns, statement, statement, rows, statement == COMMIT, executes=True)
        for at_ns, (statement, rows) in enumerate(said, 1)
    ]
    return RescuerRun(tuple(notes), ready_ns, started_ns)


def held(points: list[Point]) -> list[tuple[str, bool, bool]]:
    """Each statement, and whether it can be held before it and after it."""
    return [
        (
            point.name.statement,
            rescuer_at(point, "before") is not None,
            rescuer_at(point, "after") is not None,
        )
        for point in points
    ]


def test_a_rescuer_is_held_at_what_an_idle_worker_does_not_say_or_not_with_rows() -> None:
    run = rescuer((OVERDUE, 0), (OVERDUE, 1), (FREE, 1), (COMMIT, 2), (COUNT, 1), (CLAIM, 1))
    points = race_points([run], [IDLE])
    assert held(points) == [
        (OVERDUE, False, True),  # before it nobody knows that it will find one
        (FREE, True, True),
        (COMMIT, True, True),
        (CLAIM, False, True),
    ]
    assert rescuer_at(points[0], "after") == AtPoint(
        statement=OVERDUE, with_rows=True, side="after"
    )
    assert rescuer_at(points[1], "before") == AtPoint(statement=FREE, side="before")


def test_neither_its_start_nor_the_job_that_it_takes_is_a_rescue() -> None:
    run = rescuer((COMMIT, 3), (FREE, 1), (ACK, 1), ready_ns=2, started_ns=2)
    assert held(race_points([run], [IDLE])) == [(FREE, True, True)]
    assert race_points([rescuer((FREE, 1), ready_ns=None)], [IDLE]) == []


def test_a_rescue_is_held_only_where_every_run_has_it() -> None:
    runs = [rescuer((FREE, 1), (ACK, 1)), rescuer((FREE, 1))]
    assert held(race_points(runs, [IDLE])) == [(FREE, True, True)]
    assert race_points([], [IDLE]) == []


POLLED: list[Said] = [(ACK, "started", 1), (ACK, "completed", 0), (ACK, "completed", 1)]


def test_the_completion_is_what_has_settled_the_first_job_among_its_equals() -> None:
    run = [*noted(*POLLED, settles=2), *noted((COMMIT, "completed", 1), settles=0, wave=1)]
    assert completion_of([run, run]) == AtPoint(
        statement=ACK, phase="completed", wave=0, ordinal=2, side="before"
    )


def test_there_is_no_race_where_the_runs_disagree_on_the_completion_or_do_not_know_it() -> None:
    run = noted(*POLLED, settles=2)
    assert completion_of([run, noted(*POLLED)]) is None
    assert completion_of([run, noted(*POLLED[1:], settles=0)]) is None
    assert completion_of([noted(*POLLED)] * 3) is None

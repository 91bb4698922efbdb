"""From what harmless runs have said to the points that are tried."""

from __future__ import annotations

import pytest

from orchestrator.commands.crash_points.listing import (
    Listing,
    RoundTripNote,
    idle_says,
    list_points,
)
from orchestrator.commands.crash_points.plan import points_to_try
from orchestrator.scenario.faults import PointPhase

CLAIM, ACK, COMMIT = "UPDATE q SET claimed", "DELETE FROM q", "COMMIT"


def said(*notes: tuple[str, PointPhase, int | None], executes: bool = True) -> list[RoundTripNote]:
    return [
        RoundTripNote(
            number=number,
            statement=statement,
            sql=statement,
            phase=phase,
            rows=rows,
            executes=executes,
            wave=0,
        )
        for number, (statement, phase, rows) in enumerate(notes)
    ]


IDLE = said((CLAIM, "idle", 0), (COMMIT, "idle", 0))
ONE_JOB = said(
    (CLAIM, "idle", 0),
    (CLAIM, "waiting", 1),
    (CLAIM, "started", 0),
    (ACK, "completed", 1),
    (COMMIT, "completed", 1),
    (CLAIM, "completed", 0),
)


def names(listing: Listing) -> list[tuple[str, str | None, int, bool]]:
    return [
        (point.name.statement, point.name.phase, point.name.ordinal, point.name.with_rows)
        for point in listing.steady
    ]


def test_what_an_idle_worker_says_too_is_one_point_unless_it_brought_rows() -> None:
    listing = list_points("single", [ONE_JOB], idle_says([IDLE]))
    assert names(listing) == [
        (CLAIM, None, 1, False),
        (CLAIM, "waiting", 1, True),
        (ACK, "completed", 1, False),
        (COMMIT, "completed", 1, True),
    ]
    assert [point.folded for point in listing.steady] == [2, 0, 0, 0]


def test_without_folding_each_is_a_point_of_its_own() -> None:
    listing = list_points("single", [ONE_JOB], frozenset(), fold=False)
    assert names(listing) == [(note.statement, note.phase, 1, False) for note in ONE_JOB]


def test_equal_round_trips_are_told_apart_by_their_order() -> None:
    run = said((ACK, "completed", 1), (ACK, "completed", 1), (ACK, "started", 1))
    listing = list_points("batch", [run], frozenset())
    assert [(phase, ordinal) for _, phase, ordinal, _ in names(listing)] == [
        ("completed", 1),
        ("completed", 2),
        ("started", 1),
    ]
    assert len({point.name.id for point in listing.steady}) == 3


def test_what_is_not_in_every_run_is_unsteady() -> None:
    once = said((ACK, "completed", 1))
    listing = list_points("single", [ONE_JOB, once, ONE_JOB], idle_says([IDLE]))
    assert names(listing) == [(ACK, "completed", 1, False)]
    assert [point.name.statement for point in listing.unsteady] == [CLAIM, CLAIM, COMMIT]


def test_what_a_starting_worker_repeats_is_one_point_with_the_jobs_waiting() -> None:
    run = said(
        ("SELECT set_config(?)", "starting up", 1), ("SELECT set_config(?)", "starting up", 1)
    )
    listing = list_points("batch", [run], frozenset())
    assert [(p.name.phase, p.folded) for p in listing.steady] == [("starting up", 1)]
    assert points_to_try({"batch": listing}) == list(listing.steady)
    assert points_to_try({"single": list_points("single", [run], frozenset())}) == []


def test_a_round_trip_that_executes_nothing_is_listed_and_never_tried() -> None:
    run = [*said((ACK, "completed", None), executes=False), *said((ACK, "completed", 1))]
    listing = list_points("single", [run], frozenset())
    assert [point.name.executes for point in listing.steady] == [False, True]
    assert [point.name.ordinal for point in listing.steady] == [1, 1]
    assert [point.name.executes for point in points_to_try({"single": listing})] == [True]


@pytest.mark.parametrize("rows", [0, None])
def test_a_statement_that_brought_rows_when_idle_is_folded_with_or_without(
    rows: int | None,
) -> None:
    idle = idle_says([said(("UPSERT heartbeat", "idle", 1))])
    run = said(("UPSERT heartbeat", "started", rows), ("UPSERT heartbeat", "started", 1))
    assert names(list_points("single", [run], idle)) == [("UPSERT heartbeat", None, 1, False)]

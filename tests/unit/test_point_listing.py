"""From what harmless runs have said to the points that are tried."""

from __future__ import annotations

import msgspec

from orchestrator.commands.crash_points.listing import (
    Listing,
    RoundTripNote,
    idle_says,
    list_points,
)
from orchestrator.commands.crash_points.plan import points_to_try, undecidable
from orchestrator.scenario.triggered import AtPoint, PointPhase

CLAIM, ACK, COMMIT = "UPDATE q SET claimed", "DELETE FROM q", "COMMIT"
BEGIN, EFFECT, BEAT = "BEGIN", "INSERT INTO bench_effect", "UPSERT heartbeat"
Said = tuple[str, PointPhase, int | None]


def said(
    *notes: Said, executes: bool = True, wave: int = 0, connection: int = 0
) -> list[RoundTripNote]:
    return [
        RoundTripNote(
            number=number,
            connection=connection,
            statement=statement,
            sql=statement,
            phase=phase,
            rows=rows,
            executes=executes,
            wave=-1 if phase == "idle" else wave,
            foretold=statement == COMMIT,
            settles=False,
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
    listing = list_points("single", [run], frozenset())
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


LEADER_COMMITS: list[Said] = [(BEGIN, "idle", None), (BEAT, "idle", 1), (COMMIT, "idle", 1)]
EFFECT_AND_COMPLETION_IN_ONE: list[Said] = [
    *LEADER_COMMITS,
    (CLAIM, "idle", 0),
    (CLAIM, "waiting", 1),
    (BEGIN, "started", None),
    (EFFECT, "started", 1),
    (ACK, "effect", 1),
    (COMMIT, "effect", 2),
    (CLAIM, "completed", 0),
    (BEGIN, "completed", None),
    (COMMIT, "completed", 0),
]


def test_the_commit_of_a_job_is_a_point_although_an_idle_leader_commits_rows_too() -> None:
    run = said(*EFFECT_AND_COMPLETION_IN_ONE)
    assert names(list_points("single", [run], idle_says([run]))) == [
        (BEGIN, None, 1, False),
        (BEAT, None, 1, False),
        (COMMIT, None, 1, False),
        (CLAIM, None, 1, False),
        (CLAIM, "waiting", 1, True),
        (BEGIN, "started", 1, False),
        (EFFECT, "started", 1, False),
        (ACK, "effect", 1, False),
        (COMMIT, "effect", 1, True),
    ]


CLAIMS_BY_FUNCTION: list[Said] = [
    # It returns a row of nulls where there is no job; its rescuer is a job of its own queue.
    (BEGIN, "idle", None),
    (CLAIM, "idle", 1),
    (COMMIT, "idle", 1),
    (ACK, "idle", 1),
    (CLAIM, "waiting", 1),
    (COMMIT, "waiting", 1),
    (EFFECT, "started", 1),
    (BEGIN, "completed", None),
    (ACK, "completed", 1),
    (COMMIT, "completed", 1),
    (CLAIM, "failed", 1),
]


def test_a_claim_that_always_returns_a_row_is_a_point_and_so_is_its_acknowledgement() -> None:
    run = said(*CLAIMS_BY_FUNCTION)
    assert names(list_points("single", [run], idle_says([run]))) == [
        (BEGIN, None, 1, False),
        (CLAIM, None, 1, False),
        (COMMIT, None, 1, False),
        (ACK, None, 1, False),
        (CLAIM, "waiting", 1, True),
        (COMMIT, "waiting", 1, True),
        (EFFECT, "started", 1, False),
        (ACK, "completed", 1, True),
        (COMMIT, "completed", 1, True),
        (CLAIM, "failed", 1, True),
    ]


def test_only_what_every_idle_run_has_said_is_folded() -> None:
    once = said((BEAT, "idle", 1), (CLAIM, "idle", 0), (BEAT, "started", 0))
    never = said((CLAIM, "idle", 0), (BEAT, "started", 0))
    listing = list_points("single", [once, never], idle_says([once, never]))
    assert names(listing) == [(CLAIM, None, 1, False), (BEAT, "started", 1, False)]
    assert [(p.name.statement, p.name.phase) for p in listing.unsteady] == [(BEAT, "idle")]


def test_of_several_jobs_at_once_it_does_not_matter_how_far_each_of_them_is() -> None:
    quiet = said((EFFECT, "started", 1), (EFFECT, "started", 1), (ACK, "completed", 2))
    busy = said((EFFECT, "started", 1), (ACK, "started", 1), (EFFECT, "started", 1))
    listing = list_points("batch", [quiet, busy], frozenset())
    assert names(listing) == [
        (EFFECT, None, 1, False),
        (EFFECT, None, 2, False),
        (ACK, None, 1, False),
    ]
    assert [point.phase for point in listing.steady] == ["started", "started", "completed"]
    assert [point.name.is_folded for point in listing.steady] == [False] * 3
    assert listing.steady[-1].at("before") == AtPoint(statement=ACK, wave=0, side="before")
    assert points_to_try({"batch": listing}) == list(listing.steady)


def consumers(*polls: tuple[int, int]) -> list[RoundTripNote]:
    """Three at once beside a job: what one finds that has begun, and on which connection."""
    begun = [said((BEGIN, "started", None), connection=number) for number, _ in polls]
    ended = [said((COMMIT, "completed", rows), connection=number) for number, rows in polls]
    notes = [
        *IDLE,
        *said((BEGIN, "idle", None)),
        *(note for some in begun + ended for note in some),
    ]
    return [msgspec.structs.replace(note, number=place) for place, note in enumerate(notes)]


def test_what_begins_a_transaction_that_finds_no_rows_is_of_no_job() -> None:
    runs = [consumers((1, 0), (2, 0), (3, 2)), consumers((1, 0), (3, 2))]
    listing = list_points("single", runs, idle_says(runs))
    assert names(listing)[2:] == [
        (BEGIN, None, 1, False),
        (BEGIN, "started", 1, False),
        (COMMIT, "completed", 1, True),
    ]
    assert [point.folded for point in listing.steady][2:4] == [2, 0]


def test_which_of_several_begins_will_find_rows_nobody_can_say_at_either_side_of_it() -> None:
    runs = [consumers((1, 0), (2, 0), (3, 2)), consumers((1, 0), (3, 2))]
    begin = list_points("single", runs, idle_says(runs)).steady[3]
    assert (begin.at("before"), begin.at("after")) == (None, None)
    same = [consumers((1, 0), (3, 2)), consumers((2, 0), (1, 2))]
    begin = list_points("single", same, idle_says(same)).steady[3]
    for side in ("before", "after"):
        at = begin.at(side)
        assert at is not None and (at.ordinal, at.with_rows) == (2, False)


def test_what_begins_a_transaction_whose_end_nobody_saw_keeps_its_place() -> None:
    run = [*IDLE, *said((BEGIN, "idle", None)), *said((BEGIN, "started", None), connection=4)]
    run = [msgspec.structs.replace(note, number=place) for place, note in enumerate(run)]
    assert names(list_points("single", [run], idle_says([run])))[-1] == (BEGIN, "started", 1, False)


def before(listing: Listing, phase: PointPhase) -> list[tuple[int, bool] | None]:
    """Where the points of a phase are stopped at before them: ordinal, and whether by rows."""
    found = [point.at("before") for point in listing.steady if point.name.phase == phase]
    return [None if at is None else (at.ordinal, at.with_rows) for at in found]


def polled(empty: int) -> list[RoundTripNote]:
    polls: list[Said] = [(CLAIM, "failed", 0)] * empty
    return said((CLAIM, "idle", 0), *polls, (CLAIM, "failed", 1))


def test_before_a_claim_its_place_among_all_polls_of_the_phase_is_waited_for() -> None:
    runs = [polled(2), polled(2)]
    listing = list_points("single", runs, idle_says(runs))
    assert before(listing, "failed") == [(3, False)]
    after = listing.steady[1].at("after")
    assert after is not None and (after.ordinal, after.with_rows) == (1, True)


def test_before_a_claim_nobody_can_tell_it_from_polls_of_which_each_run_has_another_number() -> (
    None
):
    runs = [polled(2), polled(3)]
    listing = list_points("single", runs, idle_says(runs))
    assert before(listing, "failed") == [None]
    assert undecidable(listing.steady) == [listing.steady[1]]
    assert listing.steady[1].at("after") is not None


def committed(empty: int) -> list[RoundTripNote]:
    polls: list[Said] = [(COMMIT, "completed", 0)] * empty
    return said((COMMIT, "idle", 0), *polls, (COMMIT, "completed", 2))


def test_before_the_end_of_a_transaction_its_rows_are_known() -> None:
    runs = [committed(1), committed(4)]
    listing = list_points("single", runs, idle_says(runs))
    assert before(listing, "completed") == [(1, True)]


def test_each_wave_is_counted_anew_so_that_a_poll_more_or_less_renames_nothing_after_it() -> None:
    ack: Said = ACK, "completed", 1
    poll: Said = COMMIT, "completed", 1
    runs = [
        [*said(ack, *[poll] * polls), *renumbered(said(ack, poll, wave=1), 9)] for polls in (1, 2)
    ]
    listing = list_points("single", runs, frozenset())
    found = [(p.name.wave, p.name.statement, p.name.ordinal) for p in listing.steady]
    assert found == [(0, ACK, 1), (0, COMMIT, 1), (1, ACK, 1), (1, COMMIT, 1)]
    assert [(p.name.wave, p.name.ordinal) for p in listing.unsteady] == [(0, 2)]
    assert listing.steady[-1].at("after") == AtPoint(
        statement=COMMIT, phase="completed", wave=1, side="after"
    )


def renumbered(notes: list[RoundTripNote], begin: int) -> list[RoundTripNote]:
    return [msgspec.structs.replace(note, number=note.number + begin) for note in notes]

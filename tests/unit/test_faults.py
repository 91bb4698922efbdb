"""Kill instants rest on the scenario, the seed and the ordinal; what is due rests on the view."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.faults.plan import PlannedFault, View, due_ns, plan_faults, stratified
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.triggered import When

S = 1_000_000_000
STARTED_NS = 500 * S
PERIODS_S = {"flush": 0.1, "heartbeat": 15.0, "poll": 3.0}


def plan(*faults: Kill, seed: int = 1, ordinal: int = 1) -> list[PlannedFault]:
    return plan_faults(faults, seed=seed, ordinal=ordinal, periods_s=PERIODS_S, first_repeat_s=10.0)


def view(
    *,
    now_ns: int = STARTED_NS,
    completed: int = 0,
    in_flight: int = 0,
    held_reached: bool = False,
    point_ns: int | None = None,
    settled_since_ns: int | None = STARTED_NS,
    ready_ns: Mapping[int, int] | None = None,
) -> View:
    return View(
        now_ns=now_ns,
        started_ns=STARTED_NS,
        completed=completed,
        in_flight=in_flight,
        held_reached=held_reached,
        point_ns=point_ns,
        announced_ns=None,
        settled_since_ns=settled_since_ns,
        ready_ns={0: STARTED_NS - S} if ready_ns is None else ready_ns,
    )


def test_a_timed_kill_is_due_at_its_instant_from_t_0_whatever_is_seen() -> None:
    (kill,) = plan(Kill(at_s=60.0, respawn_after_s=15.0))
    assert (kill.trigger, kill.biased, kill.heal_after_ns) == ("timed", False, 15 * S)
    unsettled = view(settled_since_ns=None, ready_ns={})
    assert due_ns(kill, unsettled) == due_ns(kill, view()) == STARTED_NS + 60 * S


def test_timed_kills_of_one_scenario_do_not_move_with_the_ordinal() -> None:
    fault = Kill(at_s=60.0)
    assert plan(fault, ordinal=1) == plan(fault, ordinal=2)


@pytest.mark.parametrize(
    ("completed", "in_flight", "is_due"),
    [(499, 8, False), (500, 7, False), (500, 8, True), (900, 20, True)],
)
def test_a_state_triggered_kill_is_due_when_all_it_names_is_reached(
    completed: int, in_flight: int, is_due: bool
) -> None:
    (kill,) = plan(Kill(when=When(completed=500, in_flight=8)))
    seen = view(now_ns=STARTED_NS + 7, completed=completed, in_flight=in_flight)
    assert due_ns(kill, seen) == (STARTED_NS + 7 if is_due else None)
    assert (kill.trigger, kill.biased) == ("state", True)


def test_what_a_state_trigger_does_not_name_does_not_matter() -> None:
    (kill,) = plan(Kill(when=When(completed=5)))
    assert due_ns(kill, view(completed=5, in_flight=0)) is not None


def test_a_held_kill_is_due_when_every_held_job_stands_at_its_point() -> None:
    (kill,) = plan(Kill(when_held=True))
    assert (kill.trigger, kill.biased) == ("held", True)
    assert due_ns(kill, view()) is None
    assert due_ns(kill, view(now_ns=STARTED_NS + 9, held_reached=True)) == STARTED_NS + 9


def test_repeated_kills_are_timed_and_spread_over_every_period() -> None:
    kills = plan(Kill(repeat=20, respawn_after_s=1.0))
    assert [kill.fault for kill in kills] == list(range(20))
    assert all((kill.trigger, kill.biased) == ("timed", False) for kill in kills)
    assert {kill.phases[0].period_ns for kill in kills} == {15 * S}
    for column in zip(*(kill.phases for kill in kills), strict=True):
        strata = sorted(phase.at_ns * 20 // phase.period_ns for phase in column)
        assert strata == list(range(20))


def test_a_repeated_kill_waits_until_the_last_has_settled_and_somebody_lives() -> None:
    (kill,) = plan(Kill(repeat=1))
    assert due_ns(kill, view(settled_since_ns=None)) is None
    assert due_ns(kill, view(ready_ns={})) is None
    assert due_ns(kill, view(ready_ns={1: STARTED_NS})) is None


def test_a_repeated_kill_never_comes_before_the_least_length_of_the_stream() -> None:
    (kill,) = plan(Kill(repeat=1))
    due = due_ns(kill, view())
    assert due is not None
    assert due >= STARTED_NS + 10 * S


@given(
    settled_s=st.integers(0, 500),
    ready_s=st.integers(-20, 500),
    index=st.integers(0, 6),
)
def test_a_repeated_kill_falls_in_its_stratum_counted_from_ready_and_within_one_period(
    settled_s: int, ready_s: int, index: int
) -> None:
    kill = plan(Kill(repeat=7))[index]
    settled_ns, ready_ns = STARTED_NS + settled_s * S, STARTED_NS + ready_s * S
    due = due_ns(kill, view(settled_since_ns=settled_ns, ready_ns={0: ready_ns}))
    assert due is not None
    earliest_ns = max(settled_ns, STARTED_NS + 10 * S)
    longest = kill.phases[0]
    assert earliest_ns <= due < earliest_ns + 15 * S + longest.stratum_ns
    into_stratum_ns = (due - ready_ns - longest.begin_ns) % (15 * S)
    assert 0 <= into_stratum_ns <= longest.stratum_ns


def test_within_its_stratum_a_kill_comes_as_near_as_can_be_to_its_other_phases() -> None:
    kills = plan_faults(
        (Kill(repeat=20),),
        seed=1,
        ordinal=1,
        periods_s={"heartbeat": 1.5, "flush": 0.05},
        first_repeat_s=0.0,
    )
    for kill in kills:
        due = due_ns(kill, view(settled_since_ns=STARTED_NS + S))
        assert due is not None
        flush = next(phase for phase in kill.phases if phase.name == "flush")
        assert flush.distance(due - STARTED_NS) < 0.05


def test_a_library_without_a_rhythm_is_killed_as_soon_as_it_has_settled() -> None:
    (kill,) = plan_faults((Kill(repeat=1),), seed=1, ordinal=1, periods_s={}, first_repeat_s=0.0)
    assert due_ns(kill, view(settled_since_ns=STARTED_NS + 3)) == STARTED_NS + 3


def test_faults_are_numbered_through_in_the_order_of_the_file() -> None:
    kills = plan(Kill(at_s=1.0), Kill(repeat=2), Kill(at_s=9.0, slot=1))
    slots = [(kill.fault, kill.entry.slots) for kill in kills]
    assert slots == [(0, (0,)), (1, (0,)), (2, (0,)), (3, (1,))]


def test_a_slot_without_a_respawn_stays_empty() -> None:
    (kill,) = plan(Kill(at_s=1.0))
    assert kill.heal_after_ns is None


@given(
    period_ns=st.integers(1_000, 10**13),
    count=st.integers(1, 60),
    seed=st.text(max_size=5),
)
def test_each_stratum_is_hit_once(period_ns: int, count: int, seed: str) -> None:
    phases = sorted(stratified(period_ns, count, seed))
    for stratum, phase_ns in enumerate(phases):
        assert stratum * period_ns // count <= phase_ns <= (stratum + 1) * period_ns // count
        assert 0 <= phase_ns < period_ns


def test_phases_rest_on_seed_and_ordinal_and_on_nothing_else() -> None:
    fault = Kill(repeat=20)
    assert plan(fault, seed=3, ordinal=4) == plan(fault, seed=3, ordinal=4)
    assert plan(fault, seed=3, ordinal=4) != plan(fault, seed=3, ordinal=5)
    assert plan(fault, seed=3, ordinal=4) != plan(fault, seed=4, ordinal=4)


def test_phases_are_the_same_on_every_machine_and_for_ever() -> None:
    assert stratified(1_000_000, 4, "1/1") == [470030, 513652, 856731, 28376]


def test_phases_come_in_no_order() -> None:
    phases = stratified(15 * S, 20, "1/1")
    assert phases != sorted(phases)

"""The plan of kills, carried out: when each is sent, what it waits for, and when it is given up."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from io import BytesIO

import pytest

from orchestrator.faults import signals, table
from orchestrator.faults.targets import Reach, Worker
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.sessions import Session
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.triggered import Triggered, When
from tests.unit.campaign_world import LIMITS, TURN_S, Make, make_world
from tests.unit.stand_ins import RUN_ID, Lines, S, claimed_line
from worker_child.adapters.contract import QueueCounts
from worker_child.names import session_name

BACKEND = Session(4711, "2026-11-22 10:00:00+00", "active", "SELECT pg_sleep(600)")


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


# When a kill is sent


def test_nothing_is_due_before_t_0(make: Make) -> None:
    world = make(Kill(at_s=1.0))
    world.turn(5)
    assert world.recorder.records == []
    assert world.campaign.busy


def test_a_timed_kill_is_sent_at_its_instant_and_not_before(make: Make) -> None:
    world = make(Kill(at_s=3.0))
    started_ns = world.start()
    world.turn(2.5)
    assert world.campaign.injected == []
    world.turn(1.0)
    (sent,) = world.records(FaultInjected)
    assert sent.intended_ns == started_ns + 3 * S
    assert sent.t_ns == sent.intended_ns, "it waits out the last milliseconds"
    assert (sent.what, sent.ends_process) == ("kill", True)
    assert (sent.target.workers[0].slot, sent.target.workers[0].incarnation) == (0, 0)
    assert (sent.trigger, sent.biased) == ("timed", False)


def test_the_loop_is_told_when_the_next_kill_or_respawn_is_due(make: Make) -> None:
    world = make(Kill(at_s=3.0, respawn_after_s=5.0))
    started_ns = world.start()
    world.turn(1)
    due_ns = world.campaign.next_due_ns()
    assert due_ns is not None and started_ns + 2.5 * S < due_ns < started_ns + 3 * S
    world.turn(2.5)
    assert world.campaign.next_due_ns() == started_ns + 8 * S


def test_a_kill_waits_while_its_slot_is_empty(make: Make) -> None:
    world = make(Kill(at_s=1.0))
    world.start()
    world.fleet.kill(world.victim(), None)
    world.turn(3)
    assert world.campaign.injected == []
    world.fleet.spawn(0)
    world.turn(0.1)
    (sent,) = world.records(FaultInjected)
    assert sent.target.workers[0].incarnation == 1
    assert sent.intended_ns is not None
    assert sent.t_ns >= sent.intended_ns + 2 * S, "late, and both instants are told"


def test_a_kill_whose_slot_stays_empty_is_said_to_be_not_due(make: Make) -> None:
    world = make(Kill(at_s=1.0))
    world.start()
    world.fleet.kill(world.victim(), None)
    world.turn(3)
    assert world.campaign.idle
    world.campaign.drop_what_never_came()
    assert world.notes() == ["fault_not_due"]


def test_a_timed_kill_hits_a_worker_that_is_not_ready_at_its_instant(make: Make) -> None:
    world = make(Kill(at_s=1.0, respawn_after_s=0.2), Kill(at_s=1.5))
    started_ns = world.start()
    world.turn(1.1)
    world.victim().end(world.clock.now_ns)
    world.turn(1)
    first, second = world.records(FaultInjected)
    assert (first.before.ready, second.before.ready) == (True, False)
    assert second.target.workers[0].incarnation == 1
    assert second.t_ns == second.intended_ns == started_ns + round(1.5 * S)


def test_a_kill_that_waits_for_a_state_waits_for_a_worker_that_is_ready_too(make: Make) -> None:
    world = make(Kill(when=When(completed=0)))
    world.fleet.kill(world.victim(), None)
    world.fleet.spawn(0)
    world.start()
    world.turn(3)
    assert world.campaign.injected == []
    world.fleet.ready()
    world.turn(0.1)
    assert len(world.campaign.injected) == 1


@pytest.mark.parametrize("slots", [2, 5])
def test_kills_of_one_instant_are_sent_at_one_instant_and_certified_side_by_side(
    make: Make, slots: int
) -> None:
    world = make(*(Kill(slot=slot, at_s=3.0, respawn_after_s=1.0) for slot in range(slots)))
    started_ns = world.start()
    world.turn(3.1)
    sent = world.records(FaultInjected)
    assert [kill.t_ns for kill in sent] == [started_ns + 3 * S] * slots
    assert [kill.target.workers[0].slot for kill in sent] == list(range(slots))
    assert world.records(FaultEnded) == []
    for slot in range(slots):
        world.victim(slot=slot).end(world.clock.now_ns)
    world.turn(0.1)
    assert [end.raced for end in world.records(FaultEnded)] == [False] * slots


def test_kills_a_few_milliseconds_apart_keep_their_distance(make: Make) -> None:
    world = make(Kill(slot=1, at_s=3.005), Kill(slot=0, at_s=3.0))
    started_ns = world.start()
    world.turn(3.1)
    sent = world.records(FaultInjected)
    assert [kill.t_ns - started_ns for kill in sent] == [3 * S, round(3.005 * S)]


def test_a_survivor_races_for_the_rows_of_both_that_were_killed_at_once(make: Make) -> None:
    world = make(Kill(slot=0, at_s=3.0), Kill(slot=1, at_s=3.0))
    world.fleet.ready(2)
    world.start()
    world.turn(3.1)
    for slot in (0, 1):
        world.victim(slot=slot).end(world.clock.now_ns)
    world.turn(0.1)
    assert [end.raced for end in world.records(FaultEnded)] == [True, True]


def test_who_worked_on_after_the_kill_has_raced_even_if_it_is_dead_by_now(make: Make) -> None:
    world = make(Kill(slot=0, at_s=3.0), Kill(slot=1, at_s=3.5))
    world.start()
    world.turn(3.6)
    for slot in (0, 1):
        world.victim(slot=slot).end(world.clock.now_ns)
    world.turn(0.1)
    assert [end.raced for end in world.records(FaultEnded)] == [True, False]


def test_a_respawn_that_is_due_just_before_a_kill_of_another_slot_is_not_put_off(
    make: Make,
) -> None:
    world = make(Kill(slot=0, at_s=3.0, respawn_after_s=0.45), Kill(slot=1, at_s=3.5))
    started_ns = world.start()
    world.turn(4)
    respawned_ns = world.fleet.spawned_ns[0, 1] - started_ns
    assert 3.45 * S <= respawned_ns < 3.45 * S + 2 * TURN_S * S
    assert world.records(FaultInjected)[1].t_ns == started_ns + round(3.5 * S)


def test_a_kill_by_state_is_sent_when_all_that_it_names_is_seen(make: Make) -> None:
    world = make(Kill(when=When(completed=2, in_flight=3)))
    world.start()
    lines = Lines(world.tracker)
    lines.complete("j1")
    world.turn(1)
    assert world.probe.looks == 0, "the queue is not asked before the completions are there"
    lines.complete("j2")
    world.probe.counted = QueueCounts(0, 2, 0, 0, 0)
    world.turn(1)
    assert world.campaign.injected == []
    world.probe.counted = QueueCounts(0, 3, 0, 0, 0)
    world.turn(0.1)
    (sent,) = world.records(FaultInjected)
    assert (sent.trigger, sent.biased) == ("state", True)


def test_a_state_that_never_comes_is_dropped_with_a_note(make: Make) -> None:
    world = make(Kill(when=When(completed=2)))
    world.start()
    world.turn(100)
    assert world.campaign.busy and world.campaign.idle
    world.campaign.drop_what_never_came()
    assert not world.campaign.busy
    assert world.notes() == ["fault_not_due"]


# The certificate and the respawn


def test_the_respawn_comes_at_its_time_though_the_certificate_is_unfinished(make: Make) -> None:
    world = make(Kill(at_s=1.0, respawn_after_s=2.0))
    started_ns = world.start()
    world.probe.open_sessions = {session_name(RUN_ID, 0, 0): [BACKEND]}
    world.turn(1.1)
    world.victim().end(world.clock.now_ns)
    world.turn(2)
    (kill,) = world.campaign.injected
    assert kill.waiting_for == "the end of its sessions of the killed worker"
    respawned_ns = world.fleet.spawned_ns[0, 1]
    assert started_ns + 3 * S <= respawned_ns < started_ns + 3 * S + 2 * TURN_S * S
    assert world.records(FaultEnded) == []
    assert world.campaign.busy and not world.campaign.idle


def test_a_slot_that_is_to_stay_empty_is_not_filled(make: Make) -> None:
    world = make(Kill(at_s=1.0))
    world.start()
    world.turn(1.1)
    world.victim().end(world.clock.now_ns)
    world.turn(60)
    assert list(world.fleet.children) == [(0, 0)]
    assert not world.campaign.busy


def test_the_certificate_is_written_once_with_all_that_was_seen(make: Make) -> None:
    world = make(Kill(at_s=1.0))
    world.start()
    world.probe.lines = [claimed_line("j1"), claimed_line("j2", by="somebody else")]
    world.turn(1.1)
    world.victim().end(world.clock.now_ns)
    world.turn(1)
    (ended,) = world.records(FaultEnded)
    end = ended.after
    assert (end.signal, end.survivors, end.sessions_left) == (9, [], [])
    assert None not in (end.reaped_ns, end.eof_ns, end.sessions_gone_ns, end.rows_read_ns)
    assert world.campaign.injected[0].orphans == {"j1"}


@pytest.mark.parametrize("lacking", ["the exit", "the sessions' end", "the rows"])
def test_a_certificate_that_stays_incomplete_is_written_at_the_limit(
    make: Make, lacking: str
) -> None:
    world = make(Kill(at_s=1.0))
    started_ns = world.start()
    if lacking == "the sessions' end":
        world.probe.open_sessions = {session_name(RUN_ID, 0, 0): [BACKEND]}
    if lacking == "the rows":
        world.probe.read_error = "statement timeout"
    world.turn(1.1)
    if lacking != "the exit":
        world.victim().end(world.clock.now_ns)
    world.turn(LIMITS.sessions_gone_s)
    (ended,) = world.records(FaultEnded)
    found = ended.parts
    absent = {
        "the exit": ["reaped_ns", "eof_ns", "signal"],
        "the sessions' end": ["sessions_gone_ns"],
        "the rows": ["rows_read_ns"],
    }[lacking]
    assert [key for key in absent if key in found] == []
    assert ended.t_ns <= started_ns + (1 + LIMITS.sessions_gone_s + 3 * TURN_S) * S
    assert not world.campaign.busy


def test_a_later_kill_does_not_wait_for_an_earlier_ones_certificate(make: Make) -> None:
    world = make(Kill(at_s=1.0, respawn_after_s=0.5), Kill(at_s=3.0))
    started_ns = world.start()
    world.turn(1.9)
    world.fleet.ready()
    world.turn(2)
    sent = world.records(FaultInjected)
    assert [kill.target.workers[0].incarnation for kill in sent] == [0, 1]
    assert [kill.t_ns for kill in sent] == [started_ns + S, started_ns + 3 * S]
    assert world.records(FaultEnded) == [], "both certificates are open"
    world.victim(1).end(world.clock.now_ns)
    world.victim(0).end(world.clock.now_ns)
    world.turn(0.1)
    assert [end.fault for end in world.records(FaultEnded)] == [0, 1]


def test_a_slow_look_for_survivors_does_not_put_off_a_kill_that_is_near(make: Make) -> None:
    world = make(Kill(slot=0, at_s=3.0), Kill(slot=1, at_s=3.14), Kill(slot=1, at_s=20.0))
    started_ns = world.start()
    world.turn(3.005)
    first = world.victim()
    first.look_s = 0.1
    first.end(world.clock.now_ns)
    world.turn(0.11)
    assert world.records(FaultEnded) == []
    world.turn(0.3)
    assert [kill.t_ns - started_ns for kill in world.records(FaultInjected)] == [
        3 * S,
        round(3.14 * S),
    ]
    assert [end.fault for end in world.records(FaultEnded)] == [0], "gone on with at once"


def test_slow_looks_for_survivors_do_not_put_off_a_respawn(make: Make) -> None:
    world = make(*(Kill(slot=slot, at_s=3.0, respawn_after_s=0.15) for slot in range(6)))
    started_ns = world.start()
    world.turn(3.005)
    for slot in range(6):
        world.victim(slot=slot).look_s = 0.1
        world.victim(slot=slot).end(world.clock.now_ns)
    world.turn(1.0)
    assert len(world.records(FaultEnded)) == 6
    for slot in range(6):
        assert world.fleet.spawned_ns[slot, 1] - started_ns < 3.3 * S


def test_a_certificate_is_closed_though_one_kill_follows_another(make: Make) -> None:
    world = make(*(Kill(slot=slot, at_s=3.0 + 0.1 * slot) for slot in range(40)))
    world.start()
    world.turn(3.005)
    world.victim().end(world.clock.now_ns)
    world.turn(2.5)
    assert [end.fault for end in world.records(FaultEnded)] == [0]
    assert len(world.campaign.pending) > 10


def test_a_timed_kill_does_not_wait_for_one_before_it_whose_state_never_comes(make: Make) -> None:
    world = make(Kill(when=When(completed=9)), Kill(slot=1, at_s=3.0))
    started_ns = world.start()
    world.turn(4)
    (sent,) = world.records(FaultInjected)
    assert (sent.fault, sent.t_ns) == (1, started_ns + 3 * S)


# When the run ends


def test_what_a_fault_holds_open_is_closed_with_the_run_that_ends_before_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = BytesIO()

    def inject(reach: Reach, victim: Worker, fault: int) -> int:
        reach.holding(opened)
        return signals.kill(reach, victim, fault)

    row = replace(table.TABLE[Kill], inject=inject)
    holding: dict[type[Triggered], table.Row] = {**table.TABLE, Kill: row}
    monkeypatch.setattr(table, "TABLE", holding)
    world = make(Kill(at_s=1.0))
    world.start()
    world.turn(2)
    assert not opened.closed
    world.campaign.close()
    assert opened.closed

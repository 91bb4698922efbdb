"""The end of a run: when the witnesses agree, or at a bound that says what it waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from orchestrator.history.rescuer import Outage
from orchestrator.run.drain import Drain
from orchestrator.scenario.types import Limits
from orchestrator.workers.child import State
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import (
    MS,
    Clock,
    Lines,
    S,
    StillFleet,
    ToldProbe,
    claimed_row,
    identity,
    parts_of,
)
from worker_child.adapters.contract import QueueCounts
from worker_child.protocol import Rescue

LIMITS = Limits(drain_s=20.0, backlog_margin_s=10.0, max_bound_s=120.0, confirm_s=5.0)
LONGEST_S = 6.0
RESCUE = Rescue("a lease", lease_s=30.0, interval_s=2.0, poll_s=1.0)
NOTHING = QueueCounts(0, 0, 0, 0, 0)
ONE_CLAIMED = QueueCounts(0, 1, 0, 0, 0)


@dataclass
class World:
    """What a drain looks at."""

    clock: Clock = field(default_factory=Clock)
    tracker: Tracker = field(default_factory=Tracker)

    def __post_init__(self) -> None:
        self.fleet = StillFleet(self.tracker, self.clock)
        self.fleet.ready()
        self.lines = Lines(self.tracker)
        self.probe = ToldProbe(self.clock)

    def drain(
        self, rescue: Rescue | None = RESCUE, outages: Callable[[], Sequence[Outage]] = tuple
    ) -> Drain:
        return Drain(
            parts_of(self.fleet, self.probe, self.tracker),
            rescue=rescue,
            limits=LIMITS,
            longest_length_s=LONGEST_S,
            outages=outages,
        )

    def look_after(self, drain: Drain, seconds: float) -> str | None:
        self.clock.forward(seconds)
        return drain.look()

    def lose_a_worker(self, ago_s: float = 0.0, ready_after_s: float | None = None) -> int:
        """The worker of slot 0 was killed so long ago, and so much later the next one was ready;
        gives the instant of the kill."""
        now_ns = self.clock.now_ns
        self.clock.now_ns = now_ns - round(ago_s * S)
        lost_ns = self.fleet.kill(self.fleet.ready(), 0)
        self.fleet.spawn(0)
        if ready_after_s is not None:
            self.clock.now_ns = lost_ns + round(ready_after_s * S)
            self.fleet.ready()
        self.clock.now_ns = now_ns
        return lost_ns

    def leave_an_orphan(self) -> None:
        """The only worker is dead and its row is still claimed."""
        child = self.fleet.ready()
        self.fleet.kill(child, 0)
        self.probe.counted, self.probe.claimed = ONE_CLAIMED, [claimed_row("j1")]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr("orchestrator.run.drain.time", made.clock)
    return made


def test_it_ends_when_no_row_is_left_and_no_execution_is_open(world: World) -> None:
    drain = world.drain()
    assert world.look_after(drain, 1) is None
    assert drain.ended_by == "agreed"


@pytest.mark.parametrize(
    ("counts", "waiting_for"),
    [
        (QueueCounts(3, 0, 0, 0, 0), "3 queued rows and 0 open executions"),
        (QueueCounts(0, 2, 0, 0, 0), "2 claimed rows and 0 open executions"),
        (QueueCounts(0, 0, 1, 0, 0), "1 waiting for a retry rows and 0 open executions"),
        (QueueCounts(3, 2, 0, 0, 0), "3 queued, 2 claimed rows and 0 open executions"),
    ],
)
def test_rows_that_the_queue_still_has_work_with_keep_it_waiting(
    world: World, counts: QueueCounts, waiting_for: str
) -> None:
    world.probe.counted = counts
    drain = world.drain()
    assert world.look_after(drain, 1) == waiting_for
    assert drain.ended_by == ""


def test_rows_that_the_queue_has_given_up_do_not_keep_it_waiting(world: World) -> None:
    world.probe.counted = QueueCounts(0, 0, 0, 7, 0)
    assert world.look_after(world.drain(), 1) is None


def test_an_open_execution_keeps_it_waiting_though_no_row_is_left(world: World) -> None:
    world.lines.start("j1")
    drain = world.drain()
    assert world.look_after(drain, 1) == "no rows and 1 open executions"
    world.lines.complete("j1")
    assert world.look_after(drain, 1) is None
    assert drain.ended_by == "agreed"


def test_an_execution_that_a_dead_worker_left_open_does_not_keep_it_waiting(world: World) -> None:
    world.lines.start("j1")
    world.fleet.kill(world.fleet.ready(), 0)
    assert world.look_after(world.drain(), 1) is None


def test_the_queue_is_asked_ten_times_a_second_at_most(world: World) -> None:
    world.probe.counted = ONE_CLAIMED
    drain = world.drain()
    for _ in range(100):
        world.look_after(drain, 0.01)
    assert 9 <= world.probe.looks <= 10


def test_at_the_bound_it_names_what_it_waited_for(world: World) -> None:
    world.probe.counted = QueueCounts(0, 2, 0, 0, 0)
    drain = world.drain()
    assert world.look_after(drain, LIMITS.drain_s - 0.001) is not None
    assert world.look_after(drain, 0.2) is None
    assert drain.ended_by == "the bound, still waiting for 2 claimed rows and 0 open executions"


def test_witnesses_that_agree_at_the_bound_have_agreed(world: World) -> None:
    drain = world.drain()
    assert world.look_after(drain, 10 * LIMITS.drain_s) is None
    assert drain.ended_by == "agreed"


# Queues that never rescue


def test_a_queue_that_never_rescues_is_watched_for_a_while_and_left(world: World) -> None:
    world.leave_an_orphan()
    drain = world.drain(rescue=None)
    assert world.look_after(drain, 1) is not None
    assert world.look_after(drain, LIMITS.confirm_s) is not None
    assert world.look_after(drain, 0.2) is None
    assert drain.ended_by.endswith(
        "1 claimed rows and 0 open executions; this preset never rescues"
    )


def test_a_queue_that_rescues_is_not_left_so_early(world: World) -> None:
    world.leave_an_orphan()
    drain = world.drain()
    for _ in range(5):
        assert world.look_after(drain, 2) is not None


@pytest.mark.parametrize("disturbance", ["a queued row", "a retrying row", "a live claim", "open"])
def test_the_watch_begins_anew_as_long_as_somebody_is_at_work(
    world: World, disturbance: str
) -> None:
    world.leave_an_orphan()
    drain = world.drain(rescue=None)
    for _ in range(4):
        assert world.look_after(drain, 1) is not None
    world.fleet.spawn(0)
    world.fleet.ready()
    if disturbance == "a queued row":
        world.probe.counted = QueueCounts(1, 1, 0, 0, 0)
    elif disturbance == "a retrying row":
        world.probe.counted = QueueCounts(0, 1, 1, 0, 0)
    elif disturbance == "a live claim":
        world.probe.claimed = [claimed_row("j1"), claimed_row("j2", by=identity(0, 1))]
    else:
        Lines(world.tracker, 0, 1).start("j2")
    assert world.look_after(drain, 1) is not None
    world.probe.counted, world.probe.claimed = ONE_CLAIMED, [claimed_row("j1")]
    world.tracker.open[0, 1].clear()
    for _ in range(6):
        assert world.look_after(drain, 1) is not None
    assert world.look_after(drain, 0.2) is None


# The deadline


def test_without_an_outage_the_bound_is_the_drains_own(world: World) -> None:
    begun_ns = world.clock.now_ns
    drain = world.drain()
    world.clock.forward(7)
    assert drain.deadline_ns() == begun_ns + 20 * S


@pytest.mark.parametrize(
    ("ready_after_s", "bound_s"),
    [
        (15.0, 30 + 2 + 1),  # the lease outlasts the outage
        (40.0, 40 + 2 + 1),  # the outage outlasts the lease
        (300.0, 120),  # limits.max_bound_s
    ],
)
def test_with_an_outage_it_is_that_of_the_rescue_and_of_the_longest_job_behind_it(
    world: World, ready_after_s: float, bound_s: float
) -> None:
    lost_ns = world.lose_a_worker(0, ready_after_s)
    assert world.drain().deadline_ns() == lost_ns + round((bound_s + 10 + 6) * S)


def test_it_is_never_less_than_the_drains_own(world: World) -> None:
    begun_ns = world.clock.now_ns
    world.lose_a_worker(60, 10)
    assert world.drain().deadline_ns() == begun_ns + 20 * S


def test_of_several_outages_the_latest_deadline_counts(world: World) -> None:
    now_ns = world.clock.now_ns
    world.lose_a_worker(40, 1)
    world.lose_a_worker(3, 1)
    assert world.drain().deadline_ns() == now_ns + (-3 + 33 + 10 + 6) * S


def test_a_successor_that_died_before_the_lease_was_over_is_no_rescuer(world: World) -> None:
    now_ns = world.clock.now_ns
    world.lose_a_worker(60, 1)  # killed before the 30 s of the lease were over
    world.lose_a_worker(50, 55)
    assert world.drain().deadline_ns() == now_ns + (-60 + 65 + 3 + 10 + 6) * S


def test_a_survivor_rescues_however_late_the_slot_is_filled_again(world: World) -> None:
    world.fleet.ready(1)
    world.clock.forward(1)
    lost_ns = world.lose_a_worker(0, 90)
    assert world.drain().deadline_ns() == lost_ns + (33 + 10 + 6) * S


def test_where_nobody_is_left_there_is_no_rescue_to_wait_for(world: World) -> None:
    begun_ns = world.clock.now_ns
    world.fleet.kill(world.fleet.ready(), 0)
    drain = world.drain()
    world.clock.forward(5)
    assert drain.deadline_ns() == begun_ns + 20 * S


def test_as_long_as_nobody_is_ready_it_moves_with_the_clock_up_to_the_limit(world: World) -> None:
    lost_ns = world.lose_a_worker()
    drain = world.drain()
    assert drain.deadline_ns() == lost_ns + (33 + 10 + 6) * S
    world.clock.forward(50)
    assert drain.deadline_ns() == lost_ns + (53 + 10 + 6) * S
    world.clock.forward(500)
    assert drain.deadline_ns() == lost_ns + (120 + 10 + 6) * S


def test_where_nothing_rescues_an_outage_moves_nothing(world: World) -> None:
    begun_ns = world.clock.now_ns
    world.lose_a_worker()
    assert world.drain(rescue=None).deadline_ns() == begun_ns + 20 * S


def test_a_fault_that_ends_no_process_moves_the_bound_to_its_end(world: World) -> None:
    begun_ns = world.clock.now_ns
    healed_ns = begun_ns + 12 * S
    drain = world.drain(outages=lambda: [Outage(begun_ns - S, healed_ns)])
    assert drain.deadline_ns() == healed_ns + 20 * S


def test_as_long_as_such_a_fault_goes_on_it_moves_with_the_clock(world: World) -> None:
    begun_ns = world.clock.now_ns
    drain = world.drain(outages=lambda: [Outage(begun_ns, None)])
    world.clock.forward(100)
    assert drain.deadline_ns() == world.clock.now_ns + 20 * S


def test_a_rescue_that_such_a_fault_falls_into_counts_from_its_end(world: World) -> None:
    lost_ns = world.lose_a_worker(0, 1)
    healed_ns = lost_ns + 40 * S
    drain = world.drain(outages=lambda: [Outage(lost_ns + 5 * S, healed_ns)])
    assert drain.deadline_ns() == healed_ns + (33 + 10 + 6) * S


def test_what_a_worker_holds_that_left_when_told_to_is_waited_for_as_a_dead_ones(
    world: World,
) -> None:
    child, now_ns = world.fleet.ready(), world.clock.now_ns
    world.fleet.ready(1)
    child.state = State.GONE
    child.end(now_ns, None)
    assert world.drain().deadline_ns() == now_ns + (33 + 10 + 6) * S


def test_an_orphan_is_waited_for_to_the_rescues_bound_and_no_longer(world: World) -> None:
    world.leave_an_orphan()
    world.fleet.spawn(0)
    world.fleet.ready()
    drain = world.drain()
    world.clock.now_ns = drain.deadline_ns() - MS
    assert drain.look() is not None
    assert world.look_after(drain, 0.2) is None
    assert drain.ended_by.startswith("the bound, still waiting for 1 claimed rows")

"""What is collected of a process's end: step by step, and what is left out when it is overdue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, Literal, cast

import msgspec
import pytest

from orchestrator.faults.certificate import SIDE_BY_SIDE_NS, Closed, EndOfAProcess, EndReadAtOnce
from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.faults.targets import Reach, Victim, Worker
from orchestrator.history.round_trips import Delivery, Freeze, RoundTripSeen
from orchestrator.history.sessions import Session
from orchestrator.history.worker_faults import ProcessEnd, SessionsBefore
from orchestrator.observe.probe import Reading
from orchestrator.workers.child import Exit
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import (
    MS,
    Clock,
    Lines,
    StillChild,
    StillFleet,
    ToldProbe,
    as_read,
    claimed_line,
    identity,
    inbox_of,
)
from worker_child.protocol import JobStarted

SESSION = Session(7, "then", "active", "UPDATE job")
SEEN = RoundTripSeen("COMMIT", "COMMIT", "completed", "before")
FREEZE, DELIVERY = Freeze(1, 2, 0, [7]), Delivery(sent_ns=3, answered_ns=4, sent_bytes=5)


class AskedProbe(ToldProbe):
    """Remembers which rows it was asked for, and knows of sessions that are nobody's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.asked: list[tuple[int | None, list[str] | None, list[str]]] = []

    def read(
        self,
        read: Literal["kill", "final"],
        job_of_inbox_id: Mapping[str, str],
        *,
        fault: int | None = None,
        inbox_ids: list[str] | None = None,
        jobs: Iterable[str] = (),
    ) -> Reading:
        self.asked.append((fault, inbox_ids, list(jobs)))
        return super().read(read, job_of_inbox_id, fault=fault)

    def unknown_sessions(self) -> list[Session]:
        return [Session(99, "then")]


class Late:
    """A request that comes after so many looks."""

    def __init__(self, looks: int) -> None:
        self._looks = looks

    def step(self) -> Delivery | None:
        self._looks -= 1
        return DELIVERY if self._looks < 0 else None


class Watch:
    """Holds the victim at a round trip, or has not met it yet."""

    def __init__(self, seen: RoundTripSeen | None = SEEN, late: Late | None = None) -> None:
        self.seen = seen
        self.late: Late | None = None
        self.dropped = 0
        self._late = late

    def drop(self) -> Freeze:
        self.dropped += 1
        self.late = self._late
        return FREEZE


class World:
    """A worker that is ready, with a session, and was killed just now."""

    def __init__(self, clock: Clock, watch: Watch | None = None, *, ready: bool = True) -> None:
        self.clock, self.tracker = clock, Tracker()
        self.fleet, self.probe = StillFleet(self.tracker, clock), AskedProbe(clock)
        self.child: StillChild = self.fleet.ready() if ready else self.fleet.spawn(0)
        self.reach = Reach(
            self.fleet, self.tracker, self.probe, watch=cast("RoundTripWatch | None", watch)
        )
        self.probe.open_sessions[self.child.init.application_name] = [SESSION]
        self.fleet.kill(self.child, 0)
        self.end = EndOfAProcess(self.reach, Worker(self.child))

    def gone(self) -> None:
        """Nothing of it is left."""
        self.child.end(self.clock.now_ns)
        self.probe.open_sessions.clear()

    def waits_for(self, *, overdue: bool = False) -> str | None:
        return self.end.missing(overdue=overdue)

    def parts(self) -> ProcessEnd:
        parts = self.end.close(0).parts
        assert isinstance(parts, ProcessEnd)
        return parts


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("orchestrator.faults.certificate.time", clock)
    return clock


# Before it


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("watch", [None, Watch(), Watch(seen=None)])
def test_before_it_the_sessions_are_seen_and_where_the_victim_is_held(
    clock: Clock, ready: bool, watch: Watch | None
) -> None:
    world = World(clock, watch, ready=ready)
    at_point = None if watch is None else watch.seen
    expected = SessionsBefore([SESSION], [Session(99, "then")], ready=ready, at_point=at_point)
    assert world.end.before() == expected
    assert EndReadAtOnce(world.reach, Worker(world.child)).before() == expected


def test_only_a_worker_has_an_end_of_its_process(clock: Clock) -> None:
    nobody = cast(Victim, SimpleNamespace(child=None))
    with pytest.raises(AssertionError, match="is no worker"):
        EndOfAProcess(World(clock).reach, nobody)


# Step by step


def test_each_step_is_waited_for_after_the_one_before_it(clock: Clock) -> None:
    world = World(clock, Watch(late=Late(looks=1)))
    world.child.eof_ns = clock.now_ns
    assert world.waits_for() == "the exit status of the killed worker"
    world.child.exit = Exit(clock.now_ns, None, 9, 0)
    world.child.eof_ns = None
    assert world.waits_for() == "the end of its pipe of the killed worker"
    world.child.eof_ns, world.child.others = clock.now_ns, [71]
    assert world.waits_for() == "the end of its process group of the killed worker"
    world.child.others = []
    assert world.waits_for() == "the late delivery of the request of the killed worker"
    assert world.waits_for() == "the end of its sessions of the killed worker"
    world.probe.open_sessions.clear()
    gone_ns = clock.forward(1.0)
    assert world.waits_for() is None
    found = world.parts()
    assert (found.sessions_gone_ns, found.sessions_left, found.survivors) == (gone_ns, [], [])
    assert (found.freeze, found.delivery) == (FREEZE, DELIVERY)


def test_all_that_is_there_at_once_is_seen_at_one_look(clock: Clock) -> None:
    world = World(clock)
    world.gone()
    assert world.waits_for() is None
    assert world.waits_for() is None, "and it stays so"
    at = clock.now_ns
    whole = ProcessEnd(at, signal=9, eof_ns=at, sessions_gone_ns=at, rows_read_ns=at)
    assert world.parts() == whole


def test_sessions_are_gone_from_the_first_look_that_found_none(clock: Clock) -> None:
    world = World(clock)
    world.gone()
    assert world.waits_for() is None
    gone_ns = clock.now_ns
    clock.forward(1.0)
    assert world.waits_for(overdue=True) is None
    assert world.parts().sessions_gone_ns == gone_ns


def test_when_it_is_overdue_what_was_not_seen_is_left_out(clock: Clock) -> None:
    watch = Watch(late=Late(looks=9))
    world = World(clock, watch)
    world.child.others = [71]
    world.probe.read_error = "statement timeout"
    assert world.waits_for(overdue=True) is None
    assert world.parts() == ProcessEnd(survivors=[71], sessions_left=[SESSION], freeze=FREEZE)
    assert watch.dropped == 1


def test_a_worker_that_left_by_itself_has_an_exit_code(clock: Clock) -> None:
    world = World(clock)
    world.child.end(clock.now_ns, signal=None)
    world.probe.open_sessions.clear()
    assert world.waits_for() is None
    assert (world.parts().signal, world.parts().exit_code) == (None, 0)


# What was frozen


def test_what_was_frozen_is_looked_at_when_nobody_of_the_worker_is_left(clock: Clock) -> None:
    watch = Watch()
    world = World(clock, watch)
    world.gone()
    world.child.others = [71]
    assert world.waits_for() is not None
    assert watch.dropped == 0
    world.child.others = []
    assert world.waits_for() is None
    assert (watch.dropped, world.parts().freeze, world.parts().delivery) == (1, FREEZE, None)


def test_nothing_was_frozen_of_a_worker_that_was_held_nowhere(clock: Clock) -> None:
    watch = Watch(seen=None)
    world = World(clock, watch)
    world.gone()
    assert world.waits_for() is None
    assert (watch.dropped, world.parts().freeze) == (0, None)


# Its rows


def test_the_rows_of_what_was_open_are_read_and_those_that_it_held_are_its_orphans(
    clock: Clock,
) -> None:
    world = World(clock)
    Lines(world.tracker).start("j1", "j2")
    unnamed = JobStarted(0, 0, 0, 0, "j3", 9)
    world.tracker.observe((0, 0), as_read(unnamed))
    held = msgspec.structs.replace(claimed_line("j1"), inbox_id=inbox_of("j1"))
    world.probe.lines = [held, claimed_line("j3"), claimed_line("j2", by="another")]
    closed = world.end.close(4)
    assert world.probe.asked == [(4, [inbox_of("j1"), inbox_of("j2")], ["j1", "j2", "j3"])]
    assert closed.orphans == {"j1", "j3"}
    assert closed.orphan_rows == {inbox_of("j1")}
    assert closed.lines[:-1] == world.probe.lines
    assert closed.lines[-1].lines == 3


def test_a_worker_that_never_said_its_name_holds_no_row(clock: Clock) -> None:
    world = World(clock, ready=False)
    world.probe.lines = [claimed_line("j1", by=identity(0, 0))]
    closed = world.end.close(0)
    assert (closed.orphans, closed.orphan_rows) == (frozenset(), frozenset())
    assert len(closed.lines) == 2


def test_where_nothing_else_is_said_nobody_raced_and_nothing_was_read(clock: Clock) -> None:
    closed = World(clock).end.close(0)
    nothing: frozenset[str] = frozenset()
    assert Closed(closed.parts) == Closed(closed.parts, [], nothing, nothing, raced=False)


# Who raced for them


def raced(clock: Clock, **other: Any) -> bool:
    """Whether another worker could claim them that ended so long after the victim was killed."""
    world = World(clock)
    second = world.fleet.ready(1)
    killed_ns = world.child.killed_ns
    assert killed_ns is not None
    for name, after_ns in other.items():
        at_ns = killed_ns + after_ns
        value = Exit(at_ns, 1, None, 0) if name == "exit" else at_ns
        setattr(second, name, value)
    return world.end.close(0).raced


@pytest.mark.parametrize("how", ["killed_ns", "exit"])
@pytest.mark.parametrize(
    ("after_ns", "expected"),
    [(-1, False), (0, False), (SIDE_BY_SIDE_NS, False), (SIDE_BY_SIDE_NS + 1, True)],
)
def test_who_ended_within_ten_milliseconds_of_the_victim_could_claim_nothing_of_its(
    clock: Clock, how: str, after_ns: int, expected: bool
) -> None:
    assert raced(clock, **{how: after_ns}) is expected
    assert SIDE_BY_SIDE_NS == 10 * MS


@pytest.mark.parametrize("first", ["killed_ns", "exit"])
def test_it_is_the_first_sign_of_anothers_end_that_counts(clock: Clock, first: str) -> None:
    ends = dict.fromkeys(("killed_ns", "exit"), SIDE_BY_SIDE_NS + 1)
    assert raced(clock, **ends)
    assert not raced(clock, **{**ends, first: 0})


def test_who_lives_has_raced_and_the_victim_not_with_itself(clock: Clock) -> None:
    assert raced(clock)
    assert not World(clock).end.close(0).raced


def test_a_victim_that_was_never_killed_may_have_been_raced_by_whoever_was_there(
    clock: Clock,
) -> None:
    world = World(clock)
    world.child.killed_ns = None
    assert not world.end.close(0).raced
    other = world.fleet.ready(1)
    other.killed_ns = 0
    assert world.end.close(0).raced


# The end in a fault that goes on


def test_what_a_process_left_is_read_once_when_it_is_gone_and_kept(clock: Clock) -> None:
    world = World(clock)
    end = EndReadAtOnce(world.reach, Worker(world.child))
    assert end.missing(3, overdue=False) is not None
    assert world.probe.asked == []
    world.gone()
    assert end.missing(3, overdue=False) is None
    read_ns = clock.now_ns
    clock.forward(5.0)
    assert end.missing(3, overdue=True) is None
    parts = end.close(3).parts
    assert isinstance(parts, ProcessEnd)
    assert (parts.rows_read_ns, len(world.probe.asked)) == (read_ns, 1)
    assert world.probe.asked[0][0] == 3


def test_before_the_fault_has_begun_nothing_is_read_of_it(clock: Clock) -> None:
    world = World(clock)
    world.gone()
    end = EndReadAtOnce(world.reach, Worker(world.child))
    assert end.missing(None, overdue=False) is None
    assert world.probe.asked == []
    assert end.missing(0, overdue=False) is None
    assert [fault for fault, _, _ in world.probe.asked] == [0]


def test_an_end_that_was_never_whole_is_read_when_the_certificate_is_closed(clock: Clock) -> None:
    world = World(clock)
    end = EndReadAtOnce(world.reach, Worker(world.child))
    assert end.missing(2, overdue=False) is not None
    parts = end.close(2).parts
    assert isinstance(parts, ProcessEnd)
    assert (parts.reaped_ns, parts.rows_read_ns) == (None, clock.now_ns)
    assert [fault for fault, _, _ in world.probe.asked] == [2]

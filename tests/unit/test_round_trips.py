"""A worker's round trips: the phase of each, and the one at which it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.faults.phases import Phases
from orchestrator.faults.point_seeker import PointSeeker
from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.faults.targets import Reach, worker
from orchestrator.history.recorder import Recorder
from orchestrator.observe.probe import Probe
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.triggered import AtPoint, PointPhase, PointSide
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import as_read
from worker_child.protocol import (
    ChildEvent,
    ChildReady,
    JobCompleted,
    JobEnqueued,
    JobFailed,
    JobStarted,
)

CLAIM = "UPDATE q SET claimed"
EFFECT = "INSERT INTO bench_effect VALUES ($1, $2, $3, $4, $5)"
PLACE = 0, 0


def trip(number: int, rows: int | None = None, statement: str = CLAIM, **more: Any) -> RoundTrip:
    return RoundTrip(statement, statement, True, rows, 0, connection=0, number=number, **more)


def point(side: PointSide = "before", **more: Any) -> AtPoint:
    return AtPoint(statement=CLAIM, phase="waiting", side=side, **more)


# Which one it is


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


def test_whether_it_would_have_rows_is_noted_as_foretold_where_it_was_known_before(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, fleet, _, noted = parts
    watch = watch_of(parts, None, listing=True)
    watch.wave = 2
    for number, (before, after) in enumerate([(2, 2), (None, 1), (0, 2)]):
        fleet.turn(proxy.ask(trip(number, rows=before), "before"))
        watch.wave += 1
        fleet.turn(proxy.ask(trip(number, rows=after), "after"))
    watch.close()
    assert [line.detail["foretold"] for line in noted.lines] == [True, False, False]
    assert [line.detail["wave"] for line in noted.lines] == [2, 3, 4], "of its beginning"


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


# Where the jobs stand


def observe(tracker: Tracker, *said: ChildEvent) -> None:
    tracker.observe(PLACE, as_read(*said))


def test_a_job_goes_through_the_phases_in_order() -> None:
    tracker = Tracker()
    phases = Phases(PLACE, tracker)
    seen: list[PointPhase] = [phases.now()]
    observe(tracker, ChildReady(1, 0, *PLACE, pid=1, identity="w"))
    seen.append(phases.now())
    phases.enqueue(["j000000"])
    seen.append(phases.now())
    observe(tracker, JobStarted(2, 1, *PLACE, job_id="j000000", execution=1, inbox_id="1"))
    seen.append(phases.now())
    observe(
        tracker, JobFailed(3, 2, *PLACE, job_id="j000000", execution=1, error_class="transient")
    )
    seen.append(phases.now())
    observe(tracker, JobStarted(4, 3, *PLACE, job_id="j000000", execution=2, inbox_id="1"))
    phases.executed(EFFECT)
    seen.append(phases.now())
    observe(tracker, JobCompleted(5, 4, *PLACE, job_id="j000000", execution=2))
    seen.append(phases.now())
    assert seen == ["starting up", "idle", "waiting", "started", "failed", "effect", "completed"]


def test_of_several_jobs_the_least_advanced_one_names_the_phase() -> None:
    tracker = Tracker()
    phases = Phases(PLACE, tracker)
    observe(tracker, ChildReady(1, 0, *PLACE, pid=1, identity="w"))
    phases.enqueue(["j000000", "j000001"])
    observe(tracker, JobStarted(2, 1, *PLACE, job_id="j000000", execution=1, inbox_id="1"))
    phases.executed(EFFECT)
    assert phases.now() == "waiting"
    observe(tracker, JobStarted(3, 2, *PLACE, job_id="j000001", execution=2, inbox_id="2"))
    assert phases.now() == "started"
    phases.executed(EFFECT)
    assert phases.now() == "effect"
    observe(tracker, JobCompleted(4, 3, *PLACE, job_id="j000000", execution=1))
    assert phases.now() == "effect"


def test_a_job_that_another_one_enqueues_counts_once_that_one_is_done() -> None:
    tracker = Tracker()
    phases = Phases(PLACE, tracker)
    observe(tracker, ChildReady(1, 0, *PLACE, pid=1, identity="w"))
    phases.enqueue(["j000000"])
    observe(
        tracker,
        JobStarted(2, 1, *PLACE, job_id="j000000", execution=1, inbox_id="1"),
        JobEnqueued(
            3,
            "j000000/0",
            "accepted",
            "tenant_rollup",
            "short",
            1,
            2,
            inbox_id="2",
            n=2,
            slot=0,
            incarnation=0,
            execution=1,
        ),
    )
    assert phases.now() == "started"
    observe(tracker, JobCompleted(4, 3, *PLACE, job_id="j000000", execution=1))
    assert phases.now() == "waiting"


# The two threads


class StillProxy:
    """Asks what the test tells it to ask, in a thread of its own, as the real one does."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.held: Any = None
        self.dropped = False
        self.decide: Callable[[RoundTrip, Side], bool] = lambda *_: False

    def watch(self, decide: Callable[[RoundTrip, Side], bool]) -> None:
        self.decide = decide

    def ask(self, round_trip: RoundTrip, side: Side) -> threading.Thread:
        def asking() -> None:
            if self.decide(round_trip, side):
                self.held = SimpleNamespace(round_trip=round_trip, side=side, frozen_ns=77)
                self.stopped.set()

        thread = threading.Thread(target=asking, daemon=True)
        thread.start()
        return thread

    def facts(self) -> Any:
        return SimpleNamespace(
            passed_since_freeze=0,
            arrived_since_freeze=5,
            backend_pids=(3, 2),
            unexplained=0,
            broken=0,
        )

    def drop(self) -> None:
        self.dropped = True

    def close(self) -> None:
        """Nothing to close."""


class Belled:
    """As much of a fleet as rings when the proxy asks, and of a probe as sees sessions."""

    def __init__(self) -> None:
        self.children: dict[Any, Any] = {
            PLACE: SimpleNamespace(init=SimpleNamespace(application_name="w"))
        }
        self.seen_pids = {"w": [3]}
        self.owed = 1
        """What the queue still owes."""
        self.looks = 0
        self.read_out_count = 0

    def watch(self, descriptor: int, on_readable: Callable[[], object]) -> None:
        self.descriptor, self.on_readable = descriptor, on_readable

    def sessions(self, names: list[str]) -> list[Any]:
        """As a probe: those of the worker."""
        return [SimpleNamespace(pid=pid) for pid in self.seen_pids[names[0]]]

    def counts(self) -> Any:
        """As a probe: what is in the queue."""
        self.looks += 1
        return SimpleNamespace(unsettled=self.owed)

    def read_out(self, child: object) -> None:
        self.read_out_count += 1

    def turn(self, thread: threading.Thread, *, ends: bool = True) -> None:
        """Answer until the asking thread has its answer, at most ten seconds."""
        for _ in range(1000):
            self.on_readable()
            thread.join(0.01)
            if not thread.is_alive() or not ends:
                return
        raise AssertionError("the question was not answered")


class Noted(Recorder):
    def __init__(self) -> None:
        self.lines: list[Any] = []

    def record(self, record: Any) -> None:
        self.lines.append(record)


@pytest.fixture
def parts() -> tuple[StillProxy, Belled, Tracker, Noted]:
    return StillProxy(), Belled(), Tracker(), Noted()


def watch_of(
    parts: tuple[StillProxy, Belled, Tracker, Noted], at: AtPoint | None, *, listing: bool = False
) -> RoundTripWatch:
    proxy, fleet, tracker, recorder = parts
    return RoundTripWatch(
        cast("Proxy", proxy),
        cast("Fleet", fleet),
        tracker,
        recorder,
        cast("Probe", fleet),
        point=at,
        listing=listing,
    )


STARTING = AtPoint(statement=CLAIM, phase="starting up", side="before")


def test_a_round_trip_passes_only_once_the_pipe_has_been_emptied(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, fleet, _, noted = parts
    watch = watch_of(parts, None, listing=True)
    for side, rows in (("before", None), ("after", 2)):
        thread = proxy.ask(trip(0, rows=rows), cast("Side", side))
        thread.join(0.05)
        assert thread.is_alive(), "it waits for the supervisor's turn"
        fleet.turn(thread)
    watch.close()
    assert fleet.read_out_count == 2
    (note,) = noted.lines
    assert (note.code, note.detail["phase"], note.detail["rows"]) == (
        "round_trip",
        "starting up",
        2,
    )


def test_a_worker_has_no_job_once_the_queue_owes_none_and_what_told_it_so_is_known(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, fleet, tracker, noted = parts
    watch = watch_of(parts, None, listing=True)
    observe(tracker, ChildReady(1, 0, *PLACE, pid=1, identity="w"))
    for wave, job_id in enumerate(("j000000", "j000001")):
        watch.wave, fleet.owed, n = wave, 1, 2 * wave + 1
        watch.phases.enqueue([job_id])
        observe(tracker, JobStarted(2, n, *PLACE, job_id=job_id, execution=n, inbox_id="1"))
        for number, owed in enumerate([1, 1, 0, 0]):
            fleet.turn(proxy.ask(trip(10 * wave + number), "before"))
            fleet.owed = owed
            fleet.turn(proxy.ask(trip(10 * wave + number, rows=1), "after"))
            if number == 0:
                observe(tracker, JobCompleted(3, n + 1, *PLACE, job_id=job_id, execution=n))
        assert fleet.looks == 5 * (wave + 1), "it is asked no more once it has said so"
    watch.close()
    said = [(line.detail["phase"], line.detail["settles"]) for line in noted.lines]
    assert (
        said
        == [
            ("started", False),
            ("completed", False),
            ("completed", True),
            ("idle", False),
        ]
        * 2
    )


def test_an_effect_that_is_only_prepared_has_not_been_had(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, fleet, tracker, _ = parts
    watch = watch_of(parts, None, listing=True)
    observe(tracker, ChildReady(1, 0, *PLACE, pid=1, identity="w"))
    watch.phases.enqueue(["j000000"])
    observe(tracker, JobStarted(2, 1, *PLACE, job_id="j000000", execution=1, inbox_id="1"))
    phases = []
    for number, executes in enumerate((False, True)):
        for side in ("before", "after"):
            asked = RoundTrip(EFFECT, EFFECT, executes, None, 0, 0, number)
            fleet.turn(proxy.ask(asked, side))
        phases.append(watch.phases.now())
    watch.close()
    assert phases == ["started", "effect"]


def test_the_worker_is_held_at_its_point_until_it_is_frozen(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, fleet, _, _ = parts
    watch = watch_of(parts, STARTING)
    thread = proxy.ask(trip(0), "before")
    while watch.reached_ns is None:
        fleet.turn(thread, ends=False)
    assert thread.is_alive() and watch.seen is not None
    assert (watch.seen.statement, watch.seen.side) == (CLAIM, "before")
    assert watch.freeze() == 77
    frozen = watch.drop()
    assert (frozen.frozen_ns, frozen.held_bytes, frozen.backend_pids) == (77, 5, [2, 3])
    assert proxy.dropped
    watch.close()


def test_nobody_is_asked_any_more_once_the_last_wave_has_gone_out(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, _, _, noted = parts
    watch = watch_of(parts, STARTING, listing=True)
    watch.stop_listening()
    thread = proxy.ask(trip(0), "before")
    thread.join(10)
    assert not thread.is_alive() and watch.reached_ns is None
    assert [line.code for line in noted.lines] == ["round_trips_listed"]
    watch.close()


def test_a_round_trip_that_is_asked_about_meanwhile_passes_at_once(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, _, _, _ = parts
    watch = watch_of(parts, STARTING)
    thread = proxy.ask(trip(0), "before")
    thread.join(0.05)
    assert thread.is_alive()
    watch.stop_listening()
    thread.join(10)
    assert not thread.is_alive() and not proxy.stopped.is_set()
    watch.close()


def test_what_the_proxy_could_not_list_is_noted(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    _, fleet, _, noted = parts
    fleet.seen_pids["w"] = [2, 9]
    watch = watch_of(parts, None, listing=True)
    watch.stop_listening()
    watch.close()
    (note,) = noted.lines
    assert note.detail == {"unexplained_bytes": 0, "broken": 0, "sessions": 2, "outside": [9]}


def test_a_question_that_is_open_at_the_end_lets_everything_pass(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, _, _, _ = parts
    watch = watch_of(parts, STARTING)
    thread = proxy.ask(trip(0), "before")
    thread.join(0.05)
    watch.close()
    thread.join(10)
    assert not thread.is_alive() and not proxy.stopped.is_set()


@pytest.mark.parametrize(("incarnation", "hit"), [(0, True), (1, False)])
def test_a_round_trip_is_one_of_the_slots_first_process_and_no_other_is_hit_for_it(
    incarnation: int, hit: bool
) -> None:
    child = SimpleNamespace(slot=0, incarnation=incarnation, pid=1)
    fleet = cast("Fleet", SimpleNamespace(in_slot=lambda slot: child))
    reach = Reach(fleet, Tracker(), cast("Probe", None))
    assert (worker(reach, Kill(at_point=STARTING)) is not None) == hit


def test_a_round_trip_is_unanswered_until_its_answer_has_been_looked_at(
    parts: tuple[StillProxy, Belled, Tracker, Noted],
) -> None:
    proxy, fleet, _, _ = parts
    watch = watch_of(parts, None, listing=True)
    assert watch.unanswered() == set()
    fleet.turn(proxy.ask(trip(4), "before"))
    assert watch.unanswered() == {(0, 4)}
    answer = proxy.ask(trip(4, rows=1), "after")
    answer.join(0.05)
    assert watch.unanswered() == {(0, 4)}, "its answer is there, and nobody has looked"
    fleet.turn(answer)
    assert watch.unanswered() == set()
    fleet.turn(proxy.ask(trip(5), "before"))
    watch.close()
    assert watch.unanswered() == set(), "nobody will be told of it"

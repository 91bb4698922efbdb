"""A worker's round trips wait until the run has heard what it said before them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.faults.targets import Reach, worker
from orchestrator.history.recorder import Recorder
from orchestrator.observe.probe import Probe
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.triggered import AtPoint
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.tracker import Tracker
from tests.unit.round_trips_told import CLAIM, EFFECT, PLACE, observe, trip
from worker_child.protocol import ChildReady, JobCompleted, JobStarted

STARTING = AtPoint(statement=CLAIM, phase="starting up", side="before")


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

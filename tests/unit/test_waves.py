"""Waves go out one after the other, whoever is in the way of an enqueuing."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator.commands.crash_points.workloads import Ability, listing_scenario
from orchestrator.faults.injector import FaultInjector
from orchestrator.faults.round_trips import RoundTripWatch
from orchestrator.load.producer import Producer
from orchestrator.run import waves as waves_module
from orchestrator.run.waves import Turns, Waves
from orchestrator.scenario.workload import PlannedJob, Workload
from orchestrator.workers.tracker import Tracker
from worker_child.adapters.contract import Preset

LIMIT_S = 10.0


class Blocked:
    """A producer whose enqueuing waits for a lock that another turn of the loop sets free."""

    def __init__(self, *, fails: bool = False) -> None:
        self.free = threading.Event()
        self.sent: list[int] = []
        self._fails = fails

    def send_wave(self, jobs: list[PlannedJob]) -> None:
        """See `Producer`."""
        assert self.free.wait(LIMIT_S), "no turn was made while the enqueuing waited"
        if self._fails:
            raise ConnectionError("the server has gone")
        self.sent.append(len(jobs))


class Watching:
    """A watch whose worker has asked three times before its wave is settled; it goes on asking."""

    def __init__(self, *, answers_after: int | None) -> None:
        self.wave = -1
        self.phases = SimpleNamespace(enqueue=lambda job_ids: None)
        self.listened_until: int | None = None
        """How many turns had been made when it was told to stop."""
        self.turns = 0
        self._answers_after = answers_after

    def unanswered(self) -> frozenset[tuple[int, int]]:
        """See `RoundTripWatch`: those of the beginning, and always a new one."""
        first = {(0, 0), (0, 1), (1, 0)} if self._answers_after != self.turns else set()
        return frozenset({(0, 9 + self.turns), *first})

    def stop_listening(self) -> None:
        """See `RoundTripWatch`."""
        self.listened_until = self.turns


def waves_of(producer: Blocked, watch: Watching | None = None) -> Waves:
    scenario = listing_scenario(
        "single",
        Ability(fans_out=False, retries=False, least=(1, 1)),
        Preset(name="stock", settings={}, rescue=None, periods_s={}),
    )
    injector = SimpleNamespace(injected=[object()], busy=False)
    return Waves(
        scenario,
        Workload(scenario),
        cast("Producer", producer),
        cast("FaultInjector", injector),
        Tracker(),
        cast("RoundTripWatch | None", watch),
    )


def turns(producer: Blocked, steps: list[str]) -> Turns:
    def step(waiting_for: str) -> None:
        steps.append(waiting_for)
        producer.free.set()

    return Turns(step, lambda: None, lambda: None)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waves_module, "_PATIENCE_S", 0.01)


def test_the_loop_turns_while_an_enqueuing_waits_for_a_lock() -> None:
    producer, steps = Blocked(), cast("list[str]", [])
    waves_of(producer).send_all(turns(producer, steps))
    assert producer.sent == [3]
    assert set(steps) == {"the enqueuing of a wave"}


def test_no_turn_is_made_while_nothing_is_in_the_way() -> None:
    producer, steps = Blocked(), cast("list[str]", [])
    producer.free.set()
    waves_of(producer).send_all(turns(producer, steps))
    assert producer.sent == [3] and steps == []


def test_an_enqueuing_that_fails_is_the_loops_failure() -> None:
    producer, steps = Blocked(fails=True), cast("list[str]", [])
    with pytest.raises(ConnectionError, match="the server has gone"):
        waves_of(producer).send_all(turns(producer, steps))


def settled_at(answers_after: int | None, monkeypatch: pytest.MonkeyPatch) -> Watching:
    """A watch that a wave which is settled has been sent through; a turn takes a millisecond."""
    watch, producer = Watching(answers_after=answers_after), Blocked()
    clock = SimpleNamespace(monotonic_ns=lambda: watch.turns * 1_000_000)
    monkeypatch.setattr(waves_module, "time", clock)
    producer.free.set()
    waves = waves_of(producer, watch)
    waves.send_first()

    def step(waiting_for: str) -> None:
        watch.turns += 1

    waves.send_all(Turns(step, lambda: None, lambda: None))
    return watch


def test_what_has_settled_a_wave_is_heard_out_before_nobody_listens_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settled_at(3, monkeypatch).listened_until == 3


def test_a_statement_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled_at(None, monkeypatch).listened_until == 10

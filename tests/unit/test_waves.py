"""Waves go out one after the other, whoever is in the way of an enqueuing."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator.commands.crash_points.workloads import Ability, listing_scenario
from orchestrator.faults.injector import FaultInjector
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


def waves_of(producer: Blocked) -> Waves:
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
        None,
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

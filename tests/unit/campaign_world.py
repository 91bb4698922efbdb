"""The world of a campaign: one worker, a plan of kills, a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import pytest

from orchestrator.faults.held import Held
from orchestrator.faults.injector import FaultInjector
from orchestrator.faults.plan import plan_faults
from orchestrator.history.records import HistoryRecord
from orchestrator.observe.sampler import Backlog
from orchestrator.scenario.faults import Fault
from orchestrator.scenario.types import Limits, Scenario, WorkerSettings, WorkloadSettings
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import (
    Clock,
    KeepingRecorder,
    S,
    StillChild,
    StillFleet,
    ToldProbe,
    ToldSampler,
    parts_of,
)
from worker_child.protocol import Note, Rescue

RESCUE = Rescue("a lease", lease_s=30.0, interval_s=0.0, poll_s=3.0)
LIMITS = Limits(sessions_gone_s=10.0, settle_s=20.0)
TURN_S = 0.01
Make = Callable[..., "World"]
Record = TypeVar("Record", bound=HistoryRecord)


class World:
    """A worker that is ready in each slot that is hit, a campaign against them, and T = 0."""

    def __init__(self, faults: tuple[Fault, ...], periods_s: Mapping[str, float]) -> None:
        self.clock, self.tracker = Clock(), Tracker()
        self.fleet = StillFleet(self.tracker, self.clock)
        self.probe, self.recorder = ToldProbe(self.clock), KeepingRecorder()
        self.sampler = ToldSampler()
        self.backlog = 0
        """What the sampler finds, once a second."""
        for slot in sorted({0, *(slot for fault in faults for slot in fault.slots)}):
            self.fleet.ready(slot)
        settings = WorkloadSettings(duration_s=10.0, rate_per_s=30.0, mix={"entity_update": 1.0})
        scenario = Scenario(
            name="unit",
            description="none",
            seed=1,
            workload=settings,
            workers=WorkerSettings(concurrency=20),
            faults=faults,
            limits=LIMITS,
        )
        parts = parts_of(self.fleet, self.probe, self.tracker, self.sampler, self.recorder)
        self.campaign = FaultInjector(
            plan_faults(faults, seed=1, ordinal=1, periods_s=periods_s, first_repeat_s=10.0),
            parts,
            scenario=scenario,
            rescue=RESCUE,
            held=Held([], parts, claims_visible=True),
        )

    def start(self) -> int:
        """T = 0 is now."""
        self.campaign.started_ns = self.clock.now_ns
        return self.clock.now_ns

    def turn(self, seconds: float) -> None:
        """Let the supervisor's loop go round for so long, the sampler beside it."""
        end_ns = self.clock.now_ns + round(seconds * S)
        while self.clock.now_ns < end_ns:
            second = self.clock.now_ns // S
            if self.clock.forward(TURN_S) // S > second:
                self.sampler.backlog.append(Backlog(self.clock.now_ns, self.backlog))
            self.campaign.advance()

    def victim(self, incarnation: int = 0, slot: int = 0) -> StillChild:
        child = self.fleet.children[slot, incarnation]
        assert isinstance(child, StillChild)
        return child

    def records(self, kind: type[Record]) -> list[Record]:
        return [record for record in self.recorder.records if isinstance(record, kind)]

    def notes(self) -> list[str]:
        return [note.code for note in self.records(Note)]


def make_world(
    monkeypatch: pytest.MonkeyPatch, *faults: Fault, periods_s: Mapping[str, float] | None = None
) -> World:
    """A world of its own time, in which no process of this machine is a survivor."""
    world = World(faults, periods_s or {})
    modules = ("injector", "injected", "held", "certificate", "settled", "pause", "departure")
    for module in (*modules, "leader"):
        monkeypatch.setattr(f"orchestrator.faults.{module}.time", world.clock)
    return world

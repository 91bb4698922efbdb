"""Which points are tried, on which side, how often; and the request of each run: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from analysis.compare.crash_points import SIDES, Action, TriedSide
from orchestrator.commands.crash_points.listing import Listing, Name, Point
from orchestrator.commands.crash_points.race import rescuer_at
from orchestrator.commands.crash_points.workloads import (
    WORKLOADS,
    Ability,
    WorkloadName,
    body_scenario,
    delay_scenario,
    deliver_within_s,
    idle_s,
    kill_scenario,
    listing_scenario,
    race_scenario,
    rescue_scenario,
    stall_s,
    stall_scenario,
)
from orchestrator.run.request import Request, make_request
from orchestrator.scenario.triggered import AtPoint
from orchestrator.scenario.types import Scenario
from worker_child.adapters.contract import Preset

USUAL_ACTIONS: tuple[Action, ...] = ("kill", "stall")
USUAL_SIDES: tuple[TriedSide, ...] = ("before", "after", "body")
HARMLESS_RUNS = 3
SIDES_OF: Mapping[Action, frozenset[TriedSide]] = MappingProxyType(
    {
        "kill": frozenset(SIDES),
        "stall": frozenset({"before", "after"}),
        "race": frozenset({"before", "after"}),
    }
)
"""On which sides an action is tried: a worker that is stalled, or a rescuer that is held, sends no
late request, and none is stalled in its body."""


@dataclass(frozen=True)
class Subject:
    """Which queue is enumerated, and where its runs are kept."""

    library: str
    """As it was given."""
    preset_name: str
    settings: tuple[str, ...]
    folder: Path
    preset: Preset
    """As it is for one job at a time."""
    ability: Ability

    def request(self, scenario: Scenario, ordinal: int) -> Request:
        """One run; its server is named by whoever has it carried out."""
        return make_request(
            scenario,
            library=self.library,
            preset=self.preset_name,
            ordinal=ordinal,
            dsn=None,
            results=self.folder,
            overwrite=True,
            settings=self.settings,
        )


@dataclass(frozen=True)
class Trial:
    """One point on one side, one thing done to it, once."""

    point: Point
    side: TriedSide
    action: Action
    request: Request


def harmless_requests(subject: Subject) -> dict[WorkloadName, list[Request]]:
    """The runs that list the round trips, each workload's as often as `HARMLESS_RUNS`."""
    return {
        workload: [
            subject.request(listing_scenario(workload, subject.ability, subject.preset), ordinal)
            for ordinal in range(1, HARMLESS_RUNS + 1)
        ]
        for workload in WORKLOADS
    }


def rescue_requests(subject: Subject, completion: AtPoint) -> list[Request]:
    """The runs that list what a rescuer says."""
    scenario = rescue_scenario(subject.ability, completion, _stall_s(subject))
    return [subject.request(scenario, ordinal) for ordinal in range(1, HARMLESS_RUNS + 1)]


def race_trials(
    subject: Subject,
    completion: AtPoint,
    points: Sequence[Point],
    sides: Sequence[TriedSide],
    repetitions: int,
) -> list[Trial]:
    """Every run in which a rescuer is held at one of these points."""
    return [
        Trial(point, side, "race", subject.request(scenario, ordinal))
        for ordinal in range(1, repetitions + 1)
        for side in sides
        for point in points
        if (scenario := _race_of(subject, completion, point, side)) is not None
    ]


def _race_of(
    subject: Subject, completion: AtPoint, point: Point, side: TriedSide
) -> Scenario | None:
    at = None if side == "body" or side not in SIDES_OF["race"] else rescuer_at(point, side)
    if at is None:
        return None
    called = f"point_{point.name.id}_{side}_race"
    return race_scenario(called, subject.ability, completion, at, _stall_s(subject))


def _stall_s(subject: Subject) -> float:
    assert subject.preset.rescue is not None, "not tried where nobody rescues"
    return stall_s(subject.preset.rescue)


def points_to_try(listings: Mapping[WorkloadName, Listing]) -> list[Point]:
    """Every steady point that executes something, each once.

    What a starting worker says is tried with jobs that wait for it, what an idle one says too is
    tried where there are none.
    """
    return [
        point
        for workload, listing in listings.items()
        for point in listing.steady
        if point.name.executes and _tried_in(point.name) == workload
    ]


def _tried_in(name: Name) -> WorkloadName:
    if name.is_folded:
        return "single"
    return "batch" if name.phase == "starting up" else name.workload


def trials(
    subject: Subject,
    points: Sequence[Point],
    actions: Sequence[Action],
    sides: Sequence[TriedSide],
    repetitions: int,
    max_bound_s: float,
) -> list[Trial]:
    """Every run of these points, the first of each before the second of any, save races.

    A point of the body has one side alone; what an action is not tried on is in `SIDES_OF`. A side
    on which a point cannot be told from others is left out: see `undecidable`.
    """
    return [
        Trial(point, side, action, subject.request(scenario, ordinal))
        for ordinal in range(1, repetitions + 1)
        for action in actions
        if action != "race"
        for side in sides
        for point in points
        if (scenario := _scenario_of(subject, point, side, action, max_bound_s)) is not None
    ]


def undecidable(points: Sequence[Point]) -> list[Point]:
    """Those before which nobody can tell them from equal requests that find no rows."""
    return [point for point in points if point.at("before") is None]


def not_tried(preset: Preset, actions: Sequence[Action], max_bound_s: float) -> dict[Action, str]:
    """Why an action is tried at no point: nobody would come to the rescue in useful time."""
    need = [action for action in actions if action != "kill"]
    if preset.rescue is None:
        why = "this preset never rescues: nobody could take a stalled worker's job"
        return dict.fromkeys(need, why)
    wait_s = stall_s(preset.rescue)
    if wait_s > max_bound_s:
        why = f"a rescue may take {wait_s:.0f} s, longer than --max-bound {max_bound_s:g}"
        return dict.fromkeys(need, why)
    return {}


def _scenario_of(
    subject: Subject, point: Point, side: TriedSide, action: Action, max_bound_s: float
) -> Scenario | None:
    name, preset = point.name, subject.preset
    if (side == "body") != (point.hold is not None):
        return None
    if side not in SIDES_OF[action]:
        return None
    quiet_s = idle_s(preset) if name.is_folded else 0.0
    called = f"point_{name.id}_{side}_{action}"
    if side == "body":
        assert point.hold is not None, "asked for just above"
        return body_scenario(called, name.workload, subject.ability, point.hold)
    at = point.at(side)
    if at is None:
        return None
    if side == "delayed":
        within_s = deliver_within_s(preset.rescue, max_bound_s)
        return delay_scenario(called, name.workload, subject.ability, at, quiet_s, within_s)
    if action == "kill":
        return kill_scenario(called, name.workload, subject.ability, at, quiet_s)
    wait_s = _stall_s(subject)
    return stall_scenario(called, name.workload, subject.ability, at, quiet_s, wait_s)

"""The kill of a held run waits until exactly the held jobs stand exactly where they belong."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.faults.held import Held
from orchestrator.history.records import RowRead
from orchestrator.scenario.workload import PlannedJob
from orchestrator.workers.tracker import Tracker
from tests.unit.stand_ins import (
    Clock,
    Lines,
    StillFleet,
    ToldProbe,
    claimed_line,
    parts_of,
)
from worker_child.names import child_job_id
from worker_child.protocol import HoldPoint, Plan

POINTS: dict[str, HoldPoint] = {
    "h1": "completed",
    "h2": "return",
    "h3": "effect",
    "h4": "started",
}


def planned(job_id: str, point: HoldPoint, children: int = 0) -> PlannedJob:
    own = [
        Plan(child_job_id(job_id, index), "tenant_snapshot", "db", length_us=1000)
        for index in range(children)
    ]
    plan = Plan(
        job_id, "entity_update", "external_api", length_us=1000, hold=point, children=tuple(own)
    )
    return PlannedJob(plan, b"{}", "short", 0)


def with_effect(job_id: str) -> RowRead:
    return RowRead(0, "kill", job_id, state="claimed", effects=[(0, 0, 1)])


class World:
    """A worker that holds four jobs, each at its point, as `POINTS` says."""

    def __init__(self) -> None:
        self.clock, self.tracker = Clock(), Tracker()
        self.fleet = StillFleet(self.tracker, self.clock)
        self.fleet.ready()
        self.lines = Lines(self.tracker)
        self.lines.start(*POINTS)
        self.lines.complete("h1", "h2")
        self.probe = ToldProbe(self.clock)
        self.probe.lines = [
            with_effect("h1"),
            with_effect("h2"),
            with_effect("h3"),
            claimed_line("h4"),
        ]

    def held(
        self,
        *,
        claims_visible: bool = True,
        acknowledges_in_transaction: bool = False,
        children: int = 0,
    ) -> Held:
        return Held(
            [planned(job_id, point, children) for job_id, point in POINTS.items()],
            parts_of(self.fleet, self.probe, self.tracker),
            claims_visible=claims_visible,
            acknowledges_in_transaction=acknowledges_in_transaction,
        )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr("orchestrator.faults.held.time", made.clock)
    return made


def test_it_is_reached_when_events_and_rows_show_these_jobs_at_their_points(world: World) -> None:
    held = world.held()
    assert held.reached()
    assert held.missing() == "nothing any more"


def test_the_queue_is_not_asked_before_the_events_show_all(world: World) -> None:
    world.lines.start("j9")
    assert not world.held().reached()
    assert world.probe.reads == 0


def test_another_open_execution_forbids_it_and_is_named(world: World) -> None:
    world.lines.start("j9")
    held = world.held()
    assert not held.reached()
    assert held.missing() == "open executions are ['h3', 'h4', 'j9'], not ['h3', 'h4']"


def test_a_job_that_ran_past_its_point_forbids_it_and_is_named(world: World) -> None:
    world.lines.complete("h4")
    held = world.held()
    assert not held.reached()
    assert held.missing() == "open executions are ['h3'], not ['h3', 'h4']"


def test_a_job_that_is_not_yet_completed_forbids_it_and_is_named(world: World) -> None:
    world.tracker.completions.clear()
    world.lines.complete("h2")
    held = world.held()
    assert not held.reached()
    assert held.missing() == "completed are ['h2'], not ['h1', 'h2']"


def test_a_job_that_has_completed_twice_is_not_where_it_belongs(world: World) -> None:
    again = Lines(world.tracker)
    again.complete("h1")
    held = world.held()
    assert not held.reached()
    assert "completed are ['h2']" in held.missing()


def test_what_the_held_jobs_have_enqueued_must_be_completed_first(world: World) -> None:
    held = world.held(children=1)
    assert not held.reached()
    wanted = "['h1/0', 'h2/0', 'h3/0']"
    assert held.missing() == f"enqueued by held jobs, not yet completed: {wanted}"
    world.lines.complete("h1/0", "h2/0", "h3/0")
    assert held.reached()


def test_ordinary_jobs_that_completed_long_ago_do_not_matter(world: World) -> None:
    world.lines.complete("j1", "j2")
    assert world.held().reached()


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        (
            [with_effect("h1"), with_effect("h2"), with_effect("h3")],
            "claimed rows are of ['h1', 'h2', 'h3'], not ['h1', 'h2', 'h3', 'h4']",
        ),
        (
            [*map(with_effect, ("h1", "h2", "h3", "h4")), claimed_line("j9")],
            "claimed rows are of ['h1', 'h2', 'h3', 'h4', 'j9'], not ['h1', 'h2', 'h3', 'h4']",
        ),
        (
            [*map(with_effect, ("h1", "h2")), claimed_line("h3"), claimed_line("h4")],
            "no effect yet of ['h3']",
        ),
    ],
)
def test_rows_that_do_not_agree_forbid_it_and_are_named(
    world: World, lines: list[RowRead], missing: str
) -> None:
    world.probe.lines = lines
    held = world.held()
    assert not held.reached()
    assert held.missing() == missing


def test_a_read_that_fails_forbids_it_and_is_told(world: World) -> None:
    world.probe.read_error = "statement timeout"
    held = world.held()
    assert not held.reached()
    assert held.missing() == "the rows cannot be read: statement timeout"


def test_where_claims_are_invisible_the_rows_are_asked_for_the_effects_alone(world: World) -> None:
    world.probe.lines = [with_effect("h3")]
    assert world.held(claims_visible=False).reached()
    world.probe.lines = []
    held = world.held(claims_visible=False)
    assert not held.reached()
    assert held.missing() == "no effect yet of ['h3']"


def test_where_the_effect_acknowledges_jobs_that_have_had_theirs_need_not_be_claimed(
    world: World,
) -> None:
    assert world.held(acknowledges_in_transaction=True).reached()
    world.probe.lines = [replace(with_effect("h3"), state="done"), claimed_line("h4")]
    assert world.held(acknowledges_in_transaction=True).reached()
    world.probe.lines = [with_effect("h3"), claimed_line("h5")]
    held = world.held(acknowledges_in_transaction=True)
    assert not held.reached()
    assert held.missing() == "claimed rows are of ['h3', 'h5'], not ['h4']"


def test_the_rows_are_read_twenty_times_a_second_at_most(world: World) -> None:
    world.probe.lines = []
    held = world.held()
    for _ in range(100):
        world.clock.forward(0.01)
        assert not held.reached()
    assert 19 <= world.probe.reads <= 20

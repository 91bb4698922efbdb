"""Jobs that kill their worker: drawn by the seed, and let die one by one."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.sessions import Session
from orchestrator.scenario.checks import check
from orchestrator.scenario.poison import poison_jobs
from orchestrator.scenario.types import Scenario, WorkerSettings, WorkloadSettings
from orchestrator.scenario.worker_faults import Poison
from orchestrator.scenario.workload import Workload
from orchestrator.workers.child import State
from tests.unit.campaign_world import LIMITS, Make, World, make_world
from worker_child.protocol import JobDying, Plan

JOBS = [f"j{index:06d}" for index in range(8)]
A, POISON = JOBS[0], JOBS[3]


# Drawn


def scenario(*entries: Poison, seed: int = 1, **workload: Any) -> Scenario:
    return Scenario(
        name="unit",
        description="none",
        seed=seed,
        workload=WorkloadSettings(
            **{"duration_s": 10.0, "rate_per_s": 10.0, "mix": {"entity_update": 1.0}, **workload}
        ),
        workers=WorkerSettings(slots=2, concurrency=4, max_attempts=3),
        faults=entries,
    )


def entry(jobs: int = 2, deaths: int = 7) -> Poison:
    return Poison(jobs=jobs, deaths=deaths, respawn_after_s=0.5)


def test_as_many_jobs_as_asked_for_die_by_plan_and_no_other_job_is_changed() -> None:
    asked = scenario(entry(jobs=5, deaths=16))
    plain = [job.plan for job in Workload(scenario()).jobs()]
    planned = [job.plan for job in Workload(asked).jobs()]
    dying = [index for index, plan in enumerate(planned) if plan.die]
    assert len(dying) == 5 and all(25 <= index < 75 for index in dying)
    assert {planned[index].job_id for index in dying} == poison_jobs(asked)
    others = [index for index in range(100) if index not in dying]
    assert [planned[index] for index in others] == [plain[index] for index in others]
    decoded = [msgspec.json.decode(job.payload, type=Plan).die for job in Workload(asked).jobs()]
    assert [index for index, die in enumerate(decoded) if die] == dying


def test_which_jobs_they_are_rests_on_the_seed() -> None:
    one, same, other = (scenario(entry(), seed=seed) for seed in (1, 1, 2))
    assert poison_jobs(one) == poison_jobs(same) != poison_jobs(other)
    assert poison_jobs(scenario()) == frozenset()


def test_a_poison_never_fails_by_plan_as_well() -> None:
    asked = scenario(entry(), errors=({"share": 1.0, "error_class": "transient"},))
    asked = msgspec.convert(msgspec.to_builtins(asked), Scenario)
    plans = [job.plan for job in Workload(asked).jobs()]
    assert all(bool(plan.fail) != plan.die for plan in plans)


@pytest.mark.parametrize(
    ("asked", "path", "says"),
    [
        (scenario(entry(deaths=6)), "faults.0.deaths", "jobs x workers.max_attempts = 6"),
        (scenario(entry(jobs=8, deaths=99)), "faults.0.jobs", "slots x concurrency = 8"),
        (scenario(entry(), duration_s=0.7), "faults.0.jobs", "at most a quarter of the 7 jobs"),
        (scenario(entry(), entry()), "faults.0", "must be alone"),
        (scenario(entry(), endless=True), "faults.0", "does not go with workload.endless"),
        (scenario(entry(), fan_out=2), "faults.0", "does not go with workload.fan_out"),
        (
            scenario(Poison(jobs=1, deaths=4, respawn_after_s=0.5, at_s=1.0)),
            "faults.0.at_s",
            "is no trigger of a poison; it has none",
        ),
    ],
)
def test_what_cannot_come_about_is_refused(asked: Scenario, path: str, says: str) -> None:
    assert any(flaw.path == path and says in str(flaw) for flaw in check(asked)), check(asked)


def test_a_poison_that_fits_has_no_flaw() -> None:
    assert check(scenario(entry())) == []


# Carried out


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


def announce(world: World, job_id: str = POISON, execution: int = 1, slot: int = 0) -> int:
    """A job of the slot's worker says that it kills it; returns when."""
    child = world.fleet.in_slot(slot) or world.fleet.ready(slot)
    place = (slot, child.incarnation)
    world.probe.open_sessions[child.init.application_name] = [Session(7, "then")]
    said = JobDying(world.clock.now_ns, 0, *place, job_id, execution)
    world.tracker.dying.setdefault(place, []).append(said)
    return said.t_ns


def test_whoever_announces_its_death_is_given_the_word_and_its_slot_is_filled_again(
    make: Make,
) -> None:
    world = make(entry(jobs=1, deaths=2))
    world.start()
    world.turn(2.0)
    assert world.records(FaultInjected) == [] and world.campaign.busy
    said_ns = announce(world)
    world.turn(0.1)
    (sent,) = world.records(FaultInjected)
    assert (sent.what, sent.trigger, sent.ends_process) == ("poison", "state", True)
    assert (sent.before.job_id, sent.before.execution) == (POISON, 1)
    assert sent.before.announced_ns == sent.intended_ns == said_ns <= sent.t_ns
    victim = world.victim()
    assert (victim.state, victim.killed_ns) == (State.KILLED, sent.t_ns)
    victim.end(world.clock.now_ns)
    world.probe.open_sessions.clear()
    world.turn(1.0)
    (seen,) = world.records(FaultEnded)
    assert (seen.fault, seen.after.signal, seen.after.survivors) == (0, 9, [])
    assert (0, 1) in world.fleet.children, "its slot is filled again"


def test_of_several_that_wait_the_first_has_its_turn_first_and_each_dies_once(make: Make) -> None:
    world = make(entry(jobs=3, deaths=20))
    world.fleet.ready(1)
    world.start()
    announce(world, JOBS[2], slot=1)
    world.clock.forward(0.001)
    announce(world, JOBS[4], execution=2, slot=1)
    announce(world, JOBS[3], slot=0)
    world.turn(0.2)
    died = [sent.before.job_id for sent in world.records(FaultInjected)]
    assert died == [JOBS[2], JOBS[3]], "the one in the same worker is dead already"


def test_a_worker_that_lives_on_after_the_word_is_killed_at_the_limit_without_its_end(
    make: Make,
) -> None:
    world = make(entry(jobs=1, deaths=4))
    world.start()
    announce(world)
    world.turn(LIMITS.sessions_gone_s + 0.5)
    (seen,) = world.records(FaultEnded)
    assert (seen.after.reaped_ns, seen.after.signal) == (None, None)
    assert world.victim().group_killed


def test_when_all_deaths_are_used_up_whoever_comes_back_waits_and_is_not_waited_for(
    make: Make,
) -> None:
    world = make(entry(jobs=1, deaths=1))
    world.start()
    announce(world)
    world.turn(0.1)
    world.victim().end(world.clock.now_ns)
    world.probe.open_sessions.clear()
    world.turn(1.0)
    world.fleet.ready()
    assert world.campaign.waits_for_good() == 0
    announce(world)
    world.turn(5.0)
    assert len(world.records(FaultInjected)) == 1
    assert world.campaign.waits_for_good() == 1 and not world.campaign.busy


def test_deaths_that_never_came_are_dropped_without_a_word(make: Make) -> None:
    world = make(entry(jobs=1, deaths=3))
    world.start()
    world.turn(1.0)
    assert world.campaign.idle and world.campaign.busy
    world.campaign.drop_what_never_came()
    assert not world.campaign.busy and world.notes() == []

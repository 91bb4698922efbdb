"""Jobs that are drawn again from the scenario's seed: which are, and what of each is held to it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from analysis.checks.workload import CHECKS, spread
from analysis.history.columns import ABSENT
from orchestrator.history.records import EnqueueFailed
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import Workload
from tests.unit.stand_in_history import stand_in
from worker_child.names import stream_job_id

STARTED_NS = 5_000
LOAD = load_scenario("crash_recovery_exact", cores=2)
"""60 jobs that come by the clock and 12 that are held."""
FAN_OUT = load_scenario("crash_fan_out", cores=2)
ENDLESS = load_scenario("crash_recovery_repeated", cores=2)
WAVES = load_scenario("acknowledgement_lost", cores=2)
CLOSED_LOOP = replace(LOAD, workload=replace(LOAD.workload, closed_loop=True, warmup_s=0.0))
ANOTHER_JOB = "{} is not the job that the scenario's seed makes."
ANOTHER_INSTANT = "{} was intended for another instant than the scenario's seed makes."
REFUSED = "{} was refused at another instant than the scenario's seed makes."

Line = dict[str, Any]


def line(job_id: str, scenario: Scenario = LOAD, **changed: Any) -> Line:
    """What a job_enqueued line says of this job, as it was drawn, or with a change."""
    drawn = Workload(scenario).by_id(job_id)
    plan = drawn.plan
    return {
        "job_id": job_id,
        "kind": plan.kind,
        "job_class": drawn.job_class,
        "length_us": plan.length_us,
        "tenant": plan.tenant,
        "intended_ns": STARTED_NS + drawn.intended_ns,
        "worker": ABSENT,
    } | changed


def refused(job_id: str, more_ns: int = 0, scenario: Scenario = LOAD) -> EnqueueFailed:
    intended_ns = STARTED_NS + Workload(scenario).by_id(job_id).intended_ns + more_ns
    return EnqueueFailed(1, job_id, "rejected", intended_ns, intended_ns)


def labels(values: Sequence[str | None]) -> Any:
    names = sorted({value for value in values if value is not None})
    codes = [ABSENT if value is None else names.index(value) for value in values]
    return SimpleNamespace(names=names, code=np.array(codes, np.int64))


def said(
    *lines: Line,
    failed: Sequence[EnqueueFailed] = (),
    scenario: Scenario = LOAD,
    version: int = 3,
    planned: int | None = None,
    held: int = 0,
    started_ns: int | None = STARTED_NS,
    finished: bool = True,
) -> list[str]:
    """What the checks say of these enqueues; `planned` = by run_start, `held` = by run_end."""

    def column(name: str) -> Any:
        return np.array([one[name] for one in lines], np.int64)

    class Enqueues(SimpleNamespace):
        def __len__(self) -> int:
            return len(lines)

    history = stand_in(
        *failed,
        version=version,
        start=SimpleNamespace(scenario=scenario, planned_stream_jobs=planned),
        end=SimpleNamespace(held_jobs=held, started_ns=started_ns) if finished else None,
        jobs=SimpleNamespace(name=lambda number: lines[number]["job_id"]),
        enqueues=Enqueues(
            job=np.arange(len(lines)),
            kind=labels([one["kind"] for one in lines]),
            job_class=labels([one["job_class"] for one in lines]),
            tenant=labels([one["tenant"] for one in lines]),
            length_us=column("length_us"),
            intended_ns=column("intended_ns"),
            worker=column("worker"),
        ),
    )
    return [sentence for check in CHECKS for sentence in check(history)]


def test_jobs_as_they_were_drawn_say_nothing() -> None:
    jobs = [line(stream_job_id(index)) for index in range(60)]
    assert said(*jobs, line("h000003"), planned=60, held=12) == []
    assert said() == []


CHANGES: dict[str, Line] = {
    "kind": {"kind": "another"},
    "class": {"job_class": "another"},
    "length": {"length_us": 1},
    "tenant": {"tenant": "another"},
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("job_id", ["j000005", "h000003"])
def test_each_thing_that_is_said_of_a_job_is_held_against_the_seed(what: str, job_id: str) -> None:
    assert said(line("j000004"), line(job_id, **CHANGES[what])) == [ANOTHER_JOB.format(job_id)]


def test_a_tenants_job_without_its_tenant_is_another() -> None:
    assert line("j000004")["tenant"] is not None
    assert said(line("j000004", tenant=None)) == [ANOTHER_JOB.format("j000004")]


@pytest.mark.parametrize("more_ns", [-1, 0, 1])
def test_a_job_of_the_stream_comes_at_its_instant(more_ns: int) -> None:
    late = line("j000004")
    late["intended_ns"] += more_ns
    told = [ANOTHER_INSTANT.format("j000004")] * (more_ns != 0)
    assert said(line("j000000"), late) == told


def test_a_held_job_comes_when_it_is_called() -> None:
    assert said(line("h000003", intended_ns=77)) == []


def test_what_a_worker_enqueued_comes_when_its_coordinator_runs() -> None:
    child = "h000001/2"

    assert said(line(child, FAN_OUT, worker=3, intended_ns=77), scenario=FAN_OUT) == []
    assert said(line(child, FAN_OUT, intended_ns=77), scenario=FAN_OUT) == [], "recovered"
    assert said(line("j000004", worker=3, intended_ns=77)) == []


def test_what_a_job_of_the_stream_fans_out_comes_when_that_runs() -> None:
    workload = Workload(FAN_OUT)
    jobs = (workload.job(index).plan for index in range(60))
    child = next(plan.children[0].job_id for plan in jobs if plan.children)

    assert child.startswith("j")
    assert said(line(child, FAN_OUT, intended_ns=77), scenario=FAN_OUT) == [], "recovered"
    wrong = line(child, FAN_OUT, worker=3, length_us=1)
    assert said(wrong, scenario=FAN_OUT) == [ANOTHER_JOB.format(child)]


@pytest.mark.parametrize("scenario", [CLOSED_LOOP, WAVES], ids=["closed loop", "waves"])
def test_jobs_in_turn_are_held_to_the_seed_but_for_their_instants(scenario: Scenario) -> None:
    late = line("j000001", scenario, intended_ns=77)

    assert said(late, failed=[refused("j000002", 1, scenario)], scenario=scenario) == []
    wrong = {**late, "length_us": 1}
    assert said(wrong, scenario=scenario) == [ANOTHER_JOB.format("j000001")]


def test_a_run_that_was_never_begun_or_never_finished_has_no_instants() -> None:
    late, job = line("j000004", intended_ns=77), refused("j000005", 1)

    assert said(late, failed=[job], started_ns=None) == []
    assert said(late, failed=[job], finished=False) == []
    assert len(said(late, failed=[job])) == 2


@pytest.mark.parametrize("more_ns", [-1, 0, 1])
def test_a_refused_job_was_intended_for_its_instant(more_ns: int) -> None:
    told = [REFUSED.format("j000005")] * (more_ns != 0)
    assert said(failed=[refused("j000004"), refused("j000005", more_ns)]) == told


def test_of_several_wrong_jobs_one_is_named_of_each_sort() -> None:
    wrong = [line(stream_job_id(index), length_us=1) for index in (4, 5)]
    late = [line(stream_job_id(index), intended_ns=77) for index in (6, 7)]
    refusals = [refused(stream_job_id(index), 1) for index in (8, 9)]

    assert said(*wrong, *late) == [ANOTHER_JOB.format("j000004")]
    assert said(*late, *wrong, failed=refusals) == [
        ANOTHER_INSTANT.format("j000006"),
        REFUSED.format("j000008"),
    ]


def test_a_job_that_nobody_planned_hides_no_wrong_one_behind_it() -> None:
    """That it was never planned is told by another check."""
    unplanned = {**line("j000004"), "job_id": "j000060"}
    wrong = line("j000005", length_us=1)
    strange = [EnqueueFailed(1, job_id, "rejected", 77, 77) for job_id in ("j000060", "strange")]

    assert said(unplanned, failed=strange) == []
    assert said(unplanned, wrong, failed=[*strange, refused("j000006", 1)]) == [
        ANOTHER_JOB.format("j000005"),
        REFUSED.format("j000006"),
    ]


def test_an_endless_stream_has_a_job_for_every_number() -> None:
    far = "j100000"

    assert said(line(far, ENDLESS), failed=[refused(far, 0, ENDLESS)], scenario=ENDLESS) == []
    assert said(failed=[refused(far, 1, ENDLESS)], scenario=ENDLESS) == [REFUSED.format(far)]


@pytest.mark.parametrize("planned", [None, 59, 60, 61])
def test_run_start_plans_as_many_jobs_as_the_scenario_has(planned: int | None) -> None:
    told = f"run_start plans {planned} jobs; by its scenario there are 60."
    assert said(planned=planned) == [told] * (planned in (59, 61))


@pytest.mark.parametrize("held", [0, 1, 11, 12, 13])
def test_all_held_jobs_were_called_or_none(held: int) -> None:
    told = f"run_end speaks of {held} held jobs; by the scenario there are 12."
    assert said(held=held) == [told] * (held not in (0, 12))


@pytest.mark.parametrize(("version", "drawn"), [(1, False), (2, True), (3, True)])
def test_what_the_first_version_drew_is_not_drawn_any_more(version: int, drawn: bool) -> None:
    wrong, job = line("j000004", length_us=1), refused("j000005", 1)
    assert len(said(wrong, failed=[job], planned=59, version=version)) == 3 * drawn


def test_of_a_scenario_that_nobody_could_run_the_first_flaw_is_told_and_nothing_drawn() -> None:
    mix = {**LOAD.workload.mix, "entity_update": 0.9}
    flawed = replace(LOAD, workload=replace(LOAD.workload, mix=mix, warmup_s=1e9))
    (sentence,) = said(
        line("j000004", length_us=1), failed=[refused("j000005", 1)], scenario=flawed
    )
    assert sentence.startswith("The scenario could not have been run: workload.mix sums to ")


def test_a_flaw_of_the_faults_leaves_the_jobs_as_they_are() -> None:
    flawed = replace(LOAD, faults=[replace(one, slot=99) for one in LOAD.faults])
    wrong = line("j000004", length_us=1)

    assert said(line("j000004"), scenario=flawed) == []
    assert said(wrong, scenario=flawed) == [ANOTHER_JOB.format("j000004")]


@pytest.mark.parametrize("count", [0, 1, 2, 499, 500])
def test_of_up_to_500_lines_every_job_is_drawn_again(count: int) -> None:
    assert spread(count).tolist() == list(range(count))


@pytest.mark.parametrize("count", [501, 1000, 10_000_000])
def test_of_more_lines_500_are_from_the_first_to_the_last(count: int) -> None:
    places = spread(count)

    assert (len(places), places[0], places[-1]) == (500, 0, count - 1)
    assert (np.diff(places) > 0).all()

"""The oracle of the control queues, on histories of a few hand-written lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.commands.calibration.compare import Comparison, compare, doubts
from orchestrator.commands.calibration.controls import (
    CONTROLS,
    SETS,
    Control,
    SetName,
    all_trials,
)
from orchestrator.commands.calibration.oracle import Expected, JobSets, expect, fixed_sets
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import Workload
from tests.histories.stories import healthy

Line = tuple[str, dict[str, Any]]

CONTROL = {control.library: control for control in CONTROLS}
LEASE_S = 3.0
JOBS = ("ambiguous", "lost", "duplicated")
START: Line = ("run_start", {"rescue": {"lease_s": LEASE_S}})


def scenario(control: Control) -> Scenario:
    """One without held jobs."""
    trial = next(trial for trial in all_trials() if trial.control == control)
    path = trial.path.with_name("control_timed.toml")
    return load_scenario(str(path))


def ready(incarnation: int) -> Line:
    fields = {"slot": 0, "incarnation": incarnation, "identity": f"w{incarnation}"}
    return "child_ready", fields


def enqueued(job_id: str, length_s: float = 0.1) -> Line:
    return "job_enqueued", {"job_id": job_id, "length_us": round(length_s * 1e6)}


def event(kind: str, job_id: str, incarnation: int, execution: int, t_ns: int = 0) -> Line:
    who = {"slot": 0, "incarnation": incarnation, "execution": execution}
    return kind, {"job_id": job_id, "t_ns": t_ns, **who}


def started(job_id: str, incarnation: int, execution: int) -> Line:
    return event("job_started", job_id, incarnation, execution)


def completed(job_id: str, incarnation: int, execution: int) -> Line:
    return event("job_completed", job_id, incarnation, execution)


def effect(job_id: str, incarnation: int, execution: int) -> Line:
    return "row_read", {"job_id": job_id, "effects": [[0, incarnation, execution]]}


def killed(incarnation: int) -> Line:
    target = {"kind": "worker", "slot": 0, "incarnation": incarnation}
    return "fault_injected", {"what": "kill", "target": target, "ends_process": True}


def paused(incarnation: int, t_ns: int) -> Line:
    target = {"kind": "worker", "slot": 0, "incarnation": incarnation}
    return "fault_injected", {"what": "pause", "target": target, "t_ns": t_ns}


def audit(*rows: tuple[str, int, str]) -> list[Line]:
    """(job, incarnation, action) of each row, in their order."""
    return [
        (
            "note",
            {
                "code": "audit",
                "detail": {
                    "sequence": number,
                    "identity": f"w{incarnation}",
                    "job_id": job_id,
                    "action": action,
                },
            },
        )
        for number, (job_id, incarnation, action) in enumerate(rows)
    ]


def predict(library: str, folder: Path, *lines: Line) -> dict[str, set[str]]:
    """What the oracle predicts; sets that are empty are left out."""
    history = folder / "run.jsonl"
    records = (
        {"run_id": "run", "timestamp": "", "kind": kind, "fields": fields}
        for kind, fields in (START, ready(0), ready(1), *lines)
    )
    history.write_text("".join(json.dumps(record) + "\n" for record in records))
    expected = expect(CONTROL[library], scenario(CONTROL[library]), history)
    return {name: set(ids) for name, ids in expected.predicted.items() if ids}


@pytest.mark.parametrize("library", ["control_holding", "control_late_ack"])
def test_what_the_victim_left_unacknowledged_is_run_again(library: str, tmp_path: Path) -> None:
    predicted = predict(
        library,
        tmp_path,
        started("open", 0, 1),
        started("effect", 0, 2),
        started("completed", 0, 3),
        completed("completed", 0, 3),
        started("acknowledged", 0, 4),
        completed("acknowledged", 0, 4),
        killed(0),
        started("later", 1, 1),
        completed("later", 1, 1),
        effect("effect", 0, 2),
        *audit(("acknowledged", 0, "acknowledged"), ("open", 1, "acknowledged")),
    )
    assert predicted == {
        "redelivered": {"open", "effect", "completed"},
        "duplicated": {"effect", "completed"},
    }


def test_a_deleted_job_without_completion_or_effect_is_lost(tmp_path: Path) -> None:
    predicted = predict(
        "control_delete_first",
        tmp_path,
        completed("completed", 0, 1),
        effect("effect", 0, 2),
        killed(0),
        *audit(
            ("completed", 0, "claimed"),
            ("effect", 0, "claimed"),
            ("open", 0, "claimed"),
            ("open", 0, "acknowledged"),
        ),
    )
    assert predicted == {"lost": {"open"}}


def test_a_claim_without_end_strands_what_was_not_done(tmp_path: Path) -> None:
    predicted = predict(
        "control_never_rescues",
        tmp_path,
        completed("acknowledged", 0, 1),
        effect("owed", 0, 2),
        killed(0),
        *audit(
            ("acknowledged", 0, "claimed"),
            ("owed", 0, "claimed"),
            ("open", 0, "claimed"),
            ("acknowledged", 0, "acknowledged"),
        ),
    )
    assert predicted == {"stranded": {"open"}}


def test_a_lease_that_ran_out_duplicates_only_what_was_done_twice(tmp_path: Path) -> None:
    predicted = predict(
        "control_short_lease",
        tmp_path,
        completed("twice", 0, 1),
        completed("twice", 0, 2),
        completed("once", 0, 3),
        completed("quick", 0, 4),
        *audit(
            ("quick", 0, "claimed"),
            ("twice", 0, "claimed"),
            ("once", 0, "claimed"),
            ("quick", 0, "acknowledged"),
            ("twice", 0, "claimed"),
            ("once", 0, "claimed"),
            ("twice", 0, "acknowledged"),
        ),
    )
    assert predicted == {"redelivered": {"twice", "once"}, "duplicated": {"twice"}}


def test_jobs_of_three_leases_must_be_among_the_duplicated(tmp_path: Path) -> None:
    predict("control_short_lease", tmp_path, enqueued("long", 9.0), enqueued("third", 1.0))
    control = CONTROL["control_short_lease"]
    expected = expect(control, scenario(control), tmp_path / "run.jsonl")
    assert expected.at_least == {"duplicated": frozenset({"long"})}


def test_the_control_with_a_short_lease_is_given_several_jobs_of_three_leases() -> None:
    (trial,) = (trial for trial in all_trials() if trial.scenario == "control_short_lease")
    lengths_us = [job.plan.length_us for job in Workload(load_scenario(str(trial.path))).jobs()]
    assert sum(length_us >= 3 * LEASE_S * 1e6 for length_us in lengths_us) >= 3


def test_jobs_that_were_open_in_a_worker_longer_paused_than_its_lease_must_be_among_them(
    tmp_path: Path,
) -> None:
    predict(
        "control_short_lease",
        tmp_path,
        event("job_started", "open", 0, 1, 10),
        event("job_started", "over", 0, 2, 10),
        event("job_completed", "over", 0, 2, 15),
        paused(0, 20),
        event("job_completed", "open", 0, 1, 30),
        event("job_started", "later", 0, 3, 40),
        event("job_started", "elsewhere", 1, 1, 10),
    )
    control = CONTROL["control_short_lease"]
    expected = expect(control, scenario(control), tmp_path / "run.jsonl")
    assert expected.at_least == {"duplicated": frozenset({"open"})}


def test_held_jobs_fix_their_sets_before_the_run() -> None:
    control = CONTROL["control_late_ack"]
    trial = next(t for t in all_trials() if (t.control, t.scenario) == (control, "control_held"))
    sets = fixed_sets(control, load_scenario(str(trial.path)))
    assert {name: len(ids) for name, ids in sets.items()} == {
        "stranded": 0,
        "redelivered": 12,
        "duplicated": 8,
        "lost": 0,
    }
    assert fixed_sets(control, scenario(control)) == {}


def sets(**named: set[str]) -> JobSets:
    return {name: frozenset(named.get(name, ())) for name in SETS}


def test_as_many_jobs_but_other_ones_do_not_agree() -> None:
    comparison = Comparison("lost", "predicted", frozenset({"a", "b"}), frozenset({"b", "c"}))
    assert not comparison.agrees
    assert comparison.difference == "lost: not found: a; not expected: c"


def test_each_source_of_an_expectation_is_compared_by_itself() -> None:
    expected = Expected(
        run_id="run",
        predicted=sets(duplicated={"a", "b"}),
        fixed=sets(duplicated={"a"}),
        at_least={"duplicated": frozenset({"a"})},
    )
    found = sets(duplicated={"a", "b"})
    differing = [(c.name, c.source) for c in compare(expected, found) if not c.agrees]
    assert differing == [("duplicated", "fixed")]


def summary_with(folder: Path, **figures: Any) -> Summary:
    """A healthy run's, with other figures where they belong."""
    replace = msgspec.structs.replace
    summary = analyse(healthy().write(folder))
    jobs = {name: figures.pop(name) for name in JOBS if name in figures}
    crash = {n: figures.pop(n) for n in ("certificates", "re_executions") if n in figures}
    return replace(
        summary,
        jobs=replace(summary.jobs, **jobs),
        crash=replace(summary.crash, **crash),
        **figures,
    )


@pytest.mark.parametrize(
    ("flaw", "doubt"),
    [
        ({}, None),
        ({"verdict": "invalid"}, "the run is invalid: no certificate"),
        ({"certificates": 0}, "complete certificates: 0, planned faults: 1"),
        ({"ambiguous": 2}, "2 jobs are ambiguous"),
        ({"lost": 3}, "the summary counts 3 lost, the table of jobs 1"),
        ({"re_executions": 7}, "the summary counts 7 redelivered, the table of jobs 0"),
    ],
)
def test_sets_that_agree_are_not_enough(
    flaw: dict[str, Any], doubt: str | None, tmp_path: Path
) -> None:
    figures = {"verdict": "fail", "certificates": 1, "ambiguous": 0, "lost": 1, "re_executions": 0}
    figures |= flaw
    judged = summary_with(tmp_path, reasons=["no certificate"], **figures)
    expected = Expected("run", predicted=sets(lost={"a"}), fixed={}, at_least={})
    assert doubts(judged, expected, sets(lost={"a"}), kills=1) == ([doubt] if doubt else [])


def test_a_demand_on_no_job_at_all_proves_nothing(tmp_path: Path) -> None:
    judged = summary_with(tmp_path)
    expected = Expected("run", sets(), {}, at_least={"duplicated": frozenset()})
    assert doubts(judged, expected, sets(), kills=0) == [
        "no job of the scenario must be duplicated: the check is empty"
    ]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({}, ["not one duplicated job was found, and this control must show some"]),
        ({"duplicated": {"a"}}, []),
    ],
)
def test_a_control_that_must_show_a_duplicate_shows_one(
    found: dict[SetName, set[str]], told: list[str], tmp_path: Path
) -> None:
    judged = summary_with(tmp_path, duplicated=len(found))
    expected = Expected("run", sets(), {}, {})

    assert doubts(judged, expected, sets(**found), kills=0, finds=("duplicated",)) == told
    assert CONTROL["control_late_ack"].finds == ("duplicated", "redelivered")

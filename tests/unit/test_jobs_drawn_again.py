"""The jobs of a recorded history are drawn again: they are what the scenario's seed makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.checks.workload import MOST_DRAWN, spread
from analysis.summary.summary import analyse
from tests.histories.mutator import mended, recorded
from tests.histories.one_change import Case, all_fields, changed, later, set_to, written

CASES: dict[str, Case] = {
    "a job of another length": (
        "kill",
        "job_enqueued",
        lambda fields: fields.update(length_us=fields["length_us"] + 1),
        {"job_id": "j000005"},
        "j000005 is not the job that the scenario's seed makes",
    ),
    "a held job of another class": (
        "fan_out",
        "job_enqueued",
        set_to("class", "long"),
        {"job_id": "h000002"},
        "h000002 is not the job",
    ),
    "a job of another instant": (
        "kill",
        "job_enqueued",
        later("intended_ns", -0.000001),
        {"job_id": "j000005"},
        "j000005 was intended for another instant",
    ),
    "a refused job of another instant": (
        "slots",
        "enqueue_failed",
        later("intended_ns", -0.000001),
        {"job_id": "j000006"},
        "j000006 was refused at another instant",
    ),
    "a stream of another length": (
        "kill",
        "run_start",
        set_to("planned_stream_jobs", 61),
        {},
        "plans 61 jobs; by its scenario there are 60",
    ),
    "a scenario that nobody can run": (
        "kill",
        "run_start",
        lambda fields: fields["scenario"]["workload"]["mix"].update(entity_update=0.9),
        {},
        "could not have been run",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_the_seed_does_not_make_voids_the_run_and_is_named(
    name: str, tmp_path: Path
) -> None:
    history, kind, change, wanted, why = CASES[name]
    summary = analyse(written(changed(history, kind, change, **wanted), tmp_path))

    assert summary.verdict == "invalid"
    assert [reason for reason in summary.reasons if why in reason] != [], summary.reasons


def test_of_a_long_stream_jobs_are_drawn_from_end_to_end() -> None:
    places = spread(10_000_000)

    assert (len(places), places[0], places[-1]) == (MOST_DRAWN, 0, 9_999_999)
    assert spread(3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("field", "strange"), [("intended_ns", False), ("length_us", True)])
def test_jobs_in_turn_are_drawn_again_but_for_their_instants(
    field: str, strange: bool, tmp_path: Path
) -> None:
    """A recorded open load, called a closed loop: each job is the same, none comes at its time."""
    lines = recorded()["kill"]
    start = all_fields(lines, "run_start")[0]
    start["scenario"]["workload"].update(closed_loop=True, warmup_s=0.0)
    start["planned_stream_jobs"] = None
    moved = next(f for f in all_fields(lines, "job_enqueued") if f["job_id"] == "j000005")
    moved[field] -= 1000

    reasons = analyse(written(mended(lines), tmp_path)).reasons
    assert any("j000005 is" in reason or "j000005 was" in reason for reason in reasons) is strange

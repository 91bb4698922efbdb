"""A scenario may fix the length of a kind's jobs, within the kind's class."""

from __future__ import annotations

import pytest

from orchestrator.commands.calibration.controls import CONTROLS, all_trials
from orchestrator.errors import ScenarioError
from orchestrator.scenario.capacity import capacity
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import Workload

SHORT_LEASE = str(next(t for t in all_trials() if t.scenario == "control_short_lease").path)


def test_every_job_of_a_kind_with_a_fixed_length_lasts_as_long() -> None:
    jobs = list(Workload(load_scenario(SHORT_LEASE)).jobs())
    lengths = {(job.plan.kind, job.plan.length_us) for job in jobs}
    assert lengths == {("entity_enrich", 9_000_000), ("notification_deliver", 1_000_000)}


def test_capacity_reckons_with_fixed_lengths() -> None:
    load = capacity(load_scenario(SHORT_LEASE))
    assert load.mean_length_s == pytest.approx(0.35 * 9 + 0.65 * 1)
    assert load.longest_length_s == 9


def test_a_fixed_length_outside_its_class_is_refused() -> None:
    with pytest.raises(ScenarioError) as refusal:
        load_scenario(SHORT_LEASE, ["workload.kinds.entity_enrich.length_s=40"])
    assert "medium jobs last 1 to 30 s" in str(refusal.value)


def test_every_control_has_its_scenarios_and_they_are_sound() -> None:
    assert {trial.control.library for trial in all_trials()} == {c.library for c in CONTROLS}
    for trial in all_trials():
        assert load_scenario(str(trial.path)).name == trial.scenario

"""River's presets: what follows from the longest job, and how long an orphan may wait."""

from __future__ import annotations

import pytest

from worker_child.adapters.contract import Preset, Workers
from worker_child.adapters.river.presets import PRESETS, resolve

FETCH_COOLDOWN_S = 0.1


def preset(name: str, longest_length_s: float) -> Preset:
    return resolve(name, Workers(1, 20, 10, 5, longest_length_s))


@pytest.mark.parametrize("longest_length_s", [0.0, 0.25, 6.0, 30.0, 300.0])
@pytest.mark.parametrize("name", ["tuned", "transactional"])
def test_no_job_of_the_planned_length_is_ever_taken_for_a_stuck_one(
    name: str, longest_length_s: float
) -> None:
    settings = preset(name, longest_length_s).settings
    assert longest_length_s < settings["job_timeout_s"] < settings["rescue_stuck_jobs_after_s"]


@pytest.mark.parametrize("name", PRESETS)
def test_what_river_demands_of_its_settings_holds(name: str) -> None:
    settings = preset(name, 6.0).settings
    assert settings["rescue_stuck_jobs_after_s"] >= settings["job_timeout_s"]
    assert settings["fetch_poll_interval_s"] >= settings["fetch_cooldown_s"] == FETCH_COOLDOWN_S


def test_stock_takes_nothing_from_the_scenario_but_the_common_three() -> None:
    one = resolve("stock", Workers(1, 20, 10, 5, 6.0)).settings
    other = resolve("stock", Workers(4, 7, 3, 2, 300.0)).settings
    assert {key for key in one if one[key] != other[key]} == {"max_workers", "max_attempts"}


@pytest.mark.parametrize(
    ("name", "longest_length_s", "bound_s"),
    [("stock", 6.0, 3636.0), ("tuned", 6.0, 57.1), ("tuned", 30.0, 86.1)],
)
def test_the_bound_is_what_the_readme_adds_up(
    name: str, longest_length_s: float, bound_s: float
) -> None:
    rescue = preset(name, longest_length_s).rescue
    assert rescue is not None
    assert rescue.bound_s(outage_s=3.0) == pytest.approx(bound_s)


def test_only_the_transactional_preset_acknowledges_in_the_transaction() -> None:
    assert [name for name in PRESETS if preset(name, 1.0).acknowledges_in_transaction] == [
        "transactional"
    ]

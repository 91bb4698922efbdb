"""platform-lib's presets: what follows from the heartbeat, and how long an orphan may wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker_child.adapters.contract import Preset, Workers
from worker_child.adapters.platform_lib import presets
from worker_child.adapters.platform_lib.presets import PRESETS, resolve

PAGE = Path(presets.__file__).with_name("README.md")


def preset(name: str) -> Preset:
    return resolve(name, Workers(1, 20, 10, 5, 6.0))


def test_stock_sweeps_nothing_and_never_rescues() -> None:
    assert preset("stock").rescue is None
    assert not preset("stock").settings["sweeps"]


def test_a_permit_outlives_a_heartbeat_that_never_arrived() -> None:
    settings = preset("tuned").settings
    assert settings["sweep_for_s"] > 2 * settings["heartbeat_s"]
    assert 0 < settings["sweep_every_s"] < settings["heartbeat_s"]


def test_a_listener_of_its_own_has_a_connection_of_its_own() -> None:
    conns = {name: preset(name).settings["pool_max_conns"] for name in PRESETS}
    assert conns == {"stock": 4, "tuned": 5}


@pytest.mark.parametrize(("outage_s", "bound_s"), [(0.0, 11.6), (3.0, 14.6)])
def test_the_bound_is_what_the_page_adds_up(outage_s: float, bound_s: float) -> None:
    rescue = preset("tuned").rescue
    assert rescue is not None
    assert rescue.bound_s(outage_s) == pytest.approx(bound_s)
    assert f"{rescue.bound_s(3.0):.1f} s where the next worker is ready after 3 s" in " ".join(
        PAGE.read_text().split()
    )


@pytest.mark.parametrize("name", PRESETS)
def test_only_the_common_three_come_from_the_scenario(name: str) -> None:
    one = resolve(name, Workers(1, 20, 10, 5, 6.0)).settings
    other = resolve(name, Workers(4, 7, 3, 2, 300.0)).settings
    assert {key for key in one if one[key] != other[key]} == {
        "concurrency",
        "max_attempts",
        "poison_after",
    }

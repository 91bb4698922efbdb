"""A plan after which no worker lives is refused, unless its file says that this is meant."""

from __future__ import annotations

import pytest

from orchestrator.errors import ScenarioError
from orchestrator.scenario.load import load_scenario

ONE_OF_TWO = "faults=[{ slot = 1, at_s = 5 }]"
TWO_OF_TWO = "faults=[{ slot = 1, at_s = 5 }, { slot = 0, at_s = 5 }]"
SIBLINGS = [
    ["faults=[{ at_s = 3, respawn_after_s = 0.5 }, { at_s = 5 }]"],
    ["faults=[{ at_s = 3 }]"],
    ["faults=[{ when = { completed = 3 } }]"],
    ["faults=[{ at_s = 3, respawn_after_s = 0.5 }, { when = { completed = 3 } }]"],
    ["workers.slots=2", TWO_OF_TWO],
]


@pytest.mark.parametrize("overrides", SIBLINGS)
def test_it_is_refused(overrides: list[str]) -> None:
    with pytest.raises(ScenarioError, match="nobody is left to rescue an orphan"):
        load_scenario("crash_recovery_short", overrides)


@pytest.mark.parametrize("overrides", SIBLINGS)
def test_it_is_accepted_where_it_is_meant(overrides: list[str]) -> None:
    assert load_scenario("crash_recovery_short", [*overrides, "nobody_left=true"]).nobody_left


def test_a_survivor_is_enough() -> None:
    scenario = load_scenario("crash_recovery_short", ["workers.slots=2", ONE_OF_TWO])
    assert not scenario.nobody_left

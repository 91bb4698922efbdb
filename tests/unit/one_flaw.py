"""A shipped scenario changed so that one thing is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.errors import ScenarioError
from orchestrator.scenario.load import load_scenario


def the_only_flaw(name: str, overrides: Sequence[str]) -> str:
    """What the refusal of the changed scenario says; nothing else may be blamed."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(name, overrides, cores=2)
    (flaw,) = caught.value.flaws
    assert caught.value.exit_code == 2
    return flaw

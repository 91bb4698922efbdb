"""Every preset of every library says the same things of itself."""

from __future__ import annotations

import pytest

from worker_child.adapters import LIBRARIES, load_adapter
from worker_child.adapters.contract import PARITY, Workers

PRESETS = [(library, name) for library in LIBRARIES for name in load_adapter(library).presets]


@pytest.mark.parametrize(("library", "name"), PRESETS)
def test_a_preset_says_what_a_comparison_must_show(library: str, name: str) -> None:
    preset = load_adapter(library).preset(name, Workers(1, 10, 5, 5, 6.0))

    assert preset.parity.keys() == PARITY.keys()
    assert all(preset.parity.values())

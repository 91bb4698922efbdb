"""Every preset of every library says the same things of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worker_child.adapters import LIBRARIES, load_adapter
from worker_child.adapters.contract import PARITY, Offering, Workers
from worker_child.adapters.pgqueuer import inbox

PRESETS = [(library, name) for library in LIBRARIES for name in load_adapter(library).presets]


@pytest.mark.parametrize(("library", "name"), PRESETS)
def test_a_preset_says_what_a_comparison_must_show(library: str, name: str) -> None:
    preset = load_adapter(library).preset(name, Workers(1, 10, 5, 5, 6.0))

    assert preset.parity.keys() == PARITY.keys()
    assert all(preset.parity.values())


def test_pgqueuers_page_tells_what_it_offers_and_every_key_of_parity() -> None:
    page = Path(inbox.__file__).with_name("README.md").read_text()
    adapter = load_adapter("pgqueuer")
    assert isinstance(adapter, Offering)
    parts = re.split(r"^\*\*([^*]+)\*\*", page, flags=re.MULTILINE)
    keys = {
        title: re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    assert keys["What it offers."] == list(adapter.offers)
    assert keys["Parity"] == list(PARITY)

"""The page on scenario files names every key that a file may have, and is right about them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from orchestrator.documents.contents import contents
from orchestrator.documents.fields import attribute_docs
from orchestrator.documents.scenario_keys import TABLES, toml_type
from orchestrator.scenario.load import load_scenario, scenario_names
from orchestrator.scenario.triggered import Triggered, TriggerKey
from orchestrator.scenario.types import Expectations, Kind, Points, Scenario, WorkloadSettings
from orchestrator.scenario.values import Section

PAGE = contents()["scenarios/README.md"]
SCENARIOS = Path(__file__).parents[2] / "scenarios"
ROWS = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)


def test_every_table_of_a_file_has_a_section_in_which_each_key_has_a_meaning() -> None:
    faults = set(Triggered.__subclasses__())
    assert TABLES.keys() == (set(Section.__subclasses__()) - {Triggered}) | faults
    for table in TABLES:
        keys = {field.name for field in msgspec.structs.fields(table)}
        assert keys == attribute_docs(table).keys(), table


@pytest.mark.parametrize("sort", Triggered.__subclasses__(), ids=lambda sort: sort.__name__)
def test_a_sort_of_fault_is_told_with_the_triggers_that_it_takes_and_no_other(
    sort: type[Triggered],
) -> None:
    _, _, section = PAGE.partition(f"\n### `{TABLES[sort]}`\n")
    keys = re.findall(r"^\| `(\w+)` \|", section.partition("\n### ")[0], re.MULTILINE)

    assert section
    assert [key for key in keys if key in get_args(TriggerKey)] == list(sort.TRIGGERS)


@pytest.mark.parametrize("name", scenario_names())
def test_it_names_every_key_that_a_shipped_scenario_uses(name: str) -> None:
    table = tomllib.loads((SCENARIOS / f"{name}.toml").read_text())
    assert set(keys_in(table)) - {"shape", "what"} <= set(ROWS)


def keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from keys_in(inner)
    if isinstance(value, list):
        for inner in value:
            yield from keys_in(inner)


def test_the_whole_file_that_it_shows_can_be_run(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    path = tmp_path / "my_scenario.toml"
    path.write_text(shown[1])
    assert load_scenario(str(path), cores=2).name == "my_scenario"
    overrides = re.findall(r"--set ([^\s`]+)", PAGE)
    assert len(overrides) >= 3
    changed = load_scenario(str(path), overrides, cores=2)
    assert changed.expectations.certificates is None


def test_every_link_leads_to_a_heading_of_the_page() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", PAGE))
    assert len(links) > 10
    assert links <= headings


@pytest.mark.parametrize(
    ("table", "key", "text"),
    [
        (Scenario, "name", "text, as `^[a-z0-9_]{1,60}$`"),
        (Scenario, "description", "text, not empty"),
        (Scenario, "effects", "true or false"),
        (WorkloadSettings, "duration_s", "number, above 0 to 1,000,000"),
        (WorkloadSettings, "fan_out", "integer, 0 to 100"),
        (WorkloadSettings, "dedup", "[table](#workloaddedup)"),
        (WorkloadSettings, "errors", "list of [table](#workloaderrors), 8 at most"),
        (WorkloadSettings, "provider", '`"sleep"` or `"stub"`'),
        (Points, "points", "list of [number, number], not empty"),
        (Expectations, "lost", "integer, 0 to 1,000,000,000"),
    ],
)
def test_types_are_told_as_toml_knows_them_with_their_bounds(
    table: type[Section], key: str, text: str
) -> None:
    (wanted,) = (field.type for field in msgspec.structs.fields(table) if field.name == key)
    assert toml_type(wanted) == text


def test_the_kinds_are_told_once_and_linked_to() -> None:
    assert toml_type(Kind) == "[kind](#kinds-of-jobs)"


def test_defaults_are_those_that_a_file_gets_which_says_nothing() -> None:
    assert "| `pool_size` | integer, 1 to 1,000 |  | `10` |" in PAGE
    assert "| `rate_per_s` | number, above 0 to 1,000,000 | 1/s | **required** |" in PAGE
    assert "| `name` | text, as `^[a-z0-9_]{1,60}$` |  | the file's name |" in PAGE
    assert re.search(r"\| `curve` \| .* \| `\"steady\"` \|", PAGE)

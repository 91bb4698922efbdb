"""A test of the promise that no differing value goes unlisted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compare.cells import blocks_of, load_run
from analysis.compare.differences import (
    ABSENT,
    LEFT_OUT,
    configuration,
    configuration_of,
    differences_of,
    differing,
)
from orchestrator.history.records import RunStart
from tests.histories.side_by_side import ENVIRONMENT, compared, write

SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "-"])
TABLES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), SCALARS, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), SCALARS | inner, max_size=3),
    max_leaves=8,
)


def leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if isinstance(value, dict) and value:
        return {
            place: leaf
            for key, inner in value.items()
            for place, leaf in leaves(inner, (*path, key)).items()
        }
    return {path: value}


@given(TABLES, TABLES)
def test_every_leaf_that_differs_is_listed_and_no_other(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    columns = [[configuration_of(table)] for table in (one, other)]
    listed = {found.key for found in differing(columns)}
    left, right = ({} if not table else leaves(table) for table in (one, other))
    missing = object()
    expected = {
        ".".join(path)
        for path in left.keys() | right.keys()
        if (type(left.get(path, missing)), left.get(path, missing))
        != (type(right.get(path, missing)), right.get(path, missing))
    }

    assert listed == expected


def test_values_that_look_the_same_are_told_apart() -> None:
    columns = [[configuration_of({"a": value})] for value in ("none", None, "1", 1)]
    ((found,),) = (differing(columns),)

    assert found.values == ('"none"', "null", '"1"', "1")


VARIED: dict[str, Any] = {
    "settings": {"lease_s": 4.0, "batch_size": 10, "wake_up": "poll"},
    "library_version": "1",
    "rescue": None,
    "acknowledges_in_transaction": True,
    "periods_s": {"poll": 1.0},
    "seed": 2,
    "environment": {**ENVIRONMENT, "kernel": "6.2"},
    "parity": {"wake_up": "NOTIFY"},
    "adapter_sha256": "0" * 64,
    "offers": {"dedup": "by a key"},
}


@pytest.mark.parametrize("name", VARIED)
def test_what_differs_in_run_start_is_listed(name: str, tmp_path: Path) -> None:
    changed = compared("tuned", 1)
    changed.first("run_start")[name] = VARIED[name]
    for story, preset in ((compared("tuned", 1), "tuned"), (changed, "changed")):
        story.first("run_start").update(preset=preset, cell_hash=preset)
        write(story, tmp_path)
    (block,) = blocks_of(map(load_run, tmp_path.iterdir()))
    listed = {found.key.split(".")[0] for found in differences_of(block)}

    # A scenario names its seed, too.
    assert listed == ({"seed", "scenario"} if name == "seed" else {name})


def test_a_field_of_run_start_is_compared_or_left_out_for_a_reason(tmp_path: Path) -> None:
    """Whoever adds a field to run_start decides here whether it can differ."""
    run = load_run(write(compared("stock", 1), tmp_path))
    compared_keys = {key.split(".")[0] for key in configuration(run)}
    fields = {field.name for field in msgspec.structs.fields(RunStart)}

    assert fields - compared_keys <= {*LEFT_OUT, "scenario_name"}
    assert all(LEFT_OUT.values())


def test_what_a_worker_opened_is_listed_and_what_one_run_alone_has_is_absent_elsewhere(
    tmp_path: Path,
) -> None:
    write(compared("stock", 1), tmp_path)
    odd = compared("tuned", 1)
    odd.first("child_ready")["effective"] = {"library_connections": 1, "listener": True}
    write(odd, tmp_path)
    (block,) = blocks_of(map(load_run, tmp_path.iterdir()))
    listed = {found.key: found.values for found in differences_of(block)}

    assert listed["opened.listener"] == (ABSENT, f"{ABSENT} / true")


def test_runs_of_one_cell_that_differ_are_told_as_well(tmp_path: Path) -> None:
    write(compared("stock", 1), tmp_path)
    later = compared("stock", 2)
    later.first("run_start")["environment"] = {**ENVIRONMENT, "kernel": "6.9"}
    write(later, tmp_path)
    (block,) = blocks_of(map(load_run, tmp_path.iterdir()))

    assert [(d.key, d.values) for d in differences_of(block)] == [
        ("environment.kernel", ("6.1 / 6.9",))
    ]

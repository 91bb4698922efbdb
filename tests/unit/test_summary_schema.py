"""The summary's schema is what the types say, and the types are what a summary holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from analysis.__main__ import main
from analysis.errors import SummaryError
from analysis.section import Section
from analysis.summary.schema import SCHEMA, meaning_of, schema_text, section_types
from analysis.summary.summary import analyse, read_summary
from analysis.summary.types import Summary
from tests.histories.builder import Story
from tests.histories.cached import cached
from tests.histories.loaded import erring, sampled, unfair
from tests.histories.planted import PLANTED

GOLDEN = sorted((Path(__file__).parents[1] / "histories").glob("*.summary.json"))
LOADED: dict[str, Callable[[], Story]] = {
    "errors": erring,
    "two tenants": unfair,
    "a key for two": lambda: sampled([1] * 6, dedup={"enqueuers": 2}),
    "a cache": cached,
}


class Bare(Section, frozen=True, kw_only=True):
    """One of its fields has no docstring."""

    told: int | None
    """How many."""
    told_why: str | None = None
    untold: int


def test_the_schema_in_the_repository_is_that_of_the_types() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


def test_a_schema_that_has_drifted_is_told_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drifted = tmp_path / SCHEMA.name
    drifted.write_text(schema_text().replace('"verdict"', '"judgement"'), encoding="utf-8")
    monkeypatch.setattr("analysis.commands.SCHEMA", drifted)

    with pytest.raises(SystemExit, match="1"):
        main(["schema", "--check"])
    assert "Write it with `make docs`" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="0"):
        main(["schema"])
    with pytest.raises(SystemExit, match="0"):
        main(["schema", "--check"])


def test_the_schema_has_the_properties_of_the_types_and_allows_no_others() -> None:
    definitions = json.loads(schema_text())["$defs"]
    for struct in section_types(Summary):
        defined = definitions[struct.__name__]
        fields = {field.encode_name for field in msgspec.structs.fields(struct)}
        assert defined["properties"].keys() == fields, struct.__name__
        assert defined["additionalProperties"] is False
        assert all(found["description"] for found in defined["properties"].values())


def test_a_field_without_a_docstring_is_refused() -> None:
    assert meaning_of(Bare, "told") == "How many."
    assert meaning_of(Bare, "told_why") == "Why told is null; left out where it is not."
    with pytest.raises(AssertionError, match=r"Bare\.untold has no docstring"):
        meaning_of(Bare, "untold")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: str(path.name))
def test_a_golden_summary_fits_the_types_and_comes_back_byte_for_byte(path: Path) -> None:
    assert read_summary(path).as_json() == path.read_bytes()


@pytest.mark.parametrize("name", [*PLANTED, *LOADED])
def test_whatever_is_found_fits_the_types(name: str, tmp_path: Path) -> None:
    story = LOADED[name]() if name in LOADED else PLANTED[name].plant()
    summary = analyse(story.write(tmp_path))

    assert msgspec.json.decode(summary.as_json(), type=Summary) == summary


@pytest.mark.parametrize(
    ("key", "value"),
    [("summary_version", 1), ("verdict", "maybe"), ("surplus", 0), ("exit_code", "0")],
)
def test_a_summary_of_another_form_is_refused(key: str, value: object, tmp_path: Path) -> None:
    other = tmp_path / "other.summary.json"
    other.write_text(json.dumps(json.loads(GOLDEN[0].read_bytes()) | {key: value}))

    with pytest.raises(SummaryError, match="Judge its history again"):
        read_summary(other)

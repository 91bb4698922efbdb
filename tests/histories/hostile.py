"""Hostile text in every text field of a history that will take it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from analysis.history.upgrade import read_fields
from orchestrator.documents.examples import EXAMPLES
from orchestrator.history.records import HISTORY_VERSION, KINDS
from tests.histories.builder import Story

MARKUP = '</script><script>hacked = 1</script><img src="x" onerror="hacked = 1">'
CONTROLS = "\x1b[2J\x9b31m\r\x07\x7f\u202e\u2028"
MARKDOWN = "|\\|`[x](javascript:hacked=1)<b>*bold*</b>\n# a heading\n| a | row |"
HOSTILE = f"--ink{MARKUP}{CONTROLS}{MARKDOWN}\nPASS (the expectations are met)."
FORBIDDEN = [char for char in CONTROLS if not char.isprintable()]

Place = tuple[str, tuple[Any, ...]]


def hostile(story: Story) -> tuple[list[str], set[Place]]:
    """The story's lines with `HOSTILE` behind every text that a kind's type lets be any, the same
    everywhere, so that what one line says still fits another; and the fields that have it."""
    taken: set[Place] = set()
    whole = story.records
    refused = {place for kind, fields in whole for place in _refused(kind, fields)}
    refused |= {("fault_injected", ("what",)), ("fault_ended", ("what",))}  # a closed set
    for kind, fields in whole:
        for path in list(_texts(fields)):
            place = kind, _general(path)
            if place not in refused:
                _put(fields, path, _at(fields, path) + HOSTILE)
                taken.add(place)
    return list(story.lines()), taken


def with_every_kind(story: Story) -> Story:
    """The story with one line more of each kind but the first and last, every text in it given."""
    for kind, example in EXAMPLES.items():
        if kind in ("run_start", "run_end"):
            continue
        fields = msgspec.to_builtins(example)
        fields |= {name: "" for name in any_texts(kind) if fields.get(name) is None}
        story.records.insert(-1, (kind, {**fields, "t_ns": story.now_ns}))
    return story


def any_texts(kind: str) -> set[str]:
    """The fields of a kind in which any text may stand."""
    shape = msgspec.inspect.type_info(KINDS[kind])
    assert isinstance(shape, msgspec.inspect.StructType)
    return {field.encode_name for field in shape.fields if _is_text(field.type)}


def _is_text(shape: Any) -> bool:
    if isinstance(shape, msgspec.inspect.UnionType):
        return any(map(_is_text, shape.types))
    return isinstance(shape, msgspec.inspect.StrType)


def _refused(kind: str, fields: dict[str, Any]) -> Iterator[Place]:
    """The places where only certain texts may stand."""
    for path in list(_texts(fields)):
        before = _at(fields, path)
        _put(fields, path, before + HOSTILE)
        try:
            read_fields(kind, msgspec.Raw(msgspec.json.encode(fields)), HISTORY_VERSION)
        except msgspec.ValidationError:
            yield kind, _general(path)
        finally:
            _put(fields, path, before)


def _texts(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(part, str):
        yield path
    elif isinstance(part, dict):
        for key, inner in part.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(part, list | tuple):
        for place, inner in enumerate(part):
            yield from _texts(inner, (*path, place))


def _general(path: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple("*" if isinstance(part, int) else part for part in path)


def _at(part: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        part = part[step]
    return part


def _put(part: Any, path: tuple[Any, ...], text: str) -> None:
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = text

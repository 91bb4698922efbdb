"""A recorded history with one change, mended, and whether it is noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.histories.mutator import Line, mended, recorded, text

Change = Callable[[dict[str, Any]], object]


def set_to(name: str, value: Any) -> Change:
    """A change of one field."""
    return lambda fields: fields.__setitem__(name, value)


def without(name: str) -> Change:
    """A field that is gone."""
    return lambda fields: fields.pop(name)


def later(name: str, seconds: float) -> Change:
    """An instant that is moved."""
    return lambda fields: fields.__setitem__(name, fields[name] + round(seconds * 1e9))


def changed(history: str, kind: str, change: Change, **wanted: Any) -> list[Line]:
    """A recorded history with one line changed: the first of its kind with these values."""
    lines = recorded()[history]
    change(next(one for one in all_fields(lines, kind) if wanted.items() <= one.items()))
    return mended(lines)


def all_fields(lines: list[Line], kind: str) -> list[dict[str, Any]]:
    return [line["fields"] for line in lines if line["kind"] == kind]


def written(lines: list[Line], folder: Path) -> Path:
    path = folder / "changed.jsonl"
    path.write_bytes(b"".join(map(text, lines)))
    return path


Case = tuple[str, str, Change, dict[str, Any], str]
"""A recorded history, a kind of line, the change, which line of that kind, and what is said."""

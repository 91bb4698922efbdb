"""The JSON schema of a file of ours, made from its types: `python -m analysis schema` writes it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from analysis.section import Section
from analysis.summary.types import Summary

SCHEMA = Path(__file__).with_name("summary.schema.json")
TITLE = "A run's summary: <run_id>.summary.json"
_BESIDE = "_why"


def schema_text(root: type[Section] = Summary, title: str = TITLE) -> str:
    """The file's content. Raises AssertionError for a field without a docstring."""
    content: dict[str, Any] = msgspec.json.schema(root)
    content["title"] = title
    for struct in section_types(root):
        described = content["$defs"][struct.__name__]["properties"]
        for field in msgspec.structs.fields(struct):
            described[field.encode_name]["description"] = meaning_of(struct, field.name)
    text = msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2)
    return text.decode() + "\n"


def section_types(root: type[msgspec.Struct]) -> list[type[Section]]:
    """`root` and every section below it, by name."""
    found: dict[str, type[Section]] = {}

    def visit(kind: msgspec.inspect.Type) -> None:
        if isinstance(kind, msgspec.inspect.StructType):
            if not issubclass(kind.cls, Section) or kind.cls.__name__ in found:
                return
            found[kind.cls.__name__] = kind.cls
            for field in kind.fields:
                visit(field.type)
        elif isinstance(kind, msgspec.inspect.UnionType):
            for option in kind.types:
                visit(option)
        elif isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            visit(kind.item_type)
        elif isinstance(kind, msgspec.inspect.DictType):
            visit(kind.value_type)

    visit(msgspec.inspect.type_info(root))
    return [found[name] for name in sorted(found)]


def meaning_of(struct: type[msgspec.Struct], name: str) -> str:
    """The docstring under a field; what stands beside a figure needs none."""
    for owner in struct.__mro__:
        if issubclass(owner, Section) and name in (docs := _docs_of(owner)):
            return docs[name]
    figure = name.removesuffix(_BESIDE)
    assert figure != name, f"{struct.__name__}.{name} has no docstring"
    return f"Why {figure} is null; left out where it is not."


@cache
def _docs_of(struct: type[Section]) -> dict[str, str]:
    """By a field's name: the string below it, on one line."""
    (definition,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(definition, ast.ClassDef), f"{struct.__name__} is no class"
    return dict(_documented(definition))


def _documented(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split()).replace("``", "`")

"""What the fields of a type are: name, JSON type, unit, whether they may be left out, meaning.

The meaning is the docstring under the field, else what `orchestrator.documents.meanings` says.
"""

from __future__ import annotations

import ast
import inspect
import types
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from orchestrator.documents.meanings import MEANINGS
from orchestrator.scenario.types import Scenario

FIELD_TABLE_HEAD = "| field | type | unit | always | meaning |\n|---|---|---|---|---|"

_UNITS = {
    "_per_s": "1/s",
    "_ns": "ns",
    "_us": "us",
    "_ms": "ms",
    "_s": "s",
    "_bytes": "bytes",
}
"""By a name's end; the first that fits."""
_JSON_TYPES = {
    int: "integer",
    float: "number",
    str: "string",
    bool: "true or false",
    types.NoneType: "null",
    Any: "anything",
}


@dataclass(frozen=True)
class Field:
    """One field as it stands in the JSON."""

    name: str
    type: str
    always: bool
    """False = it may be left out: where its value is the default."""
    meaning: str

    @property
    def unit(self) -> str:
        """See `unit_of`."""
        return unit_of(self.name)

    def row(self) -> str:
        """Its row in a table with `FIELD_TABLE_HEAD`."""
        always = "yes" if self.always else "no"
        return f"| `{self.name}` | {self.type} | {self.unit} | {always} | {self.meaning} |"


def unit_of(name: str) -> str:
    """By the name's last part; a count or a text has none."""
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")


def fields_of(struct: type[msgspec.Struct]) -> list[Field]:
    """Every field, in the order of the type. Raises KeyError for one whose meaning is unknown."""
    meanings = meanings_of(struct)
    omits = struct.__struct_config__.omit_defaults
    return [
        Field(
            name=field.encode_name,
            type=json_type(field.type),
            always=field.required or not (omits or field.default is msgspec.UNSET),
            meaning=meanings[field.encode_name],
        )
        for field in msgspec.structs.fields(struct)
    ]


def meanings_of(struct: type[msgspec.Struct]) -> dict[str, str]:
    """By a field's name in JSON: its meaning. Raises KeyError for one whose meaning is unknown."""
    docs = attribute_docs(struct)
    return {
        field.encode_name: docs.get(field.name) or _meaning(struct, field.name)
        for field in msgspec.structs.fields(struct)
    }


def doc_of(struct: type[msgspec.Struct]) -> str:
    """The type's own docstring."""
    return inspect.cleandoc(struct.__doc__ or "").replace("``", "`")


def json_type(wanted: Any) -> str:
    """How a type looks in JSON, in words."""
    if get_origin(wanted) in (Union, types.UnionType):
        options = (option for option in get_args(wanted) if option is not msgspec.UnsetType)
        return " or ".join(map(json_type, options))
    if get_origin(wanted) is Literal:
        return " or ".join(f"`{msgspec.json.encode(value).decode()}`" for value in get_args(wanted))
    if get_origin(wanted) is dict:
        return "object"
    if get_origin(wanted) in (list, tuple):
        return f"list of {_items(wanted)}"
    if wanted is Scenario:
        return "[a scenario](../../scenarios/README.md), `faults` each with `what`"
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return f"[{wanted.__name__}](#{wanted.__name__.lower()})"
    return _JSON_TYPES[wanted]


def _items(wanted: Any) -> str:
    """What a list holds: any number of one type, or a fixed number of one."""
    first, *others = get_args(wanted)
    if others in ([], [Ellipsis]):
        return json_type(first)
    assert all(other is first for other in others)
    return f"{1 + len(others)} {json_type(first)}s"


def _meaning(struct: type[msgspec.Struct], name: str) -> str:
    keys = [f"{base.__name__}.{name}" for base in struct.__mro__]
    return next((MEANINGS[key] for key in keys if key in MEANINGS), None) or MEANINGS[name]


@cache
def attribute_docs(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The strings that stand under the fields, inherited ones too, each on one line."""
    bases = struct.__mro__[1 : struct.__mro__.index(msgspec.Struct)]
    docs = {name: doc for base in reversed(bases) for name, doc in _own_docs(base).items()}
    known = docs | _own_docs(struct)
    return {name: doc for name, doc in known.items() if name in struct.__struct_fields__}


def _is_ours(base: type[Any]) -> bool:
    """Whether its source is Python of this project: that of msgspec's own types is not."""
    return not base.__module__.startswith("msgspec")


def _own_docs(struct: type[Any]) -> dict[str, str]:
    definition = ast.parse(inspect.getsource(struct)).body[0]
    assert isinstance(definition, ast.ClassDef)
    docs = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            docs[field.target.id] = " ".join(str(below.value.value).split()).replace("``", "`")
    return docs

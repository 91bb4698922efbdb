"""What a scenario file may say, key by key, from the types that read it.

The meaning of a key is the docstring under its field in `orchestrator.scenario.types` or
`orchestrator.scenario.faults`; so are its bounds and its default.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta

from orchestrator.documents.fields import attribute_docs, doc_of, unit_of
from orchestrator.scenario.faults import Fault
from orchestrator.scenario.job_kinds import CLASSES, KINDS, US_PER_S
from orchestrator.scenario.reader import NONE_WORD
from orchestrator.scenario.triggered import AtPoint, Triggered, TriggerKey, When
from orchestrator.scenario.types import (
    Burst,
    Cache,
    Dedup,
    ErrorInjection,
    Expectations,
    HeldJobs,
    Kind,
    KindOverride,
    Limits,
    Payload,
    Points,
    Ramp,
    Scenario,
    Steady,
    Tenants,
    Wave,
    WorkerSettings,
    WorkloadSettings,
)
from orchestrator.scenario.values import Section

TABLES: dict[type[Section], str] = {
    Scenario: "The top of the file",
    WorkloadSettings: "[workload]",
    Steady: '[workload.curve] shape = "steady"',
    Ramp: '[workload.curve] shape = "ramp"',
    Burst: '[workload.curve] shape = "burst"',
    Points: '[workload.curve] shape = "points"',
    KindOverride: "[workload.kinds.KIND]",
    Tenants: "[workload.tenants]",
    Payload: "[workload.payload]",
    ErrorInjection: "[[workload.errors]]",
    Dedup: "[workload.dedup]",
    Cache: "[workload.cache]",
    Wave: "[[workload.waves]]",
    HeldJobs: "[[workload.held]]",
    WorkerSettings: "[workers]",
    **{fault: f'[[faults]] what = "{fault.__struct_config__.tag}"' for fault in get_args(Fault)},
    When: "[faults.when]",
    AtPoint: "[faults.at_point]",
    Limits: "[limits]",
    Expectations: "[expectations]",
}
"""Every table of a file and its heading on the page, in their order there."""

_HEAD = "| key | type | unit | default | meaning |\n|---|---|---|---|---|"
_DEFAULTS_ELSEWHERE = {"Scenario.name": "the file's name"}
"""Where the reader of files fills in what the type wants."""
_SCALARS = {int: "integer", float: "number", str: "text", bool: "true or false"}


def key_sections() -> Iterator[str]:
    """One section of the page for each table of a file."""
    for table, heading in TABLES.items():
        rows = [
            _row(table, field)
            for field in msgspec.structs.fields(table)
            if not _is_refused(table, field)
        ]
        keys = "\n".join([_HEAD, *rows]) if rows else "No key of its own."
        yield f"### {_title(heading)}\n\n{doc_of(table)}\n\n{keys}\n"


def class_rows() -> Iterator[str]:
    """How long the classes last."""
    for name, bounds in CLASSES.items():
        low_s, high_s = bounds.low_us / US_PER_S, bounds.high_us / US_PER_S
        yield f"| `{name}` | {low_s:g} to {high_s:g} s | {'yes' if bounds.scaled else 'no'} |"


def kind_rows() -> Iterator[str]:
    """What each kind of job is like."""
    for name, shape in KINDS.items():
        scope = "one tenant's" if shape.tenant_scoped else "the system's"
        yield f"| `{name}` | `{shape.job_class}` | `{shape.profile}` | {scope} |"


def _is_refused(table: type[Section], field: msgspec.structs.FieldInfo) -> bool:
    """Whether it is a trigger that this sort of fault never takes."""
    known = get_args(TriggerKey)
    return issubclass(table, Triggered) and field.name in known and field.name not in table.TRIGGERS


def _row(table: type[Section], field: msgspec.structs.FieldInfo) -> str:
    wanted, default = toml_type(field.type), _default(table, field)
    meaning = attribute_docs(table)[field.name]
    return f"| `{field.encode_name}` | {wanted} | {unit_of(field.name)} | {default} | {meaning} |"


def _default(table: type[Section], field: msgspec.structs.FieldInfo) -> str:
    elsewhere = _DEFAULTS_ELSEWHERE.get(f"{table.__name__}.{field.name}")
    if elsewhere is not None:
        return elsewhere
    if field.required:
        return "**required**"
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    if isinstance(value, Steady):
        return f'`"{value.__struct_config__.tag}"`'
    if isinstance(value, Section):
        return "its defaults"
    if value in ((), {}):
        return "empty"
    return NONE_WORD if value is None else f"`{msgspec.json.encode(value).decode()}`"


def toml_type(wanted: Any) -> str:
    """What a value of this type is in a file, with its bounds, in words."""
    if wanted == Kind:
        return _link("kind", "Kinds of jobs")
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return f"{toml_type(arguments[0])}{_bounds(arguments[1])}"
    if origin in (Union, UnionType):
        options = [option for option in arguments if option is not NoneType]
        return " or ".join(toml_type(option) for option in options)
    if origin is Literal:
        return " or ".join(f"`{msgspec.json.encode(value).decode()}`" for value in arguments)
    if origin is dict:
        return f"table: {toml_type(arguments[0])} = {toml_type(arguments[1])}"
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return f"list of {toml_type(arguments[0])}"
    if origin is tuple:
        return f"[{', '.join(toml_type(get_args(part)[0]) for part in arguments)}]"
    if issubclass(wanted, Section):
        heading = TABLES[wanted]
        return _link(getattr(wanted.__struct_config__, "tag", None) or "table", heading)
    return _SCALARS[wanted]


def _bounds(meta: Meta) -> str:
    if meta.pattern is not None:
        return f", as `{meta.pattern}`"
    if meta.min_length is not None:
        return ", not empty"
    if meta.max_length is not None:
        return f", {meta.max_length:,} at most"
    low = f"{meta.ge:,}" if meta.ge is not None else f"above {meta.gt:,}"
    return f", {low} or more" if meta.le is None else f", {low} to {meta.le:,}"


def _title(heading: str) -> str:
    return f"`{heading}`" if heading.startswith("[") else heading


def _link(text: str, heading: str) -> str:
    """To a heading of the page, as its anchor is made: lower case, hyphens, no other signs."""
    kept = (sign for sign in heading.lower() if sign.isalnum() or sign in " -_")
    return f"[{text}](#{''.join(kept).replace(' ', '-')})"

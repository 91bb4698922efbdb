"""Turns a parsed table into typed sections and collects every flaw on the way.

msgspec stops at the first flaw of a document; a person who mends a file wants all of them. So the
tables are walked here, and msgspec converts each single value.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

NONE_WORD = "none"
"""Stands for null, which TOML lacks, where a key may be left without a value."""

LIKENESS = 0.6
"""From which ratio of difflib on a word is taken for a slip of another; 1 = the same."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a file. `path` is the key it concerns, with dots; empty = the file."""

    path: str
    text: str
    unread: bool = True
    """The value at `path` could not be taken, so nothing that rests on it can be judged."""

    def __str__(self) -> str:
        return f"{self.path}{self.text}"


def read_section(section: type[S], table: Mapping[str, Any], flaws: list[Flaw], at: str = "") -> S:
    """Read `table` as a `section`; append what is wrong to `flaws`.

    A value that is missing or unusable is left None: look at `flaws` before you use it.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(section)}
    tag_field = section.__struct_config__.tag_field
    known = [*fields, tag_field] if tag_field else list(fields)
    flaws.extend(Flaw(path, text, unread=False) for path, text in _unknown(table, known, at, "key"))
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key in table:
            values[field.name] = _read_value(field.type, table[key], flaws, _join(at, key))
        elif field.required:
            flaws.append(Flaw(_join(at, key), " is missing"))
            values[field.name] = None
    return section(**values)


def nearest(word: str, candidates: Iterable[str]) -> str:
    """A hint that names the candidate most like `word`, or all of them where none is like it."""
    known = tuple(candidates)
    return _close(word, known) or _all_of(known)


def nearest_and_all(word: str, candidates: Iterable[str]) -> str:
    """A hint that names every candidate, and before them the one that is like `word`, if any."""
    known = tuple(candidates)
    close, everything = _close(word, known), _all_of(known)
    return f"{close} {_upper_first(everything)}" if close else everything


def _close(word: str, candidates: Iterable[str]) -> str | None:
    close = difflib.get_close_matches(word, sorted(candidates), n=1, cutoff=LIKENESS)
    return f'did you mean "{close[0]}"?' if close else None


def _all_of(candidates: Collection[str]) -> str:
    verb = "is" if len(candidates) == 1 else "are"
    return f"there {verb} {', '.join(candidates) or 'none'}"


def _read_value(wanted: Any, value: Any, flaws: list[Flaw], at: str) -> Any:
    options = [option for option in _options(wanted) if option is not NoneType]
    if len(options) < len(_options(wanted)) and value in (None, NONE_WORD):
        return None
    sections = [option for option in options if _is_section(option)]
    if sections:
        return _read_table(sections, value, flaws, at)
    inner = get_args(options[0])[0] if get_origin(options[0]) is Annotated else options[0]
    if get_origin(inner) is Literal and value not in get_args(inner):
        flaws.append(Flaw(at, f" = {value!r} is unknown; {nearest(str(value), get_args(inner))}"))
        return None
    if get_origin(inner) is dict and isinstance(value, Mapping):
        return _read_mapping(inner, value, flaws, at)
    if get_origin(inner) is tuple and isinstance(value, list):
        return _read_list(wanted, inner, value, flaws, at)
    return _read_scalar(wanted, value, flaws, at)


def _read_scalar(wanted: Any, value: Any, flaws: list[Flaw], at: str) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        flaws.append(Flaw(at, f" = {value!r}: {_lower_first(str(error))}"))
        return None


def _read_list(wanted: Any, inner: Any, value: list[Any], flaws: list[Flaw], at: str) -> Any:
    item_type = get_args(inner)[0]
    sections = all(_is_section(option) for option in _options(item_type))
    if not (sections or get_origin(item_type) is Literal):
        return _read_scalar(wanted, value, flaws, at)
    flaws.extend(_too_many(wanted, value, at))
    places = (_join(at, index) for index in range(len(value)))
    return tuple(
        _read_value(item_type, item, flaws, place)
        for item, place in zip(value, places, strict=True)
    )


def _read_table(sections: list[Any], value: Any, flaws: list[Flaw], at: str) -> Any:
    if not isinstance(value, Mapping):
        flaws.append(Flaw(at, f" = {value!r}: expected a table"))
        return None
    tag_field = sections[0].__struct_config__.tag_field
    if tag_field is None:
        return read_section(sections[0], value, flaws, at)
    by_tag = {section.__struct_config__.tag: section for section in sections}
    tag = value.get(tag_field)
    if not isinstance(tag, str) or tag not in by_tag:
        problem = " is missing" if tag is None else f" = {tag!r} is unknown"
        flaws.append(Flaw(_join(at, tag_field), f"{problem}; {nearest(str(tag), by_tag)}"))
        return None
    return read_section(by_tag[tag], value, flaws, at)


def _read_mapping(wanted: Any, value: Mapping[str, Any], flaws: list[Flaw], at: str) -> Any:
    key_type, value_type = get_args(wanted)
    known = get_args(key_type) if get_origin(key_type) is Literal else tuple(value)
    flaws.extend(Flaw(path, text) for path, text in _unknown(value, known, at, "kind"))
    return {
        key: _read_value(value_type, item, flaws, _join(at, key))
        for key, item in value.items()
        if key in known
    }


def _unknown(
    table: Mapping[str, Any], known: Collection[str], at: str, noun: str
) -> Iterator[tuple[str, str]]:
    where = f"in [{at}]" if at else "at the top of the file"
    for key in table:
        if key not in known:
            yield _join(at, key), f": unknown {noun} {where}; {nearest(key, known)}"


def _too_many(wanted: Any, items: list[Any], at: str) -> Iterator[Flaw]:
    extras = get_args(wanted)[1:] if get_origin(wanted) is Annotated else ()
    for limit in (extra.max_length for extra in extras if isinstance(extra, msgspec.Meta)):
        if limit is not None and len(items) > limit:
            yield Flaw(at, f" has {len(items)} entries; at most {limit} are possible")


def _options(wanted: Any) -> tuple[Any, ...]:
    return get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)


def _is_section(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)


def _join(at: str, key: str | int) -> str:
    return f"{at}.{key}" if at else str(key)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]

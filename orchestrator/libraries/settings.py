"""Single settings of a library, changed on top of a preset: ``--setting KEY=VALUE``."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.errors import AdapterError, SettingError, UnknownNameError, UnknownSettingError
from orchestrator.history.records import setting_words
from orchestrator.libraries.guard import GuardedAdapter
from orchestrator.scenario.load import parse_value
from orchestrator.scenario.reader import NONE_WORD, nearest
from worker_child.adapters.contract import (
    NO_CHANGES,
    Preset,
    UnusableSettingsError,
    UnusableWorkersError,
    Workers,
)

_DIGITS = 8
_HASH_DIGITS = 16
_ANY_WORKERS = Workers(
    slots=1, concurrency=1000, pool_size=1000, max_attempts=5, longest_length_s=0
)
"""So many that no library refuses them."""


def read_changes(
    words: Sequence[str], adapter: GuardedAdapter, base: Preset, workers: Workers
) -> dict[str, Any]:
    """What ``KEY=VALUE`` words change of `base`, by the setting's name; what is as it was is left
    out. Values are as in TOML, a bare word being a string, ``none`` being nothing.

    Raises `UnknownSettingError` for a name that the preset has not got, and `SettingError` for
    whatever else cannot be taken.
    """
    changes: dict[str, Any] = {}
    for word in words:
        name, equals, text = (part.strip() for part in word.partition("="))
        if not equals or not name:
            raise SettingError(f"--setting {word}: expected KEY=VALUE, as in poll_s=0.5")
        if name in changes:
            raise SettingError(f"--setting {name} was given twice: leave one of them out")
        if name not in base.settings:
            raise UnknownSettingError(
                f"--setting {word}: {adapter.name} has no setting {name!r} in its preset "
                f"{base.name}; {nearest(name, sorted(base.settings))}"
            )
        if name in base.from_workers:
            raise SettingError(
                f"--setting {word}: {name} follows from the scenario, and is the same for every "
                f"library: change it there, with --set {base.from_workers[name]}=..."
            )
        known = _known_values(name, adapter, base, workers)
        changes[name] = _value(word, text, known)
    if changes and not adapter.takes_changes:
        raise SettingError(
            f"{adapter.name}'s adapter takes no changed settings: its preset(name, workers) has to "
            "take them as a third argument, as worker_child/adapters/contract.py says"
        )
    return {name: value for name, value in changes.items() if value != base.settings[name]}


def resolve_preset(
    adapter: GuardedAdapter, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
) -> Preset:
    """The adapter's preset, `changes` on top.

    Raises `UnknownNameError` and `SettingError` where the library cannot work so, and
    `AdapterError` where the adapter fails, or passes over a change.
    """
    try:
        preset = adapter.preset(name, workers, changes)
    except UnusableWorkersError as error:
        raise UnknownNameError(f"the scenario's workers: {error}") from error
    except UnusableSettingsError as error:
        words = " ".join(f"--setting {word}" for word in setting_words(changes))
        raise SettingError(f"{adapter.name} {name} with {words}: {error}") from error
    ignored = [key for key, value in changes.items() if preset.settings.get(key) != value]
    if ignored:
        raise AdapterError(
            f"{adapter.name}'s adapter was given {dict(changes)} and did not take "
            f"{', '.join(ignored)}: changes stand above all else that its preset says"
        )
    return preset


def preset_hash(
    adapter: GuardedAdapter, name: str, workers: Workers, changes: Mapping[str, Any]
) -> str | None:
    """16 hex digits of the preset as it is for any workers; None = it cannot be had for them."""
    same_for_all = replace(_ANY_WORKERS, longest_length_s=workers.longest_length_s)
    try:
        preset = adapter.preset(name, same_for_all, changes)
    except (UnusableWorkersError, UnusableSettingsError):
        return None
    return _digest(preset.settings)[:_HASH_DIGITS]


def preset_label(name: str, changes: Mapping[str, Any]) -> str:
    """What stands for the preset in a run's name: ``{preset}.{8 hex}`` where something changed."""
    return f"{name}.{_digest(changes)[:_DIGITS]}" if changes else name


def _digest(settings: Mapping[str, Any]) -> str:
    """SHA-256 of the settings' canonical JSON."""
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _known_values(name: str, adapter: GuardedAdapter, base: Preset, workers: Workers) -> list[Any]:
    """The setting's values in this preset and the library's others: they tell its type."""
    values = [base.settings[name]]
    for other in adapter.presets:
        if other == base.name:
            continue
        try:
            values.append(adapter.preset(other, workers).settings.get(name))
        except UnusableWorkersError:
            # Nobody has asked for that preset: it has just nothing to say of the type.
            continue
    return values


def _value(word: str, text: str, known: Sequence[Any]) -> Any:
    try:
        value = parse_value(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"--setting {word}: {text!r} is not a TOML value: {error}") from error
    if value == NONE_WORD and None in known:
        return None
    types = {type(one) for one in known if one is not None}
    if type(value) is int and float in types:
        return float(value)
    if type(value) in types:
        return value
    wanted = " or ".join(sorted(_TYPE_NAMES.get(one, one.__name__) for one in types))
    none = f" or {NONE_WORD}" if None in known else ""
    was = NONE_WORD if known[0] is None else json.dumps(known[0])
    raise SettingError(
        f"--setting {word}: {text} is {_TYPE_NAMES.get(type(value), type(value).__name__)}, and "
        f"{(wanted or 'nothing') + none} is wanted (the preset has {was})"
    )


_TYPE_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}

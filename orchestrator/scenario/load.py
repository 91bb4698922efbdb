"""Scenario files: found, read, overridden and checked whole; and written down to be repeated.

Nothing is started before a scenario has come through here without a flaw.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.errors import ScenarioError
from orchestrator.paths import SCENARIOS
from orchestrator.scenario.capacity import Capacity, capacity
from orchestrator.scenario.checks import CACHE_EXPECTATIONS, check, is_sound
from orchestrator.scenario.faults import FORMER_FAULTS, UNTAGGED_FAULT
from orchestrator.scenario.reader import Flaw, nearest, read_section
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import Workload

THINK_S = 1.0
"""A closed loop's longest think time where the scenario says nothing of it."""
_BARE_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")


@dataclass(frozen=True)
class ResolvedScenario:
    """A scenario without a flaw, and everything that is made of it alone, made once."""

    scenario: Scenario
    table: Mapping[str, Any]
    """With every default written out, ready for JSON: see `resolved`."""
    digest: str
    """See `digest_of`."""
    workload: Workload
    capacity: Capacity
    source: str | None = None
    """The shipped name or the path that finds it on a command line; None = it is of no file."""
    overrides: tuple[str, ...] = ()
    """What ``--set`` has changed in the file."""


def resolve_scenario(
    name_or_path: str, overrides: Sequence[str] = (), *, cores: int | None = None
) -> ResolvedScenario:
    """Read a shipped scenario by name, or any ``.toml`` file by path, and make what it entails.

    An override is ``key.key=value``, the value as in TOML, a bare word being a string. `cores` is
    what the CPU demand is held against (None = this machine's). Raises `ScenarioError` with
    everything that is wrong.
    """
    path = _path(name_or_path)
    table = {"name": path.stem, **_parse(path)}
    flaws = [flaw for override in overrides for flaw in _apply(table, override)]
    source = f"scenario {path.name}" + (f" with {', '.join(overrides)}" if overrides else "")
    scenario = _read(table, flaws)
    load = None
    if is_sound(("workload", "workers", "over_capacity"), flaws) and not scenario.over_capacity:
        load = capacity(scenario, cores)
        flaws += [Flaw("", refusal) for refusal in load.refusals]
    _refuse(source, flaws)
    load = load or capacity(scenario, cores)
    return _resolved(scenario, load, name_or_path, tuple(overrides))


def load_scenario(
    name_or_path: str, overrides: Sequence[str] = (), *, cores: int | None = None
) -> Scenario:
    """The typed scenario alone; see `resolve_scenario`."""
    return resolve_scenario(name_or_path, overrides, cores=cores).scenario


def resolve(scenario: Scenario) -> ResolvedScenario:
    """What a scenario entails that is of no file: one that a history holds."""
    return _resolved(scenario, capacity(scenario), None, ())


def _resolved(
    scenario: Scenario, load: Capacity, source: str | None, overrides: tuple[str, ...]
) -> ResolvedScenario:
    table = resolved(scenario)
    return ResolvedScenario(
        scenario, table, digest_of(table), Workload(scenario), load, source, overrides
    )


def scenario_names() -> list[str]:
    """The names of the shipped scenarios, sorted."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def resolved(scenario: Scenario) -> dict[str, Any]:
    """The scenario with every default written out, ready for JSON."""
    table: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(scenario))
    return table


def scenario_from_resolved(table: Mapping[str, Any]) -> Scenario:
    """The scenario whose `resolved` form this is. Raises `ScenarioError`."""
    flaws: list[Flaw] = []
    scenario = _read(table, flaws)
    _refuse("the scenario in the history", flaws)
    return scenario


def digest_of(table: Mapping[str, Any]) -> str:
    """SHA-256 of a resolved form with sorted keys: equal = the same thing was asked for."""
    return hashlib.sha256(msgspec.json.encode(table, order="sorted")).hexdigest()


def _read(table: Mapping[str, Any], flaws: list[Flaw]) -> Scenario:
    scenario = read_section(Scenario, _with_faults_named(table), flaws)
    flaws += check(scenario, flaws)
    if not is_sound(("workload",), flaws):
        return scenario
    return _with_cache_expectations(_with_think_time(scenario))


def _with_think_time(scenario: Scenario) -> Scenario:
    """A closed loop's think time written out, as every default is; an open load has none."""
    settings = scenario.workload
    if not settings.closed_loop or settings.think_s is not None:
        return scenario
    settings = msgspec.structs.replace(settings, think_s=THINK_S)
    return msgspec.structs.replace(scenario, workload=settings)


def _with_cache_expectations(scenario: Scenario) -> Scenario:
    """Of a queue with a cache nothing wrong is expected, unless the file says otherwise."""
    if scenario.workload.cache is None:
        return scenario
    found = scenario.expectations
    unsaid = {name: 0 for name in CACHE_EXPECTATIONS if getattr(found, name) is None}
    return msgspec.structs.replace(scenario, expectations=msgspec.structs.replace(found, **unsaid))


def _with_faults_named(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each fault by today's name, so that a file may leave the name out or use a former one."""
    faults = table.get("faults")
    if not isinstance(faults, list):
        return table
    return {**table, "faults": [_named(fault) for fault in faults]}


def _named(fault: Any) -> Any:
    if not isinstance(fault, Mapping):
        return fault
    what = fault.get("what", UNTAGGED_FAULT)
    return {**fault, "what": FORMER_FAULTS.get(what, what) if isinstance(what, str) else what}


def _refuse(source: str, flaws: Sequence[Flaw]) -> None:
    if flaws:
        raise ScenarioError(source, [str(flaw) for flaw in flaws])


def _path(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        return Path(name_or_path)
    if name_or_path not in scenario_names():
        problem = f"no such scenario is shipped; {nearest(name_or_path, scenario_names())}"
        hint = "your own file is named by its path, ending in .toml"
        raise ScenarioError(f"scenario {name_or_path}", [f"{problem} ({hint})"])
    return SCENARIOS / f"{name_or_path}.toml"


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror or error}"
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8, as TOML must be"
    except tomllib.TOMLDecodeError as error:
        problem = f"not TOML: {error}"
    except RecursionError:
        problem = "its brackets are nested too deeply to be read"
    raise ScenarioError(f"scenario {path}", [problem])


def _apply(table: dict[str, Any], override: str) -> list[Flaw]:
    """Put one override into the parsed file; unknown keys are found when that is read."""
    path, equals, text = (part.strip() for part in override.partition("="))
    keys = path.split(".")
    if not equals or not all(keys):
        return [Flaw("", f"--set {override}: expected key.key=value, as in workload.rate_per_s=80")]
    try:
        value = parse_value(text)
    except tomllib.TOMLDecodeError as error:
        return [Flaw(path, f": --set {override}: {text!r} is not a TOML value: {error}")]
    place: Any = table
    for key in keys[:-1]:
        place = _inside(place, key)
    if isinstance(place, dict):
        place[keys[-1]] = value
    elif isinstance(place, list) and _index(keys[-1], place) is not None:
        place[int(keys[-1])] = value
    else:
        return [Flaw(path, f": --set {override}: there is no such place in the file")]
    return []


def parse_value(text: str) -> Any:
    """A value on a command line: as in TOML, a bare word being a string.

    Raises tomllib.TOMLDecodeError.
    """
    if _BARE_WORD.fullmatch(text) and text not in ("true", "false", "inf", "nan"):
        return text
    return tomllib.loads(f"value = {text}")["value"]


def _inside(place: Any, key: str) -> Any:
    if isinstance(place, dict):
        return place.setdefault(key, {})
    if isinstance(place, list) and _index(key, place) is not None:
        return place[int(key)]
    return None


def _index(key: str, place: list[Any]) -> int | None:
    return int(key) if key.isdecimal() and int(key) < len(place) else None

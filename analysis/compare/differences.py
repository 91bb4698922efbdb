"""Configuration differences: every key of run_start and child_ready whose value is not the same.

What is compared is compared in everything that the histories hold: settings, versions, what was
opened, how orphans are rescued, the scenario's limits, the environment. A key is left out for one
of two reasons only: its value is the same in all runs, or it is listed in `LEFT_OUT`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from analysis.compare.cells import Block, Run

LEFT_OUT = {
    "t_ns": "an instant",
    "ordinal": "the repetition",
    "needs": "follows from the scenario",
    "library": "stands above the column",
    "preset": "stands above the column",
    "scenario.preset": "what would be taken if none were asked for",
    "scenario_sha256": "of the scenario, whose keys are compared one by one",
    "changed_settings": "stand among the settings",
    "preset_hash": "of the settings, which are compared one by one",
    "invocation": "how it was asked for, not what",
    "cell_hash": "of what is compared here one by one",
    "environment.hardware_hash": "of the hardware, whose keys are compared one by one",
    "environment.boot": "tells machines apart, not what they are; they are counted",
    "environment.postgres.measured": "a measurement; stands with the machine",
}
"""Keys (with all below them) that are not compared, and why."""
ABSENT = "-"


@dataclass(frozen=True)
class Difference:
    """One key; `values` has one text a column, several values of one column with ' / ' between."""

    key: str
    values: tuple[str, ...]


Configuration = dict[str, set[str | None]]
"""By a dotted key: its values as JSON, several where incarnations differ; None = it is not there"""


def configuration(run: Run) -> Configuration:
    """Every key of a run that is compared."""
    everything = configuration_of(msgspec.to_builtins(run.start))
    found = {key: values for key, values in everything.items() if not _is_left_out(key)}
    opened = [dict(flattened({"opened": effective})) for effective in run.effective if effective]
    for key in {key for one in opened for key in one}:
        found[key] = {_json(one[key]) if key in one else None for one in opened}
    return found


def configuration_of(table: Mapping[str, Any]) -> Configuration:
    """The same of any table."""
    return {key: {_json(value)} for key, value in flattened(table)}


def differences_of(block: Block) -> list[Difference]:
    """Of the cells of one block; a column a cell."""
    return differing([[configuration(run) for run in cell.runs] for cell in block.cells])


def differing(columns: Sequence[Sequence[Configuration]]) -> list[Difference]:
    """The keys that have more than one value over all runs of all columns, sorted."""
    runs = [run for column in columns for run in column]
    found = []
    for key in sorted({key for run in runs for key in run}):
        if len({frozenset(run.get(key, {None})) for run in runs}) > 1:
            values = [{v for run in column for v in run.get(key, {None})} for column in columns]
            found.append(Difference(key, _texts(values)))
    return found


def flattened(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and what stands there; a list or an empty table is one value."""
    for key in sorted(value):
        inner, name = value[key], f"{prefix}{key}"
        if isinstance(inner, Mapping) and inner:
            yield from flattened(inner, f"{name}.")
        else:
            yield name, inner


def plain_text(value: Any) -> str:
    """For people: texts as they are, nothing as 'none', all else as JSON."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _texts(columns: Sequence[set[str | None]]) -> tuple[str, ...]:
    """Plain texts, or JSON where two values would look the same."""
    distinct = {value for column in columns for value in column}
    plain = {
        value: ABSENT if value is None else plain_text(orjson.loads(value)) for value in distinct
    }
    if len(set(plain.values())) < len(distinct):
        plain = {value: ABSENT if value is None else value for value in distinct}
    return tuple(" / ".join(sorted(plain[value] for value in column)) for column in columns)


def _is_left_out(key: str) -> bool:
    return any(key == left or key.startswith(f"{left}.") for left in LEFT_OUT)

"""Runs put side by side: which may be pooled, which may be compared, and which may neither.

Runs with the same cell_hash on the same hardware_hash are one *cell* and are pooled. Cells stand
side by side in one *block* when they were asked for the same thing under the same conditions:
scenario (workload, workers, faults, effects), PostgreSQL and its settings, code and hardware. What
else differs is listed under the block (`analysis.compare.differences`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import orjson

from analysis.ledger.case import Case, open_case
from analysis.summary.summary import summarise
from analysis.summary.types import Summary
from orchestrator.history.records import RunStart
from worker_child.protocol import ChildReady

SHARED_PARTS = ("workload", "workers", "faults", "effects")
"""Of the resolved scenario: what makes two runs the same experiment (as in cell_hash)."""
_DIGITS = 12


@dataclass(frozen=True)
class Run:
    """One history, judged."""

    start: RunStart
    effective: tuple[dict[str, Any], ...]
    """What each incarnation really opened and set; distinct ones only."""
    summary: Summary

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.summary.run_id

    @property
    def is_invalid(self) -> bool:
        """Whether nothing may be concluded from it; an interrupted run is a part of one."""
        return self.summary.verdict == "invalid" or self.summary.run.ended != "completed"

    @cached_property
    def hardware_hash(self) -> str:
        """Of the machine; where the history does not say it, of nothing."""
        return str(self.start.environment.get("hardware_hash", ""))

    @cached_property
    def conditions(self) -> dict[str, Any]:
        """What must be equal for two libraries to be compared."""
        start = self.start
        scenario = msgspec.to_builtins(start.scenario)
        postgres = start.environment.get("postgres")
        if isinstance(postgres, dict):
            postgres = {key: value for key, value in postgres.items() if key != "measured"}
        return {
            "scenario": {part: scenario[part] for part in SHARED_PARTS},
            "postgres": postgres,
            "code": start.environment.get("code"),
        }


@dataclass(frozen=True)
class Cell:
    """Runs that may be pooled, by ordinal; the invalid ones are not among them."""

    library: str
    preset: str
    cell_hash: str
    label: str
    """Unique within its block."""
    runs: list[Run] = field(default_factory=list)


@dataclass(frozen=True)
class Block:
    """Cells that may be compared, by library and preset."""

    hardware_hash: str
    scenario: str
    conditions: dict[str, Any]
    cells: list[Cell]
    invalid: list[Run]

    @property
    def runs(self) -> list[Run]:
        """All of them, cell by cell."""
        return [run for cell in self.cells for run in cell.runs]


def load_run(path: Path) -> Run:
    """Read and judge one history. Raises HistoryError, OSError."""
    case = open_case(path)
    return run_of(case, summarise(case))


def run_of(case: Case, summary: Summary) -> Run:
    """What is compared of a history, and its summary."""
    ready = case.history.records.of(ChildReady)
    seen = {canonical(incarnation.effective): incarnation.effective for incarnation in ready}
    return Run(
        start=case.history.start,
        effective=tuple(seen[key] for key in sorted(seen)),
        summary=summary,
    )


def blocks_of(runs: Iterable[Run]) -> list[Block]:
    """All runs, each once, in an order that their files have no part in."""
    grouped: defaultdict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in _each_once(runs):
        key = run.hardware_hash, run.start.scenario_name, _digest(run.conditions)
        grouped[key].append(run)
    return [_block(grouped[key]) for key in sorted(grouped)]


def canonical(value: Any) -> bytes:
    """JSON with sorted keys: equal for equal values."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _each_once(runs: Iterable[Run]) -> list[Run]:
    """A history that was given twice, as itself and as a copy, is one run."""
    by_start = {(run.run_id, run.start.t_ns, run.summary.as_json()): run for run in runs}
    return [by_start[key] for key in sorted(by_start)]


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()[:_DIGITS]


def _block(runs: Sequence[Run]) -> Block:
    grouped: defaultdict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if not run.is_invalid:
            grouped[run.start.library, run.start.preset, run.start.cell_hash].append(run)
    subjects = [key[:2] for key in grouped]
    cells = []
    for library, preset, cell_hash in sorted(grouped):
        alone = subjects.count((library, preset)) == 1
        label = f"{library} {preset}" + ("" if alone else f" ({cell_hash[:6]})")
        of_it = sorted(grouped[library, preset, cell_hash], key=lambda run: run.start.ordinal)
        cells.append(Cell(library, preset, cell_hash, label, of_it))
    return Block(
        hardware_hash=runs[0].hardware_hash,
        scenario=runs[0].start.scenario_name,
        conditions=runs[0].conditions,
        cells=cells,
        invalid=[run for run in runs if run.is_invalid],
    )

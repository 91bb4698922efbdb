"""Which faults are tried on a library, each by its short scenario. Nothing is started here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.commands.faults.table import Left
from orchestrator.commands.matrix.plan import MatrixRun
from orchestrator.errors import NotOfferedError, UnknownNameError
from orchestrator.faults.table import TABLE, short_scenario, short_scenarios
from orchestrator.libraries.library import find_library
from orchestrator.run.request import Request, make_request
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.load import resolve_scenario
from orchestrator.scenario.reader import nearest_and_all
from orchestrator.scenario.triggered import Triggered
from worker_child.adapters.contract import Adapter

PREFERRED = "tuned"
"""The preset where none is named and the library has it: it rescues soonest."""


@dataclass(frozen=True)
class Wish:
    """What the user asked for."""

    library: str
    preset: str | None
    results: Path
    settings: tuple[str, ...] = ()
    """``KEY=VALUE`` each."""
    only: frozenset[str] = frozenset()
    """The words of the faults that are wanted, as `short_scenarios` has them; empty = all."""
    dsn: str | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class FaultPlan:
    """Every fault that is wanted, on one library under one preset."""

    library: str
    library_version: str
    preset: str
    """With changed settings it is called by them."""
    trials: Mapping[str, MatrixRun | Left]
    """By a fault's word, and its variant's: its run, or why there is none; in the order of
    `TABLE`."""

    @property
    def runs(self) -> list[MatrixRun]:
        """Those that are carried out."""
        return [trial for trial in self.trials.values() if isinstance(trial, MatrixRun)]


def plan_faults_of(wish: Wish) -> FaultPlan:
    """Lay every fault out. Raises `CrashbenchError` before anything is run."""
    every = {
        word: (sort, scenario) for sort in TABLE for word, scenario in short_scenarios(sort).items()
    }
    _check_words(wish.only, every)
    wanted = {word: trial for word, trial in every.items() if not wish.only or word in wish.only}
    found = find_library(wish.library)
    adapter = found.load()
    name = wish.preset or (PREFERRED if PREFERRED in adapter.presets else "stock")
    preset = _request(wish, short_scenario(Kill), name).preset
    return FaultPlan(
        library=found.name,
        library_version=adapter.version(),
        preset=preset.name,
        trials={
            word: _trial(wish, sort, scenario, adapter, name)
            for word, (sort, scenario) in wanted.items()
        },
    )


def _check_words(only: Collection[str], words: Collection[str]) -> None:
    for word in sorted(only):
        if word not in words:
            raise UnknownNameError(f"there is no fault {word!r}; {nearest_and_all(word, words)}")


def _trial(
    wish: Wish, sort: type[Triggered], scenario: str, adapter: Adapter, preset: str
) -> MatrixRun | Left:
    row = TABLE[sort]
    if sort.NEEDS_OWN_SERVER and wish.dsn is not None:
        return Left("not possible here", "it is done to a whole server, and this one is given")
    why = row.left_out(adapter, preset)
    if why is not None:
        return Left("not applicable", why)
    try:
        return MatrixRun(_request(wish, scenario, preset))
    except NotOfferedError as error:
        return Left("not applicable", str(error))


def _request(wish: Wish, scenario: str, preset: str) -> Request:
    return make_request(
        resolve_scenario(scenario),
        library=wish.library,
        preset=preset,
        ordinal=1,
        dsn=wish.dsn,
        results=wish.results,
        overwrite=wish.overwrite,
        settings=wish.settings,
    )

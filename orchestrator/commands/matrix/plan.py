"""What a matrix is to carry out, and in which order. Pure: nothing is started or written here.

Cells are interleaved so that a drift of the machine falls on every library alike: repetition by
repetition, within one scenario by scenario, within one library by library. Each of these blocks
begins with another subject, one further on than the block before, so that each comes first equally
often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import NotOfferedError, UnknownNameError
from orchestrator.libraries.library import find_library
from orchestrator.run.request import Request, make_request
from orchestrator.scenario.load import ResolvedScenario, resolve_scenario
from orchestrator.scenario.reader import nearest_and_all

CONTROL_SCENARIO = "crash_recovery_no_fault"
CONTROLLED_PRESET = "tuned"
"""A preset of this name always stands beside its no-fault control."""

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Wish:
    """What the user asked for; names as they were given."""

    libraries: tuple[str, ...]
    presets: tuple[str, ...]
    scenarios: tuple[str, ...]
    """Names of shipped scenarios or paths of ``.toml`` files."""
    repetitions: int
    results: Path
    overrides: tuple[str, ...] = ()
    dsn: str | None = None
    order_seed: int = 0
    control: bool = True
    overwrite: bool = False


@dataclass(frozen=True)
class Cell:
    """One run of the matrix."""

    request: Request
    is_control: bool = False

    @property
    def run_id(self) -> str:
        """The run's name, and its history's."""
        return self.request.run_id

    @property
    def digest(self) -> str:
        """Of the resolved scenario, as run_start has it."""
        return self.request.resolved.digest

    @property
    def history(self) -> Path:
        """Where the finished history stands."""
        return self.request.results / f"{self.run_id}.jsonl"


@dataclass(frozen=True)
class NotOffered:
    """A cell that cannot be: the library lacks the preset, or cannot work as the scenario asks."""

    scenario: str
    library: str
    preset: str
    why: str


@dataclass(frozen=True)
class Plan:
    """The cells in the order in which they are carried out."""

    cells: list[Cell]
    not_offered: list[NotOffered]


@dataclass(frozen=True)
class Source:
    """A scenario of the matrix."""

    resolved: ResolvedScenario

    @property
    def name(self) -> str:
        """The first part of its runs' names."""
        return self.resolved.scenario.name


def plan_matrix(wish: Wish) -> Plan:
    """Check every name and lay the cells out. Raises `CrashbenchError` before anything is run."""
    _check_names(wish)
    sources = [Source(resolve_scenario(name, wish.overrides)) for name in wish.scenarios]
    _refuse_equal_names(sources)
    subjects = [(library, preset) for preset in wish.presets for library in wish.libraries]
    cells: list[Cell] = []
    absent: dict[tuple[str, str, str], NotOffered] = {}
    asked = interleaved(sources, subjects, wish.repetitions, wish.order_seed)
    for source, subject, ordinal in chain(asked, _controls(wish, sources)):
        made = _cell(wish, source, subject, ordinal)
        if isinstance(made, Cell):
            cells.append(made)
        else:
            absent[made.scenario, made.library, made.preset] = made
    return Plan(cells, list(absent.values()))


def interleaved(
    sources: Sequence[Source],
    subjects: Sequence[tuple[str, str]],
    repetitions: int,
    order_seed: int,
) -> Iterator[tuple[Source, tuple[str, str], int]]:
    """Every source x subject x ordinal once; see the module's text for the order."""
    for ordinal in range(1, repetitions + 1):
        turn = order_seed + ordinal - 1
        for place, source in enumerate(rotated(sources, turn)):
            for subject in rotated(subjects, turn + place):
                yield source, subject, ordinal


def rotated(items: Sequence[ItemT], by: int) -> list[ItemT]:
    """`items`, beginning with the one at `by`, which may be of any size."""
    begin = by % len(items) if items else 0
    return [*items[begin:], *items[:begin]]


def _controls(
    wish: Wish, sources: Sequence[Source]
) -> Iterator[tuple[Source, tuple[str, str], int]]:
    """The no-fault control of each tuned preset, where the matrix has not got it anyway."""
    names = {source.name for source in sources}
    if not wish.control or CONTROLLED_PRESET not in wish.presets or CONTROL_SCENARIO in names:
        return
    control = Source(resolve_scenario(CONTROL_SCENARIO))
    for library in wish.libraries:
        if CONTROLLED_PRESET in _presets_of(library):
            yield control, (library, CONTROLLED_PRESET), 1


def _cell(wish: Wish, source: Source, subject: tuple[str, str], ordinal: int) -> Cell | NotOffered:
    given, preset = subject
    library = find_library(given).name
    offered = _presets_of(given)
    if preset not in offered:
        why = f"{library} has no preset {preset}: it has {', '.join(offered)}"
        return NotOffered(source.name, library, preset, why)
    try:
        request = make_request(
            source.resolved,
            library=given,
            preset=preset,
            ordinal=ordinal,
            dsn=wish.dsn,
            results=wish.results,
            overwrite=wish.overwrite,
        )
    except (UnknownNameError, NotOfferedError) as error:
        return NotOffered(source.name, library, preset, str(error))
    is_control = source.resolved.source == CONTROL_SCENARIO and preset == CONTROLLED_PRESET
    return Cell(request, is_control)


def _presets_of(library: str) -> Sequence[str]:
    return find_library(library).load().presets


def _check_names(wish: Wish) -> None:
    for what, names in (
        ("library", wish.libraries),
        ("preset", wish.presets),
        ("scenario", wish.scenarios),
    ):
        if not names:
            raise UnknownNameError(f"a matrix needs at least one {what}, none was given")
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise UnknownNameError(f"the {what} {twice[0]} was given twice: leave one of them out")
    offered = {name for library in wish.libraries for name in _presets_of(library)}
    for preset in wish.presets:
        if preset not in offered:
            raise UnknownNameError(
                f"none of {', '.join(wish.libraries)} has a preset {preset!r}; "
                f"{nearest_and_all(preset, sorted(offered))}"
            )


def _refuse_equal_names(sources: Sequence[Source]) -> None:
    named = Counter(source.name for source in sources)
    twice = [name for name, count in named.items() if count > 1]
    if twice:
        raise UnknownNameError(
            f"two scenario files are called {twice[0]}, and so would be their runs: rename one"
        )

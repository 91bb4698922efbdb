"""What a matrix is to carry out, and in which order. Pure: nothing is started or written here.

Runs are interleaved so that a drift of the machine falls on every library alike: repetition by
repetition, within one scenario by scenario, within one library by library. Each of these blocks
begins with another subject, one further on than the block before, so that each comes first equally
often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from orchestrator.commands.matrix.controls import CONTROL_SCENARIO, CONTROLLED_PRESET, cut_to
from orchestrator.errors import NotOfferedError, UnknownNameError, UnknownSettingError
from orchestrator.libraries.library import find_library
from orchestrator.run.request import Request, make_request
from orchestrator.scenario.load import ResolvedScenario, resolve_scenario
from orchestrator.scenario.reader import nearest_and_all

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
    settings: tuple[str, ...] = ()
    """``KEY=VALUE`` each; a library that has not got one is 'not offered'."""
    dsn: str | None = None
    order_seed: int = 0
    control: bool = True
    overwrite: bool = False


@dataclass(frozen=True)
class MatrixRun:
    """One run of the matrix."""

    request: Request
    is_control: bool = False
    control: str | None = None
    """The run_id of the no-fault control that its column rests on; None = it needs none, or there
    is none."""

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
    """What cannot be: the library lacks the preset or a setting, or cannot work as the scenario
    asks; or no control has the settings that the scenario's jobs lead to."""

    scenario: str
    library: str
    preset: str
    why: str
    lacks_setting: bool = False


@dataclass(frozen=True)
class Plan:
    """The runs in the order in which they are carried out."""

    runs: list[MatrixRun]
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
    """Check every name and lay the runs out. Raises `CrashbenchError` before anything is run."""
    _check_names(wish)
    sources = [Source(resolve_scenario(name, wish.overrides)) for name in wish.scenarios]
    _refuse_equal_names(sources)
    subjects = [(library, preset) for preset in wish.presets for library in wish.libraries]
    made = [
        _run(wish, *one)
        for one in interleaved(sources, subjects, wish.repetitions, wish.order_seed)
    ]
    runs = [run for run in made if isinstance(run, MatrixRun)]
    absent = [run for run in made if isinstance(run, NotOffered)]
    lacking = [run.why for run in absent if run.lacks_setting]
    if lacking and not runs:
        raise UnknownSettingError(lacking[0])
    if wish.control:
        runs, without = _with_controls(wish, runs)
        absent += without
    return Plan(runs, list({(a.scenario, a.library, a.preset): a for a in absent}.values()))


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


def _with_controls(
    wish: Wish, runs: Sequence[MatrixRun]
) -> tuple[list[MatrixRun], list[NotOffered]]:
    """The runs, each beside the name of its control, and behind them the controls that the matrix
    has not got anyway; what no control can be made for stands apart."""
    shipped = Source(resolve_scenario(CONTROL_SCENARIO))
    controls: dict[tuple[str, str, str | None], MatrixRun | NotOffered] = {}
    planned = {run.run_id: run for run in runs}
    beside: list[MatrixRun] = []
    for run in runs:
        if not _needs_control(run.request) or run.is_control:
            beside.append(run)
            continue
        key = run.request.library_given, run.request.preset.name, run.request.preset_hash
        if key not in controls:
            controls[key] = _control_of(wish, run.request, shipped)
        control = controls[key]
        name = control.run_id if isinstance(control, MatrixRun) else None
        beside.append(replace(run, control=name))
    found = {one.run_id: one for one in controls.values() if isinstance(one, MatrixRun)}
    extra = [control for run_id, control in found.items() if run_id not in planned]
    return [*beside, *extra], [one for one in controls.values() if isinstance(one, NotOffered)]


def _needs_control(request: Request) -> bool:
    """Single settings that were changed are somebody's tuning, whatever the preset."""
    return request.base_preset == CONTROLLED_PRESET or bool(request.changes)


def _control_of(wish: Wish, request: Request, shipped: Source) -> MatrixRun | NotOffered:
    """The control whose preset resolves to the same settings as that of `request`."""
    longest_s = request.resolved.capacity.longest_length_s
    subject = request.library_given, request.base_preset
    for words in ((), cut_to(shipped.resolved.scenario, longest_s)):
        if words is None:
            continue
        source = Source(resolve_scenario(CONTROL_SCENARIO, words)) if words else shipped
        made = _run(wish, source, subject, 1)
        if isinstance(made, NotOffered) or made.request.preset_hash == request.preset_hash:
            return made
    return NotOffered(
        CONTROL_SCENARIO,
        request.library,
        request.preset.name,
        f"its settings in {request.scenario.name} follow from jobs of at most {longest_s:g} s, and "
        "the control cannot be made with such jobs: nothing will be said of live duplicates there",
    )


def _run(
    wish: Wish, source: Source, subject: tuple[str, str], ordinal: int
) -> MatrixRun | NotOffered:
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
            settings=wish.settings,
        )
    except (UnknownNameError, NotOfferedError, UnknownSettingError) as error:
        lacks_setting = isinstance(error, UnknownSettingError)
        return NotOffered(source.name, library, preset, str(error), lacks_setting)
    is_control = source.resolved.source == CONTROL_SCENARIO and _needs_control(request)
    return MatrixRun(request, is_control)


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

"""The top of RESULTS.md: all runs in a sentence, every library and preset in one table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from analysis.compare.cells import Block, Cell, Run
from analysis.compare.control import control_text, counted, is_control, reported
from analysis.compare.samples import LIMITED_MARK, NO_VALUE
from analysis.metrics.kill_types import Recovery
from analysis.report.markdown import escaped, table
from analysis.summary.types import JobsSection

CRASH_SCENARIOS = ("crash_recovery", "crash_recovery_repeated", "crash_recovery_short")
"""Which one a row's crash figures are taken from: the first of these that it has, else whichever
has timed kills."""
NOTIFY_SCENARIOS = ("notify_latency", "notify_latency_short")
COLUMNS = (
    "",
    "version",
    "jobs",
    "lost",
    "left behind",
    "given up",
    "kills",
    "duplicates a kill",
    "first orphan, s",
    "bound, s",
    "resumes, s",
    "notify p50 / p95, ms",
    "no-fault control",
    "kills of",
)
TEXT_COLUMNS = 2
HOW_TO_READ_IT = f"""\
*jobs*, *lost*, *left behind* and *given up* (though nothing had been planned to fail for good)
count every valid run of the row. The figures of kills are of the timed kills in the scenario that
the last column names: *duplicates a kill* is the mean (least to most), *first orphan* and *resumes*
are the median (least to most) in seconds from the kill. *bound* is the library's own latest instant
for the first orphan; **missed** says after how many kills that was not kept. {LIMITED_MARK} = the
machine stalled meanwhile.\
"""


@dataclass(frozen=True)
class _Subject:
    """One library under one preset on one machine: a row."""

    library: str
    preset: str
    cells: list[Cell]
    reported: list[Cell]
    """Without those whose control says that they are not to be reported."""
    invalid: int


def finding(blocks: Sequence[Block]) -> str:
    """What became of all jobs of all valid runs, in a sentence."""
    runs = [run for block in blocks for run in block.runs]
    if not runs:
        return "No result: no run is valid."
    jobs = [run.summary.jobs for run in runs]
    kills = [kill for run in runs for kill in run.summary.recovery]
    fates = [
        (sum(one.lost for one in jobs), "lost"),
        (sum(one.stranded for one in jobs), "left behind"),
        (sum(one.given_up for one in jobs), "given up"),
        (sum(one.duplicated for one in jobs), "executed twice"),
    ]
    total = f"{sum(one.enqueued for one in jobs):,} jobs"
    absent = [words for count, words in fates if not count]
    found = [(count, words) for count, words in fates if count]
    head = ", ".join(
        [
            *(
                f"{count:,} {'' if place else f'of {total} '}{words}"
                for place, (count, words) in enumerate(found)
            ),
            *([f"none {'' if found else f'of {total} '}{_or(absent)}"] if absent else []),
        ]
    )
    head = head[:1].upper() + head[1:]
    picked = [kill for kill in kills if kill.within_bound is not None]
    missed = sum(kill.missed_bound for kill in picked)
    return f"{head}{_in_time(missed, len(picked))}."


def _in_time(missed: int, kills: int) -> str:
    if not kills:
        return ""
    if missed:
        return (
            f"; the first orphan came back later than expected after {missed:,} of {kills:,} kills"
        )
    return f"; the first orphan came back in time after all {kills:,} kills that left any"


def _or(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def overview_lines(machine: Sequence[Block]) -> list[str]:
    """One row for each library and preset of one machine."""
    rows = [_row(subject, machine) for subject in _subjects(machine)]
    return [*table(COLUMNS, rows, left=TEXT_COLUMNS), ""] if rows else []


def _subjects(machine: Sequence[Block]) -> Iterator[_Subject]:
    cells: defaultdict[tuple[str, str], list[Cell]] = defaultdict(list)
    kept: defaultdict[tuple[str, str], list[Cell]] = defaultdict(list)
    invalid: defaultdict[tuple[str, str], int] = defaultdict(int)
    for block in machine:
        for cell in block.cells:
            cells[cell.library, cell.preset].append(cell)
        for cell in reported(block, machine).cells:
            kept[cell.library, cell.preset].append(cell)
        for run in block.invalid:
            invalid[run.start.library, run.start.preset] += 1
    for key in sorted({*cells, *invalid}):
        yield _Subject(*key, cells[key], kept[key], invalid[key])


def _row(subject: _Subject, machine: Sequence[Block]) -> Sequence[str]:
    runs = [run for cell in subject.cells for run in cell.runs]
    jobs = [run.summary.jobs for run in runs]
    versions = sorted({run.start.library_version for run in runs})
    label = f"{subject.library} {subject.preset}"
    return (
        escaped(label if not subject.invalid else f"{label} ({subject.invalid} invalid)"),
        escaped(", ".join(versions)) or NO_VALUE,
        *(_total(jobs, count) for count in _COUNTED),
        *_crash(subject, machine),
    )


_COUNTED: tuple[Callable[[JobsSection], int], ...] = (
    lambda jobs: jobs.enqueued,
    lambda jobs: jobs.lost,
    lambda jobs: jobs.stranded,
    lambda jobs: jobs.given_up,
)


def _total(jobs: Sequence[JobsSection], count: Callable[[JobsSection], int]) -> str:
    return f"{sum(map(count, jobs)):,}" if jobs else NO_VALUE


def _crash(subject: _Subject, machine: Sequence[Block]) -> Iterator[str]:
    """The figures of the kills, the notice of a new job, and the control."""
    cell = _crash_cell(subject.reported)
    kills = [] if cell is None else _timed(cell)
    twice = [kill.duplicates for kill in kills]
    yield str(len(kills)) if kills else NO_VALUE
    yield _spread(twice, f"{fmean(twice):.3g}" if twice else "")
    yield _seconds(kills, lambda kill: kill.first_orphan_pickup_s, _missing(kills))
    yield _bound(kills)
    yield _seconds(kills, lambda kill: kill.time_to_resume_s, NO_VALUE)
    yield _notify(subject.reported)
    shown = cell or _crash_cell(subject.cells)
    yield NO_VALUE if shown is None else control_text(shown, machine, needs_none=NO_VALUE)
    yield NO_VALUE if cell is None else escaped(cell.runs[0].start.scenario_name)


def _timed(cell: Cell) -> list[Recovery]:
    return [kill for run in cell.runs for kill in run.summary.recovery if not kill.biased]


def _crash_cell(cells: Sequence[Cell]) -> Cell | None:
    """Of the scenario that comes first; of several conditions, those with the most kills."""
    found = [cell for cell in cells if _timed(cell)]
    return min(found, key=_precedence, default=None)


def _precedence(cell: Cell) -> tuple[int, str, int, str]:
    name = cell.runs[0].start.scenario_name
    known = CRASH_SCENARIOS.index(name) if name in CRASH_SCENARIOS else len(CRASH_SCENARIOS)
    return known, name, -len(_timed(cell)), cell.cell_hash


def _missing(kills: Sequence[Recovery]) -> str:
    """Where no orphan came back: whether any had to."""
    return "not seen" if any(kill.orphans for kill in kills) else NO_VALUE


def _seconds(
    kills: Sequence[Recovery], figure: Callable[[Recovery], float | None], missing: str
) -> str:
    known = [(kill, s) for kill in kills if (s := figure(kill)) is not None]
    sound = [s for kill, s in known if kill.machine_limited is False]
    values = sound or [s for _, s in known]
    if not values:
        return missing
    mark = "" if sound else LIMITED_MARK
    return f"{_spread([round(s, 1) for s in values], f'{median(values):.1f}')}{mark}"


def _spread(values: Sequence[float], middle: str) -> str:
    if not values:
        return NO_VALUE
    least, most = min(values), max(values)
    return middle if least == most else f"{middle} ({least:g} to {most:g})"


def _bound(kills: Sequence[Recovery]) -> str:
    bounds = [round(k.predicted_bound_s, 1) for k in kills if k.predicted_bound_s is not None]
    if not bounds:
        return "never" if kills else NO_VALUE
    missed = sum(kill.missed_bound for kill in kills)
    return f"{max(bounds):g}{f', **missed {missed}**' if missed else ''}"


def _notify(cells: Sequence[Cell]) -> str:
    for name in NOTIFY_SCENARIOS:
        runs = [run for cell in cells for run in cell.runs if run.start.scenario_name == name]
        found = [run.summary.latency_ms.pickup for run in runs]
        p50 = [latency.p50 for latency in found if latency.p50 is not None]
        p95 = [latency.p95 for latency in found if latency.p95 is not None]
        if p50 and p95:
            return f"{median(p50):,.1f} / {median(p95):,.1f}"
    return NO_VALUE


def scenario_table(blocks: Sequence[Block], link: Callable[[str], str]) -> list[str]:
    """A row a scenario; `link` makes of its name what leads to the rest."""
    names = sorted({block.scenario for block in blocks})
    rows = []
    for name in names:
        of_it = [block for block in blocks if block.scenario == name]
        runs = [run for block in of_it for run in block.runs]
        invalid = [run for block in of_it for run in block.invalid]
        jobs = [run.summary.jobs for run in runs]
        kind = " (control)" if is_control(of_it[0]) else ""
        rows.append(
            (
                f"{link(name)}{kind}",
                str(len(runs) + len(invalid)),
                counted(_verdict(run) for run in [*runs, *invalid]),
                *(
                    f"{sum(map(count, jobs)):,}"
                    for count in (_COUNTED[0], lambda found: found.duplicated, *_COUNTED[1:])
                ),
            )
        )
    headings = ("scenario", "runs", "verdicts", "jobs", "executed twice", *COLUMNS[3:6])
    return [*table(headings, rows), ""]


def _verdict(run: Run) -> str:
    return "invalid" if run.is_invalid else run.summary.verdict

"""What a terminal shows of an enumeration: a line a run, then the table to act on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from analysis.compare.crash_points import (
    CrashPoints,
    PointOutcome,
    PointRun,
    PointVerdict,
    pace_of,
)
from analysis.report.crash_points_page import late_words, short_statement
from orchestrator.commands.crash_points.enumeration import Progress

STYLES: dict[PointVerdict, str] = {
    "invalid": "bold magenta",
    "not_reached": "magenta",
    "lost": "bold red",
    "stuck": "bold red",
    "stranded": "bold red",
    "given_up": "bold red",
    "unknown": "magenta",
    "duplicated": "yellow",
    "late": "yellow",
    "re-executed": "cyan",
    "uncontested": "dim",
    "clean": "green",
}
_SQL_WIDTH = 60
_LEAST_SQL_WIDTH = 40
_VERDICT_WIDTH = 22
_MINUTES_FROM_S = 120


def print_progress(progress: Progress, console: Console) -> None:
    """One line for a run that has ended."""
    place = f"{progress.done:>{len(str(progress.of))}}/{progress.of}"
    left = f"  on {progress.machine}" if progress.machine else ""
    left += "" if progress.left_s is None else f"  {_left(progress.left_s)}"
    if progress.trial is None or progress.result is None:
        console.print(Text(f"{place}  {progress.run_id}  listed{left}"), soft_wrap=True)
        return
    point, verdict = progress.trial.point, progress.result.verdict
    console.print(
        Text.assemble(
            f"{place}  {point.name.id} {progress.trial.action:<5} {progress.trial.side:<7} ",
            (f"{verdict:<11}", STYLES[verdict]),
            f" {point.phase or 'idle, too'}: {short_statement(point.name.statement, _SQL_WIDTH)}",
            (left, "dim"),
        ),
        soft_wrap=True,
    )


def print_table(table: CrashPoints, console: Console) -> None:
    """Every point, then what was folded, left out, and how it went."""
    shown = ""
    for point in table.points:
        if point.id != shown:
            shown = point.id
            console.print(_heading(point, console.width), soft_wrap=True)
        console.print(_outcome(point), soft_wrap=True)
    console.print()
    for line in summary_lines(table):
        console.print(Text(line), soft_wrap=True)
    for point in table.points:
        for sentence in [why for run in point.runs for why in run.why]:
            where = f"{point.id} {point.action} {point.side}"
            console.print(Text(f"{where}: {sentence}"), soft_wrap=True)


def _heading(point: PointOutcome, width: int) -> Text:
    """A point on one line of the terminal, as much of its SQL as there is room for."""
    wave = "" if point.wave is None else str(point.wave)
    place = f"{point.workload:<6} {wave:<1}  {point.phase or 'idle, too':<11}"
    name = f"{point.id}  {place} {point.ordinal:>2}  "
    statement = short_statement(point.statement, max(_LEAST_SQL_WIDTH, width - len(name)))
    return Text.assemble((name, "bold"), statement)


def _outcome(point: PointOutcome) -> Text:
    verdict = _verdict(point)
    verdict.pad_right(max(0, _VERDICT_WIDTH - len(verdict)))
    where = f"{'':<10}{point.action:<5}  {point.side:<7}  "
    line = Text.assemble(where, verdict, f" {_recovery(point.runs)}")
    line.rstrip()
    return line


def summary_lines(table: CrashPoints) -> list[str]:
    """How many points there are, what they came to, and what was not tried."""
    verdicts = Counter(point.verdict for point in table.points)
    counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    tried = {point.id for point in table.points}
    folded = sum({point.id: point.folded for point in table.points}.values())
    unsteady = len(table.unsteady)
    lines = [
        f"{f'{table.library} {table.library_version}'.rstrip()}, {table.preset}: "
        f"{len(tried)} points, "
        f"{len(table.points)} with their sides: {counted or 'nothing was tried'}.",
        f"{folded} further round trips were folded into them, {len(table.nothing_executed)} "
        f"execute nothing, {unsteady} were not in every run without harm.",
        *_before_unknown(len(table.before_unknown)),
        *(f"{action}: not tried, as {why}." for action, why in table.not_tried.items()),
        *_pace(table),
    ]
    disagree = sorted({point.id for point in table.points if point.nondeterministic})
    if disagree:
        lines.append(f"Repetitions disagree at {', '.join(disagree)}.")
    return lines


def _pace(table: CrashPoints) -> Iterator[str]:
    pace = pace_of(table)
    if pace is not None:
        yield (
            f"The whole enumeration took {table.took_s:.0f} s = {pace.ratio:.1f} times its longest "
            f"single recovery wait ({pace.longest_s:.1f} s) x {table.runs} runs / {table.lanes} "
            "lanes."
        )
    else:
        earlier = f", and {table.kept} were there from an earlier call" if table.kept else ""
        yield f"{table.runs} runs on {table.lanes} lanes took {table.took_s:.0f} s{earlier}."


def _before_unknown(count: int) -> Iterator[str]:
    if count:
        yield (
            f"Before {count} of them nothing was tried: which of several equal requests finds rows "
            "differs from run to run."
        )


def _verdict(point: PointOutcome) -> Text:
    text = Text(point.verdict, style=STYLES[point.verdict])
    if point.nondeterministic:
        text.append(" (" + ", ".join(run.verdict for run in point.runs) + ")")
    elif any(run.concurrent for run in point.runs):
        text.append(" at once")
    elif any(run.still_owed for run in point.runs):
        text.append(", row left")
    if late := late_words(point):
        text.append(f", {late}")
    return text


def _recovery(runs: tuple[PointRun, ...]) -> str:
    """The longest, against the bound."""
    known = [run.recovery_s for run in runs if run.recovery_s is not None]
    if not known:
        return ""
    bounds = [run.bound_s for run in runs if run.bound_s is not None]
    most = f" of {max(bounds):.1f} s" if bounds else " s"
    return f"back after {max(known):.2f}{most}"


def _left(left_s: float) -> str:
    if left_s >= _MINUTES_FROM_S:
        return f"about {left_s / 60:.0f} min left"
    return f"about {left_s:.0f} s left"

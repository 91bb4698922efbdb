"""Shows a matrix: one line a run as it ends, the rest as a bar on a terminal, then a table."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from analysis.report.answer import Harm
from analysis.report.terminal import HARM_STYLES, verdict_style
from analysis.summary.verdict import PRECEDENCE
from orchestrator.commands.matrix.outcome import Outcome
from orchestrator.commands.matrix.plan import MatrixRun, Plan

_STYLES = {"not offered": "dim", "error": "bold red"}
_HARMS: tuple[Harm, ...] = ("none", "mild", "void", "grave")
"""The worst last."""
_BAR_WIDTH = 40
_LEAST_BAR_WIDTH = 5
_GAP = 2
"""Characters between two columns."""
_MINUTES_FROM_S = 120
_MOST_MACHINES = 20
"""So many get a line of their own in the live view."""
_UNBROKEN = frozenset({"scenario", "control"})
"""The table's columns that keep to one line, however narrow the terminal is."""
_AS_WIDE_AS_NEEDED = 10_000


class MatrixView:
    """A context manager; the `Matrix` reports to it how that goes on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(Text(""), console=console, auto_refresh=False, transient=True)
            if console.is_terminal
            else None
        )
        self._place = (0, 1)
        self._under_way: dict[str, str] = {}
        """By the run's id: its machine, empty for this one."""

    def announce(self, plan: Plan, kept: int, left_s: float | None) -> None:
        """What is about to happen; `left_s` is for what is not kept."""
        how_many = f", {kept} kept" if kept else ""
        self._say(Text(f"{len(plan.runs)} runs{how_many}{_left(left_s)}"))
        for run in plan.not_offered:
            line = f"not offered: {run.scenario}, {run.library}, {run.preset}: {run.why}"
            self._say(Text(line, style="dim"))

    def begin(
        self, done: int, of: int, run: MatrixRun, left_s: float | None, machine: str = ""
    ) -> None:
        """`run` is about to run."""
        self._place = (done, of)
        self._under_way[run.run_id] = machine
        self.tick(0.0, left_s)

    def tick(self, elapsed_s: float, left_s: float | None) -> None:
        """The runs go on."""
        if self._live is None:
            return
        self._live.update(
            Group(self._line(f"{elapsed_s:.0f} s{_left(left_s)}"), *self._machines()), refresh=True
        )

    def give_back(self, run_id: str) -> None:
        """It is no longer under way where it was."""
        self._under_way.pop(run_id, None)

    def note(self, sentence: str) -> None:
        """A line of its own."""
        self._say(Text(sentence, style="yellow"))

    def _machines(self) -> Iterator[Text]:
        """Which machine runs what, a line each."""
        on = [(machine, run_id) for run_id, machine in self._under_way.items() if machine]
        for machine, run_id in sorted(on)[:_MOST_MACHINES]:
            yield Text(f"  {machine}  {run_id}", style="dim", no_wrap=True)
        if len(on) > _MOST_MACHINES:
            yield Text(f"  and {len(on) - _MOST_MACHINES} more machines", style="dim")

    def _line(self, time: str) -> Table:
        """The bar takes what the words leave of the line, and none where that is too little."""
        done, of = self._place
        many = len(self._under_way) > 1
        under_way = f"{len(self._under_way)} under way" if many else "".join(self._under_way)
        words = (f"{done}/{of}", under_way, time)
        spare = self._console.width - sum(len(word) + _GAP for word in words)
        bar = ProgressBar(total=of, completed=done, width=min(_BAR_WIDTH, spare))
        line = Table.grid(padding=(0, _GAP))
        bars = [bar] if spare >= _LEAST_BAR_WIDTH else []
        for wraps in [*[False] * len(bars), False, False, True]:
            line.add_column(no_wrap=not wraps)
        line.add_row(*bars, Text(words[0]), Text(words[1], style="bold"), Text(time, style="dim"))
        return line

    def end(self, done: int, of: int, outcome: Outcome, left_s: float | None) -> None:
        """A run is done, kept or failed."""
        self._under_way.pop(outcome.run_id, None)
        verdict = Text(outcome.verdict, style=_style(outcome.verdict, outcome.harm))
        how = "kept" if outcome.kept else f"{outcome.took_s:.0f} s"
        how += f" on {outcome.machine}" if outcome.machine else ""
        rest = Text(f"  {how}{_left(left_s)}", style="dim")
        self._say(Text.assemble(f"{done:>{len(str(of))}}/{of}  {outcome.run_id}  ", verdict, rest))
        if outcome.finding:
            self._say(Text(f"  {outcome.finding}", style=HARM_STYLES[outcome.harm]))

    def _say(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()


def print_outcomes(outcomes: Sequence[Outcome], console: Console) -> None:
    """One row for each scenario, library and preset; below it every reason.

    A tuned preset's row says how its no-fault control came out, and its duplicate executions.
    """
    rows: defaultdict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        rows[outcome.scenario, outcome.library, outcome.preset].append(outcome)
    controls = {outcome.run_id: outcome for outcome in outcomes if outcome.is_control}
    headings = ["scenario", "library, preset", "verdicts", "duplicates"]
    headings += ["control"] if controls else []
    cells: list[list[Text]] = []
    for (scenario, library, preset), of_it in sorted(rows.items()):
        beside = [Text(_format_controls(of_it, controls))] if controls else []
        cells.append([Text(scenario), Text(f"{library} {preset}"), *_figures(of_it), *beside])
    console.print()
    console.print(_table(headings, cells, console), crop=False)
    for outcome in outcomes:
        for reason in outcome.reasons:
            line = f"{outcome.run_id}: {outcome.verdict}: {reason}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    for line in _which_controls(outcomes):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _which_controls(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Which columns rest on which control."""
    resting: defaultdict[str, dict[str, None]] = defaultdict(dict)
    made = {outcome.run_id for outcome in outcomes if outcome.is_control}
    for outcome in outcomes:
        if outcome.control is not None and outcome.control in made:
            resting[outcome.control][outcome.scenario] = None
    for control, scenarios in resting.items():
        yield f"control of {', '.join(scenarios)}: {control}"


def print_next(results: Path, program: Sequence[str], console: Console) -> None:
    """Where the runs are, and what makes something of them; `program` = how to call Crashbench."""
    for line in (
        f"written:    {results}",
        f"RESULTS.md: {shlex.join([*program, 'results', str(results)])} > RESULTS.md",
        f"charts:     {shlex.join([*program, 'report', str(results)])}",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(headings: Sequence[str], rows: Sequence[Sequence[Text]], console: Console) -> Table:
    """Breaks between words only. A file or a pipe has no width that it would have to keep to."""
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for place, heading in enumerate(headings):
        words = [heading, *(row[place].plain for row in rows)]
        longest = max(len(word) for text in words for word in text.split())
        table.add_column(heading, no_wrap=heading in _UNBROKEN, min_width=longest, overflow="fold")
    for row in rows:
        table.add_row(*row)
    if not console.is_terminal:
        options = console.options.update(width=_AS_WIDE_AS_NEEDED)
        table.width = console.measure(table, options=options).maximum
    return table


def _figures(outcomes: Sequence[Outcome]) -> tuple[Text, Text]:
    counts = Counter(outcome.verdict for outcome in outcomes)
    worst = min(outcomes, key=lambda outcome: PRECEDENCE.index(outcome.exit_code)).verdict
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    duplicates = " ".join("-" if o.duplicates is None else str(o.duplicates) for o in outcomes)
    harm = max((outcome.harm for outcome in outcomes), key=_HARMS.index)
    return Text(verdicts, style=_style(worst, harm)), Text(duplicates)


def _style(verdict: str, harm: Harm) -> str:
    return _STYLES.get(verdict) or verdict_style(verdict, harm)


def _format_controls(of_it: Sequence[Outcome], controls: Mapping[str, Outcome]) -> str:
    """Verdict and duplicates of the controls that these runs rest on, or that they are."""
    names = dict.fromkeys(o.run_id if o.is_control else o.control or "" for o in of_it)
    found = [controls[name] for name in names if name in controls]
    return "; ".join(
        one.verdict if one.duplicates is None else f"{one.verdict}, {one.duplicates}"
        for one in found
    )


def _left(left_s: float | None) -> str:
    if left_s is None or left_s < 1:
        return ""
    if left_s < _MINUTES_FROM_S:
        return f", about {left_s:.0f} s left"
    return f", about {left_s / 60:.0f} min left"

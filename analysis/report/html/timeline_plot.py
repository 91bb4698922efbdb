"""A kill's timeline: every job that was in flight, across the kill, until it came to its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Final

import numpy as np

from analysis.evidence.deaths import Death
from analysis.evidence.executions import Evidence, Execution
from analysis.ledger.case import Case
from analysis.ledger.ledger import judge
from analysis.metrics.kill_types import Recovery
from analysis.report.grid import Grid
from analysis.report.html.broken_axis import BrokenAxis, broken_axis
from analysis.report.html.plot import Clock, Json, NoPlot, Plot, Shown, bar_marker, rows_axis
from analysis.report.number_format import seconds, words

MOST_BARS: Final = 60
"""More jobs than these are left to the table."""
LETTERS: Final = ascii_lowercase
NEAR: Final = 0.012
"""Of the axis' length: nearer marks than these would have their letters upon one another."""
ROW_PX: Final = 22
FRAME_PX: Final = 190

STYLES: Final = {
    "cut off by the kill": ("--cut", "/"),
    "cut off after its effect was committed": ("--done-before", "/"),
    "completed before the kill, unacknowledged": ("--done-before", "\\"),
    "failed before the kill, unacknowledged": ("--erred", "-"),
    "waiting": ("--waiting", "."),
    "redelivery, completed": ("--done", ""),
    "redelivery, completed once more": ("--again", "x"),
    "redelivery, failed": ("--erred", "|"),
    "redelivery without an end": ("--open", "+"),
}
"""By what a bar shows: its colour and its pattern, in the order of the legend."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a job's bar; nanoseconds."""

    what: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant that is drawn across the bars; seconds from the kill."""

    name: str
    at_s: float
    colour: str


@dataclass(frozen=True)
class Crossing:
    """One in-flight job across a kill."""

    job_id: str
    verdict: str
    phase: str
    """Where the kill found it."""
    stretches: list[Stretch]

    def first(self, prefix: str) -> Stretch | None:
        """The first stretch whose name begins so."""
        return next((s for s in self.stretches if s.what.startswith(prefix)), None)


def end_of_timeline(case: Case, death: Death, end_ns: int) -> int:
    """When a death's timeline is over: at the next death of the same slot, or of a worker that had
    one of the same jobs in hand again; else with the run, at `end_ns`."""
    mine = death.victim
    later = (other for other in case.deaths if other.victim.died_ns > mine.died_ns)
    ended = (
        other.victim.died_ns
        for other in later
        if other.victim.slot == mine.slot or other.phases.keys() & death.phases.keys()
    )
    return min(ended, default=end_ns)


def crossings(case: Case, death: Death, end_ns: int) -> list[Crossing]:
    """The jobs that a death found in flight: the first redelivered one first, then by their start
    before the kill. `end_ns` = when the timeline is over."""
    wanted = np.zeros(len(case.history.jobs), np.bool_)
    wanted[list(death.phases)] = True
    found = []
    for evidence in case.evidence(wanted):
        number = case.history.jobs.number(evidence.job_id)
        assert number is not None, f"{evidence.job_id} was found in flight and has no number"
        verdict = judge(evidence, case.rules).verdict if evidence.planned else "unexpected"
        stretches = list(_stretches(evidence, death, end_ns))
        found.append(Crossing(evidence.job_id, verdict, death.phases[number], stretches))

    def place(crossing: Crossing) -> tuple[int, int, str]:
        again, before = crossing.first("redelivery"), crossing.stretches
        ends = (again.from_ns if again else end_ns, before[0].from_ns if before else end_ns)
        return *ends, crossing.job_id

    return sorted(found, key=place)


def _stretches(evidence: Evidence, death: Death, end_ns: int) -> Iterator[Stretch]:
    kill_ns, victim = death.victim.died_ns, death.victim
    mine = [
        e for e in evidence.executions if (e.slot, e.incarnation) == (victim.slot, victim.number)
    ]
    last = mine[-1] if mine else None
    if last is not None and last.started_ns is not None:
        yield _before(last, last.started_ns, kill_ns)
    later = [
        e
        for e in evidence.executions
        if e.started_ns is not None and kill_ns < e.started_ns < end_ns
    ]
    done_before = any(
        e.done for e in evidence.executions if e.started_ns is None or e.started_ns <= kill_ns
    )
    if later:
        yield Stretch("waiting", kill_ns, later[0].started_ns or kill_ns)
    elif not done_before:
        yield Stretch("waiting", kill_ns, end_ns)
    for execution in later:
        yield _after(execution, end_ns, again=done_before)
        done_before = done_before or execution.done


def _before(execution: Execution, started_ns: int, kill_ns: int) -> Stretch:
    if execution.completed_ns is not None:
        what = "completed before the kill, unacknowledged"
        return Stretch(what, started_ns, execution.completed_ns)
    if execution.failed_ns is not None:
        return Stretch("failed before the kill, unacknowledged", started_ns, execution.failed_ns)
    late = " after its effect was committed" if execution.effect else " by the kill"
    return Stretch(f"cut off{late}", started_ns, kill_ns)


def _after(execution: Execution, end_ns: int, *, again: bool) -> Stretch:
    assert execution.started_ns is not None, "only executions that started come after a kill"
    if execution.completed_ns is not None and execution.completed_ns <= end_ns:
        what = "redelivery, completed once more" if again else "redelivery, completed"
        return Stretch(what, execution.started_ns, execution.completed_ns)
    if execution.failed_ns is not None and execution.failed_ns <= end_ns:
        return Stretch("redelivery, failed", execution.started_ns, execution.failed_ns)
    gone_ns = execution.gone_ns if execution.gone_ns is not None else end_ns
    return Stretch("redelivery without an end", execution.started_ns, min(gone_ns, end_ns))


def marks_of(case: Case, death: Death, end_ns: int, kill: Recovery | None) -> list[Mark]:
    """What is drawn across a death's timeline: other deaths until its end, when its slot was ready,
    the bound, and the library's own rhythms, counted from the kill."""
    at_ns = death.victim.died_ns
    marks = [Mark("kill" if death.victim.fault is not None else "death", 0.0, "--fault-edge")]
    for other in case.deaths:
        if other is not death and at_ns <= other.victim.died_ns <= end_ns:
            fault = other.victim.fault
            name = f"kill {fault.fault}" if fault is not None else "a death unasked"
            marks.append(Mark(name, _ms(other.victim.died_ns - at_ns), "--fault-edge"))
    if kill is not None:
        marks += [
            Mark(name, at_s, colour)
            for name, at_s, colour in (
                ("ready again", kill.ready_s, "--done"),
                ("expected at most", kill.predicted_bound_s, "--series-2"),
            )
            if at_s is not None
        ]
    for name, period_s in sorted(case.history.start.periods_s.items()):
        marks.append(Mark(f"the library's {words(name)}", period_s, "--series-4"))
    return sorted(marks, key=lambda mark: mark.at_s)


def timeline_plot(
    death: Death, found: list[Crossing], clock: Clock, marks: Sequence[Mark] = ()
) -> Shown:
    """The bars, time counted from the kill."""
    fault = death.victim.fault
    name = f"kill {fault.fault}" if fault is not None else "a death unasked"
    where = f"slot {death.victim.slot}, incarnation {death.victim.number}"
    at_s = float(clock.seconds(death.victim.died_ns))
    key = f"timeline-{death.victim.slot}-{death.victim.number}"
    title = f"Timeline of {name} ({where}, T+{at_s:.3f} s)"
    if not found:
        nothing = "Nothing is known to have been" if death.claims_unknown else "Nothing was"
        return NoPlot(key, title, f"{nothing} in flight.")
    shown = found[:MOST_BARS]
    kill_ns = death.victim.died_ns
    axis = _axis(shown, kill_ns, marks)
    traces = _traces(shown, kill_ns, axis)
    left_out = f" The first {MOST_BARS} are drawn; the table has all." if found != shown else ""
    least = "At least " if death.claims_unknown else ""
    were = "job was" if len(found) == 1 else "jobs were"
    says = (
        f"{least}{len(found):,} {were} in flight. Each row is one of them: what the kill cut "
        "off or found unacknowledged on the left, the wait, then the redelivery that ended it, "
        f"seconds from the kill at 0.{left_out}{_said(axis, marks)}"
    )
    height_px = FRAME_PX + ROW_PX * len(shown)
    return Plot(key, title, says, traces, _layout(shown, axis, marks), height_px, tabled=True)


def _axis(shown: list[Crossing], kill_ns: int, marks: Sequence[Mark]) -> BrokenAxis:
    """Where something happens besides waiting; a mark alone keeps no room for itself."""
    busy = [
        (_ms(s.from_ns - kill_ns), _ms(s.to_ns - kill_ns))
        for crossing in shown
        for s in crossing.stretches
        if s.what != "waiting"
    ]
    ends = [_ms(s.to_ns - kill_ns) for crossing in shown for s in crossing.stretches]
    instants = [mark.at_s for mark in marks if mark.colour == "--fault-edge"]
    return broken_axis([(0.0, 0.0), *busy, *((at_s, at_s) for at_s in (max(ends), *instants))])


def _said(axis: BrokenAxis, marks: Sequence[Mark]) -> str:
    """What is marked, and what is left out."""
    lettered = zip(LETTERS, (mark for mark in marks if mark.at_s), strict=False)
    last_s = axis.kept[-1][1]
    parts = [
        f"{letter} = {mark.name}, {mark.at_s:.3g} s"
        + (" (beyond the right edge)" if mark.at_s > last_s else "")
        for letter, mark in lettered
    ]
    said = f" Marked, counted from the kill: {'; '.join(parts)}." if parts else ""
    gaps = [f"{begin:.2f} to {end:.2f} s" for begin, end in axis.gaps]
    return said + (f" Not to scale, as nothing ran: {', '.join(gaps)}." if gaps else "")


def _traces(shown: list[Crossing], kill_ns: int, axis: BrokenAxis) -> list[Json]:
    traces = []
    for what, (colour, pattern) in STYLES.items():
        bars = [(c, s) for c in shown for s in c.stretches if s.what == what]
        if not bars:
            continue
        lengths = [_ms(s.to_ns - s.from_ns) for _, s in bars]
        texts = [
            f"{c.job_id}: {what}, {length:.3f} s"
            for (c, _), length in zip(bars, lengths, strict=True)
        ]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": what,
                "y": [_row_name(c) for c, _ in bars],
                "base": [_place(axis, s.from_ns - kill_ns) for _, s in bars],
                "x": [
                    _place(axis, s.to_ns - kill_ns) - _place(axis, s.from_ns - kill_ns)
                    for _, s in bars
                ],
                "hovertext": texts,
                "hoverinfo": "text",
                "marker": bar_marker(colour, pattern),
                **({"width": [0.3] * len(bars)} if what == "waiting" else {}),
            }
        )
    return traces


def _ms(duration_ns: int) -> float:
    """Nanoseconds as seconds, to the millisecond: finer than a bar can show."""
    return round(duration_ns / 1e9, 3)


def _place(axis: BrokenAxis, since_kill_ns: int) -> float:
    return round(axis.at(_ms(since_kill_ns)), 6)


def _row_name(crossing: Crossing) -> str:
    if crossing.verdict == "completed_once":
        return crossing.job_id
    return f"{crossing.job_id} {words(crossing.verdict)}"


def _layout(shown: list[Crossing], axis: BrokenAxis, marks: Sequence[Mark]) -> Json:
    gaps, lengths = axis.marks()
    last_s = axis.kept[-1][1]
    drawn = [mark for mark in marks if mark.at_s <= last_s]
    lettered = [*zip(LETTERS, (mark for mark in marks if mark.at_s), strict=False)]
    return {
        "barmode": "overlay",
        "xaxis": {
            "title": {"text": "seconds from the kill"},
            "zeroline": False,
            **axis.ticks(),
        },
        "yaxis": rows_axis([_row_name(crossing) for crossing in shown]),
        "shapes": [*gaps, *(_line(axis, mark) for mark in drawn)],
        "annotations": [*lengths, *_labels(axis, lettered, last_s)],
    }


def _line(axis: BrokenAxis, mark: Mark) -> Json:
    place = round(axis.at(mark.at_s), 6)
    dash = "dash" if mark.colour == "--fault-edge" else "dot"
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": place,
        "x1": place,
        "y0": 0,
        "y1": 1,
        "line": {"color": mark.colour, "width": 1.5, "dash": dash},
        "name": mark.name,
    }


def _labels(
    axis: BrokenAxis, lettered: Sequence[tuple[str, Mark]], last_s: float
) -> Iterator[Json]:
    """A letter above each mark; letters too near to one another stand together."""
    nearest = NEAR * (axis.at(last_s) - axis.at(axis.kept[0][0]))
    places: list[tuple[float, str, str]] = []
    for letter, mark in lettered:
        place = axis.at(mark.at_s)
        if mark.at_s > last_s:
            continue
        if places and place - places[-1][0] < nearest * len(places[-1][1]):
            before, letters, colour = places[-1]
            places[-1] = (before, letters + letter, colour)
        else:
            places.append((place, letter, mark.colour))
    for place, letters, colour in places:
        yield {
            "text": letters,
            "x": round(place, 6),
            "y": 1,
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"color": colour, "size": 12},
        }


def timeline_table(death: Death, found: list[Crossing]) -> Grid:
    """The same in figures; seconds from the kill."""
    titles = ("job", "found", "started", "redelivered", "ended", "how", "verdict")
    grid = Grid(titles, text=(0, 1, 5, 6))
    kill_ns = death.victim.died_ns
    for crossing in found:
        begun = [s for s in crossing.stretches if s.from_ns < kill_ns]
        again = crossing.first("redelivery")
        ran = [s for s in crossing.stretches if s.what != "waiting"]
        grid.add_row(
            crossing.job_id,
            words(crossing.phase),
            seconds(_ms(begun[0].from_ns - kill_ns) if begun else None),
            seconds(_ms(again.from_ns - kill_ns) if again else None),
            seconds(_ms(ran[-1].to_ns - kill_ns) if ran else None),
            ran[-1].what if ran else "never run",
            words(crossing.verdict),
        )
    return grid

"""A kill's timeline: every job that was in flight, across the kill, until it came to its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.evidence.deaths import Death
from analysis.evidence.executions import Evidence, Execution
from analysis.ledger.case import Case
from analysis.ledger.ledger import judge
from analysis.report.grid import Grid
from analysis.report.html.plot import Clock, Json, NoPlot, Plot, Shown
from analysis.report.number_format import seconds, words

MOST_BARS: Final = 60
"""More jobs than these are left to the table."""
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


def crossings(case: Case, death: Death, end_ns: int) -> list[Crossing]:
    """The jobs that a death found in flight: the first redelivered one first, then by their start
    before the kill. `end_ns` = when the run ended."""
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
    later = [e for e in evidence.executions if e.started_ns is not None and e.started_ns > kill_ns]
    done_before = any(e.done for e in evidence.executions if e not in later)
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
    if execution.completed_ns is not None:
        what = "redelivery, completed once more" if again else "redelivery, completed"
        return Stretch(what, execution.started_ns, execution.completed_ns)
    if execution.failed_ns is not None:
        return Stretch("redelivery, failed", execution.started_ns, execution.failed_ns)
    gone_ns = execution.gone_ns if execution.gone_ns is not None else end_ns
    return Stretch("redelivery without an end", execution.started_ns, gone_ns)


def timeline_plot(death: Death, found: list[Crossing], clock: Clock) -> Shown:
    """The bars, time counted from the kill."""
    fault = death.victim.fault
    name = f"kill {fault.fault}" if fault is not None else "a death unasked"
    where = f"slot {death.victim.slot}, incarnation {death.victim.number}"
    at_s = float(clock.seconds(death.victim.died_ns))
    key = f"timeline-{death.victim.slot}-{death.victim.number}"
    title = f"Timeline of {name} ({where}, T+{at_s:.3f} s)"
    if not found:
        return NoPlot(key, title, "It found nothing in flight.")
    shown = found[:MOST_BARS]
    traces = _traces(shown, death.victim.died_ns)
    left_out = f" The first {MOST_BARS} are drawn; the table has all." if found != shown else ""
    says = (
        f"{len(found):,} jobs were in flight. Each row is one of them: what the kill cut off or "
        "found unacknowledged on the left, the wait, then the redelivery that ended it, seconds "
        f"from the kill at 0.{left_out}"
    )
    height_px = FRAME_PX + ROW_PX * len(shown)
    return Plot(key, title, says, traces, _layout(shown), height_px, tabled=True)


def _traces(shown: list[Crossing], kill_ns: int) -> list[Json]:
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
                "base": [_ms(s.from_ns - kill_ns) for _, s in bars],
                "x": lengths,
                "hovertext": texts,
                "hoverinfo": "text",
                "marker": {
                    "color": colour,
                    "line": {"color": "--edge", "width": 0.5},
                    "pattern": {"shape": pattern, "fillmode": "overlay", "size": 6},
                },
                **({"width": [0.3] * len(bars)} if what == "waiting" else {}),
            }
        )
    return traces


def _ms(duration_ns: int) -> float:
    """Nanoseconds as seconds, to the millisecond: finer than a bar can show."""
    return round(duration_ns / 1e9, 3)


def _row_name(crossing: Crossing) -> str:
    if crossing.verdict == "completed_once":
        return crossing.job_id
    return f"{crossing.job_id} {words(crossing.verdict)}"


def _layout(shown: list[Crossing]) -> Json:
    return {
        "barmode": "overlay",
        "xaxis": {"title": {"text": "seconds from the kill"}, "zeroline": False},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [_row_name(crossing) for crossing in shown],
            "range": [len(shown) - 0.5, -0.5],
            "dtick": 1,
            "showgrid": False,
        },
        "shapes": [
            {"type": "line", "xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1}
            | {"line": {"color": "--fault-edge", "width": 1.5, "dash": "dash"}, "name": "kill"}
        ],
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
